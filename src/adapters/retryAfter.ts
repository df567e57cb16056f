/**
 * How long a provider asks to wait before the call is repeated, in milliseconds; undefined if it doesn't say. Names are in
 * lower case. `retry-after` is in seconds or an HTTP date (RFC 9110, section 10.2.3), the others are in milliseconds.
 */
export function retryAfterMs(
  headers: Readonly<Record<string, string>>,
  now = Date.now(),
): number | undefined {
  const milliseconds = headers['retry-after-ms'] ?? headers['x-amz-retry-after'];
  if (milliseconds !== undefined && /^\d+(\.\d+)?$/.test(milliseconds)) return Number(milliseconds);
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}
