import { subjectHash } from '../content/contentKeys.ts';
import type { RequestContent } from '../content/contentStore.ts';
import type { Core } from '../gateways/core.ts';
import { readRecords } from '../ledger/readJournal.ts';
import type { LedgerRecord } from '../ledger/records.ts';
import { printLine } from './terminal.ts';

/** What `audit show --content` says of a call. */
export type ShownContent =
  | ({
      state: 'kept';
      policy: 'redacted' | 'full';
      answer: string | null;
      /** Whether it is what the call's records have the hashes of; null where it was redacted. */
      matches_records: boolean | null;
    } & RequestContent)
  /** When its subject was erased, ISO 8601. */
  | { state: 'erased'; erased: string }
  | { state: 'none' };

/** What was kept of a call's prompt and answer. Throws `content_unavailable` when it was changed. */
export async function contentOf(core: Core, records: readonly LedgerRecord[]): Promise<ShownContent> {
  const opening = records.find((record) => record.kind === 'RESERVE');
  if (!opening) return { state: 'none' };
  const kept = await core.content.read(opening.user_id, opening.call_id);
  if (!kept) {
    const erased = await erasedAt(core, opening.user_id, opening.seq);
    return erased === null ? { state: 'none' } : { state: 'erased', erased };
  }
  const { policy, request, answer, requestHmac, responseHmac } = kept;
  const ending = records.find((record) => record.kind === 'SETTLE');
  const matches =
    requestHmac === opening.request_hmac && (!ending?.response_hmac || responseHmac === ending.response_hmac);
  return { state: 'kept', policy, ...request, answer, matches_records: policy === 'full' ? matches : null };
}

/** When the subject of a call was erased after it; null when it wasn't. */
async function erasedAt(core: Core, subject: string, after: number): Promise<string | null> {
  const hash = subjectHash(subject);
  for await (const { record } of readRecords(core.ledger.directory))
    if (record.kind === 'tombstone' && record.subject_sha256 === hash && record.seq > after)
      return record.time;
  return null;
}

export function printContent(content: ShownContent): void {
  switch (content.state) {
    case 'none':
      printLine('Nothing was kept of this call’s prompt and answer.');
      return;
    case 'erased':
      printLine(`What was kept of this call was erased at ${content.erased}.`);
      return;
    case 'kept': {
      const compared = {
        true: 'as recorded',
        false: 'NOT what the records have the hashes of',
        null: 'redacted',
      };
      printLine(`Content (${compared[`${content.matches_records}`]}):`);
      if (content.system !== null) printLine(`\nsystem:\n${content.system}`);
      for (const message of content.messages) printLine(`\n${message.role}:\n${message.content}`);
      printLine(content.answer === null ? '\nNo answer was kept.' : `\nanswer:\n${content.answer}`);
    }
  }
}
