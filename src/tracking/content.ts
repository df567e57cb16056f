import type { ContentPolicy, ContentStore, KeptContent } from '../content/contentStore.ts';
import type { AnswerContent, RequestContent } from '../content/messages.ts';
import { GatewayError } from '../errors.ts';
import type { TrackedCall } from './trackedCall.ts';

/** A call's prompt and answer, as they are kept. */
export interface TrackedContent {
  request: RequestContent;
  answer: AnswerContent | null;
}

/**
 * The kept content of a call's attempts, by call id. It is read where policy keeps it, sealed with its subject's key, so
 * that nothing can be sent of a subject who was erased, nor what policy no longer allows.
 */
export async function contentOfCall(
  { user, attempts }: TrackedCall,
  store: Pick<ContentStore, 'read'>,
  policy: ContentPolicy,
  takesRedacted: boolean,
): Promise<ReadonlyMap<string, TrackedContent>> {
  const found = new Map<string, TrackedContent>();
  if (policy === 'none' || policy === 'hash') return found;
  for (const { call_id: callId, day } of attempts) {
    const kept = day === null ? null : await readable(store, user, day, callId);
    if (!kept) continue;
    const allowed = kept.policy === 'redacted' ? takesRedacted : policy === 'full';
    if (allowed) found.set(callId, { request: kept.request, answer: kept.answer });
  }
  return found;
}

/** Content that was changed is reported where it is looked up; here it is left out. */
async function readable(
  store: Pick<ContentStore, 'read'>,
  subject: string,
  day: string,
  callId: string,
): Promise<KeptContent | null> {
  try {
    return await store.read(subject, day, callId);
  } catch (error) {
    if (GatewayError.is(error, 'content_unavailable')) return null;
    throw error;
  }
}
