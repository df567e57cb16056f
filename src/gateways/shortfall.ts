/** What an answer lacks, because of why the model stopped. */
export interface Shortfall {
  kind: 'cut' | 'filtered' | 'malformed' | 'unknown';
  /** What happened, in one sentence. */
  message: string;
  /** What to do about it. */
  hint: string;
}

/** Ways to stop with a whole answer. */
const whole = ['end_turn', 'stop_sequence', 'tool_use'];

/**
 * What an answer lacks by its stop reason (`StopReason` of Bedrock's Converse); null for a whole one, and for
 * one that never said why it stopped, which is an error of its own.
 */
export function shortfallOf(stopReason: string | null, answer: string): Shortfall | null {
  if (stopReason === null || whole.includes(stopReason)) return null;
  switch (stopReason) {
    case 'max_tokens':
      return answer.trim() === ''
        ? {
            kind: 'cut',
            message: 'The model used all of its tokens before it said anything.',
            hint: 'Allow a longer answer (max_tokens); what it thought is charged.',
          }
        : {
            kind: 'cut',
            message: 'The answer was cut off at its token limit.',
            hint: 'Let it go on, or allow a longer answer (max_tokens).',
          };
    case 'model_context_window_exceeded':
      return {
        kind: 'cut',
        message: 'The answer was cut off: the model’s context is full.',
        hint: 'Begin a new conversation, or send less.',
      };
    case 'guardrail_intervened':
      return {
        kind: 'filtered',
        message: 'A guardrail of your company stepped in; the text is its own, not the model’s.',
        hint: 'Ask in another way, or ask whoever owns the guardrail.',
      };
    case 'content_filtered':
      return {
        kind: 'filtered',
        message: 'The provider’s content filter held the answer back, or a part of it.',
        hint: 'Ask in another way.',
      };
    case 'malformed_model_output':
    case 'malformed_tool_use':
      return {
        kind: 'malformed',
        message: 'The model broke off with output that can’t be used.',
        hint: 'Ask again, or use another model.',
      };
    default:
      return {
        kind: 'unknown',
        message: `The model stopped for a reason that is not known here: ${stopReason.slice(0, 60)}.`,
        hint: 'The answer may not be whole.',
      };
  }
}
