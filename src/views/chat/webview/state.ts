import type { ChatModeId } from '../../../chat/chatModeIds.ts';
import type { Turn } from '../../../chat/turn.ts';
import type { HostMessage, Surroundings } from '../protocol.ts';

/** The state of the view. */
export interface ChatState {
  /** Whether the extension has sent the conversation. */
  filled: boolean;
  turns: Turn[];
  surroundings: Surroundings;
  reason: string;
  mode: ChatModeId;
  /** Why the reason was rejected. */
  reasonProblem: string | null;
  question: string;
  /** The most that the question can cost. */
  worstCase: string | null;
}

/** Edits of the user in the fields. */
export type Edit =
  | { type: 'questionWritten'; question: string }
  | { type: 'reasonWritten'; reason: string }
  | { type: 'modeSelected'; mode: ChatModeId }
  | { type: 'reasonProblem'; problem: string };

export const initialState: ChatState = {
  filled: false,
  turns: [],
  surroundings: { gateway: { state: 'starting' }, model: '', budget: null, suggestedReason: null },
  reason: '',
  mode: 'direct',
  reasonProblem: null,
  question: '',
  worstCase: null,
};

/** The state after a message of the extension or an edit of the user. */
export function reduce(state: ChatState, message: HostMessage | Edit): ChatState {
  switch (message.type) {
    case 'conversation': {
      const { turns, draft, mode } = message;
      // Text written before the conversation arrived is kept.
      const reason = state.filled ? message.reason : state.reason || message.reason;
      const question = state.question || draft;
      return { ...state, turns, reason, mode, reasonProblem: null, question, filled: true };
    }
    case 'surroundings':
      return { ...state, surroundings: message.surroundings };
    case 'turn':
      return { ...state, turns: withTurn(state.turns, message.turn) };
    case 'turnRemoved':
      return { ...state, turns: state.turns.filter(({ id }) => id !== message.id) };
    case 'text':
      return {
        ...state,
        turns: state.turns.map((turn) =>
          turn.id === message.id ? { ...turn, answer: turn.answer + message.text } : turn,
        ),
      };
    case 'worstCase':
      return { ...state, worstCase: message.cost };
    case 'reason':
    case 'reasonWritten':
      return { ...state, reason: message.reason, reasonProblem: null };
    case 'modeSelected':
      return { ...state, mode: message.mode };
    case 'reasonRefused':
      return { ...state, reasonProblem: message.message };
    case 'questionReturned':
      // Text written meanwhile stays below it.
      return { ...state, question: [message.question, state.question].filter(Boolean).join('\n\n') };
    case 'reasonProblem':
      return { ...state, reasonProblem: message.problem };
    case 'questionWritten':
      return {
        ...state,
        question: message.question,
        worstCase: message.question.trim() ? state.worstCase : null,
      };
    case 'focus':
      return state;
  }
}

/** Whether an answer is running. */
export function isAnswering({ turns }: ChatState): boolean {
  return turns.at(-1)?.result === null;
}

function withTurn(turns: readonly Turn[], changed: Turn): Turn[] {
  const known = turns.some(({ id }) => id === changed.id);
  return known ? turns.map((turn) => (turn.id === changed.id ? changed : turn)) : [...turns, changed];
}
