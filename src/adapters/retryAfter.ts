type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * How long a provider asks to wait before the call is repeated, in milliseconds; undefined if it doesn't say. Names are in
 * lower case. `retry-after` is in seconds or an HTTP date (RFC 9110, section 10.2.3), the others are in milliseconds.
 */
export function retryAfterMs(headers: Headers, now = Date.now()): number | undefined {
  const milliseconds = headers['retry-after-ms'] ?? headers['x-amz-retry-after'];
  if (isNumber(milliseconds)) return Math.ceil(Number(milliseconds));
  const text = headers['retry-after'];
  if (typeof text !== 'string') return undefined;
  if (isNumber(text)) return Math.ceil(Number(text) * 1000);
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}

function isNumber(text: unknown): boolean {
  return typeof text === 'string' && /^\d+(\.\d+)?$/.test(text);
}
