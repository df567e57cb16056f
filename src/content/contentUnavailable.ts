import { GatewayError, messageOf } from '../errors.ts';

/** Kept prompts and answers, or their key, can't be written or read. */
export function contentUnavailable(path: string, error: unknown): GatewayError {
  return new GatewayError(
    'content_unavailable',
    `The content file ${path} can't be used: ${messageOf(error)}.`,
    {
      hint: 'Check the permissions and free space of the folder, or keep less with audit.content in settings.yaml.',
      cause: error,
    },
  );
}

/** A content file or key was changed since it was written. */
export function contentChanged(path: string, what: string): GatewayError {
  return new GatewayError('content_unavailable', `The content file ${path} can't be used: ${what}.`, {
    hint: 'Restore the file, and the key of its user in content/keys, from a backup of the same time.',
  });
}
