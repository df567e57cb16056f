import { GatewayError, messageOf, systemCodeOf } from './errors.ts';

/** What is wrong with the path itself, not with the place that it leads to. */
const ofThePath = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'];

/**
 * A file that was to be written and can't be: `invalid_request` for a path that can't be one, otherwise
 * `internal_error`, as of a full disk or missing rights.
 */
export function unwritable(path: string, error: unknown, hint: string): GatewayError {
  const code = ofThePath.includes(systemCodeOf(error) ?? '') ? 'invalid_request' : 'internal_error';
  return new GatewayError(code, `${path} can’t be written: ${messageOf(error)}.`, { hint, cause: error });
}
