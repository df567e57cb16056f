import { GatewayError, messageOf, systemCodeOf } from './errors.ts';

/** System errors of the path itself, not of its target. */
const ofThePath = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'];

/**
 * The error for a file that can't be written: `invalid_request` for an invalid path, otherwise
 * `internal_error`, such as a full disk or missing permissions.
 */
export function unwritable(path: string, error: unknown, hint: string): GatewayError {
  const code = ofThePath.includes(systemCodeOf(error) ?? '') ? 'invalid_request' : 'internal_error';
  return new GatewayError(code, `${path} can’t be written: ${messageOf(error)}.`, { hint, cause: error });
}
