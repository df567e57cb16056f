/**
 * An error with its stack and those of its causes, for the output channel. Other properties are left
 * out: an error of the AWS SDK carries the request, and with it the prompt.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? text : `${text}\nCaused by: ${errorText(error.cause)}`;
}

/** The message of an error for views: a settings file is shown by name, without its folder. */
export function briefMessage({ message }: Pick<Error, 'message'>): string {
  return message.replace(/(?:[A-Za-z]:)?[\\/][^\n:]*[\\/](?=[^\n\\/:]+:\d+:\d+: )/g, '');
}
