import { GatewayError } from '../errors.ts';
import { withoutUnseen } from '../visibleText.ts';

const maxReasonLength = 1000;
const reasonHint = 'Say why this is done, for example a ticket and a few words.';

/** Text as a person sees it: one line, without characters that are invisible or turn the reading direction. */
function visible(text: string): string {
  return withoutUnseen(text.toWellFormed().replace(/[\p{Cc}\p{Z}]+/gu, ' ')).trim();
}

/** What is recorded of a reason that was given, good or not. */
export function recordedReason(text: string): string {
  return visible(text).slice(0, maxReasonLength);
}

/** A reason as it is recorded. Throws `audit_reason_missing` for one that says nothing. */
export function requireReason(text: string, { minReasonLength }: { minReasonLength: number }): string {
  const reason = visible(text);
  if (!/[\p{L}\p{N}]/u.test(reason)) {
    throw new GatewayError('audit_reason_missing', 'An audit reason is needed.', {
      hint: reasonHint,
    });
  }
  if (reason.length < minReasonLength) {
    throw new GatewayError(
      'audit_reason_missing',
      `The audit reason is too short: at least ${minReasonLength} characters are needed.`,
      { hint: reasonHint },
    );
  }
  if (reason.length > maxReasonLength) {
    throw new GatewayError(
      'invalid_request',
      `The audit reason is longer than ${maxReasonLength} characters.`,
      {
        hint: 'Shorten it; a ticket and a sentence are enough.',
      },
    );
  }
  return reason;
}
