import { GatewayError } from '../errors.ts';
import { withoutUnseen } from '../visibleText.ts';

const maxReasonLength = 1000;
const reasonHint = 'Say why this is done, for example a ticket and a few words.';

/** Text as a person sees it: one line, without characters that are invisible or turn the reading direction. */
function visible(text: string): string {
  return withoutUnseen(text.toWellFormed().replace(/[\p{Cc}\p{Z}]+/gu, ' ')).trim();
}

export interface ReasonPolicy {
  minReasonLength: number;
}

/** A reason that was given: how it is recorded, good or not, and why it isn't good enough. */
export interface GivenReason {
  recorded: string;
  /** `audit_reason_missing`, or `invalid_request` for one that is too long; null where it is good. */
  fault: GatewayError | null;
}

export function readReason(text: string, policy: ReasonPolicy): GivenReason {
  const reason = visible(text);
  return { recorded: reason.slice(0, maxReasonLength), fault: faultOf(reason, policy) };
}

/** A reason as it is recorded. Throws the fault of one that isn't good enough. */
export function requireReason(text: string, policy: ReasonPolicy): string {
  const { recorded, fault } = readReason(text, policy);
  if (fault) throw fault;
  return recorded;
}

function faultOf(reason: string, { minReasonLength }: ReasonPolicy): GatewayError | null {
  if (!/[\p{L}\p{N}]/u.test(reason))
    return new GatewayError('audit_reason_missing', 'An audit reason is needed.', { hint: reasonHint });
  if (reason.length < minReasonLength) {
    const few = `The audit reason is too short: at least ${minReasonLength} characters are needed.`;
    return new GatewayError('audit_reason_missing', few, { hint: reasonHint });
  }
  if (reason.length <= maxReasonLength) return null;
  return new GatewayError(
    'invalid_request',
    `The audit reason is longer than ${maxReasonLength} characters.`,
    {
      hint: 'Shorten it; a ticket and a sentence are enough.',
    },
  );
}
