/** What an answer lacks, because of why the model stopped. */
export interface Shortfall {
  kind: 'cut' | 'filtered' | 'malformed' | 'unknown';
  /** What happened, in one sentence. */
  message: string;
  /** What to do about it. */
  hint: string;
}

/** Stop reasons of a complete answer. */
const whole = ['end_turn', 'stop_sequence', 'tool_use'];

/**
 * What an answer lacks, by its stop reason (`StopReason` of Bedrock's Converse); null for a complete one, and for
 * one without a stop reason, which is a separate error.
 */
export function shortfallOf(stopReason: string | null, answer: string): Shortfall | null {
  if (stopReason === null || whole.includes(stopReason)) return null;
  switch (stopReason) {
    case 'max_tokens':
      return answer.trim() === ''
        ? {
            kind: 'cut',
            message: 'The model used all of its tokens before it answered.',
            hint: 'Allow a longer answer (max_tokens). The reasoning is charged.',
          }
        : {
            kind: 'cut',
            message: 'The answer was cut off at its token limit.',
            hint: 'Continue it, or allow a longer answer (max_tokens).',
          };
    case 'model_context_window_exceeded':
      return {
        kind: 'cut',
        message: 'The answer was cut off: the model’s context is full.',
        hint: 'Start a new conversation, or send less.',
      };
    case 'guardrail_intervened':
      return {
        kind: 'filtered',
        message: 'Your company’s guardrail intervened; the text is the guardrail’s, not the model’s.',
        hint: 'Rephrase the question, or contact the owner of the guardrail.',
      };
    case 'content_filtered':
      return {
        kind: 'filtered',
        message: 'The provider’s content filter blocked all or part of the answer.',
        hint: 'Rephrase the question.',
      };
    case 'malformed_model_output':
    case 'malformed_tool_use':
      return {
        kind: 'malformed',
        message: 'The model stopped with unusable output.',
        hint: 'Ask again, or use another model.',
      };
    default:
      return {
        kind: 'unknown',
        message: `The model stopped for an unknown reason: ${stopReason.slice(0, 60)}.`,
        hint: 'The answer may be incomplete.',
      };
  }
}
