import * as z from 'zod/mini';
import type { NoteRecord } from '../ledger/records.ts';

const ids = z.optional(z.array(z.string()));
const findings = z.array(z.object({ rule: z.string(), class: z.string(), count: z.int() }));
const requestNote = z.object({
  decision: z.enum(['allow', 'redact', 'block']),
  levels: z.array(z.string()),
  findings,
  late: z.optional(z.boolean()),
  /** Ids of the exceptions by which it left. */
  exceptions: ids,
  use_class: z.optional(z.string()),
  controls: z.optional(z.object({ passed: ids, failed: ids, unchecked: ids })),
});
const answerNote = z.object({ findings });

/** What a record says of a request: what was found, decided and checked. */
export type RecordedRequest = z.infer<typeof requestNote>;
export type RecordedFindings = z.infer<typeof findings>;

/** Null for notes on anything else, and for those in a form that this version doesn't know. */
export function recordedRequest({ topic, data }: NoteRecord): RecordedRequest | null {
  return topic === 'compliance.request' ? (requestNote.safeParse(data).data ?? null) : null;
}

/** What was found in an answer; null for notes on anything else. */
export function recordedAnswer({ topic, data }: NoteRecord): RecordedFindings | null {
  return topic === 'compliance.answer' ? (answerNote.safeParse(data).data?.findings ?? null) : null;
}
