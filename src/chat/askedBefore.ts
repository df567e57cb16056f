import { similarity } from '../retrieval/similarity.ts';
import type { Turn } from './turn.ts';

/**
 * From this similarity on, a question counts as asked before: measured on the labelled pairs in
 * test/unit/chat/fixtures/repeatedQuestions.ts, which docs/chat.md reports.
 */
const leastSimilarity = 0.7;
/** Longer questions bring their own context, such as a log, and are not compared. */
const mostCharacters = 2_000;
/** The last ones that a question is compared with. */
const mostCompared = 500;

/** The item, of some with a question each and the latest last, whose question is nearly this one; undefined if none is. */
export function askedBefore<T>(
  question: string,
  earlier: readonly T[],
  questionOf: (item: T) => string,
): T | undefined {
  if (question.length > mostCharacters) return undefined;
  let best: T | undefined;
  let most = leastSimilarity;
  for (const item of earlier.slice(-mostCompared)) {
    const asked = questionOf(item);
    const similar = asked.length > mostCharacters ? 0 : similarity(question, asked);
    if (similar >= most) [best, most] = [item, similar];
  }
  return best;
}

/** Whether an answer can be shown instead of asking again: what was attached may be about something else. */
export function canAnswerAgain({ answer, attachments = [], flow, isSummary, result }: Turn): boolean {
  return result?.status === 'success' && answer !== '' && attachments.length === 0 && !flow && !isSummary;
}
