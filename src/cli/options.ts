import { GatewayError } from '../errors.ts';

/** Throws `invalid_request` for anything but a whole number above 0. */
export function positiveInteger(text: string, option: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new GatewayError('invalid_request', `${option} must be a whole number above 0, not "${text}".`);
}

/** Throws `invalid_request` for anything but a day of the calendar, YYYY-MM-DD. */
export function dayOption(text: string, option: string): string {
  const date = new Date(`${text}T00:00:00Z`);
  if (
    /^\d{4}-\d{2}-\d{2}$/.test(text) &&
    !Number.isNaN(date.getTime()) &&
    date.toISOString().startsWith(text)
  )
    return text;
  throw new GatewayError('invalid_request', `${option} must be a day such as 2026-01-31, not "${text}".`);
}
