import type { LedgerRecord } from '../ledger/records.ts';
import type { ContentStore } from './contentStore.ts';
import type { AnswerContent, RequestContent } from './messages.ts';

/** A call's kept prompt and answer, as far as they can be shown. */
export type ShownContent =
  | ({
      state: 'kept';
      policy: 'redacted' | 'full';
      answer: AnswerContent | null;
      /** Whether it matches the hashes in the call's records; null where it was redacted. */
      matches_records: boolean | null;
    } & RequestContent)
  /** When its subject was erased, ISO 8601. */
  | { state: 'erased'; erased: string }
  | { state: 'none' };

/** The request in a call's content. */
export function requestIn(kept: Extract<ShownContent, { state: 'kept' }>): RequestContent {
  const { state: _state, policy: _policy, answer: _answer, matches_records: _matches, ...request } = kept;
  return request;
}

/**
 * A call's kept prompt and answer. `erasedAt` gives the time when a subject was erased after a record,
 * null when it wasn't. Throws `content_unavailable` when the content was changed.
 */
export async function contentOf(
  content: Pick<ContentStore, 'read'>,
  records: readonly LedgerRecord[],
  erasedAt: (subject: string, after: number) => Promise<string | null>,
): Promise<ShownContent> {
  const opening = records.find((record) => record.kind === 'RESERVE');
  if (!opening) return { state: 'none' };
  const kept = await content.read(opening.user_id, opening.day, opening.call_id);
  if (!kept) {
    const erased = await erasedAt(opening.user_id, opening.seq);
    return erased === null ? { state: 'none' } : { state: 'erased', erased };
  }
  const { policy, request, answer, requestHmac, responseHmac } = kept;
  const ending = records.find((record) => record.kind === 'SETTLE');
  const matches =
    requestHmac === opening.request_hmac && (!ending?.response_hmac || responseHmac === ending.response_hmac);
  return { state: 'kept', policy, ...request, answer, matches_records: policy === 'full' ? matches : null };
}
