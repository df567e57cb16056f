import type { Turn } from '../../../chat/turn.ts';
import type { Around, HostMessage, ShownRules, Surroundings, WindowUse } from '../protocol.ts';

/** The state of the view. */
export interface ChatState {
  /** Whether the extension has sent the conversation. */
  filled: boolean;
  /** Whether an editor shows the conversation in place of this view. */
  elsewhere: boolean;
  /** The id of the open conversation. */
  conversation: string;
  turns: Turn[];
  around: Around;
  surroundings: Surroundings;
  reason: string;
  mode: string;
  signature: string;
  useClass: string;
  /** Why the reason was rejected. */
  reasonProblem: string | null;
  /** The question in its field. */
  question: string;
  /** Text that belongs to the question and is too long for the field. */
  held: string;
  /** What goes with the question. */
  attachments: NonNullable<Turn['attachments']>;
  rules: ShownRules;
  /** How much of the model's context the question takes; null while it isn't known. */
  windowUse: WindowUse | null;
  /** The most that the question can cost. */
  worstCase: string | null;
  /** The most that asking in the place of a turn can cost. */
  turnPrice: { turn: string; cost: string } | null;
  /** The earlier question that this one repeats. */
  askedBefore: string | null;
}

/** Edits of the user in the fields. */
export type Edit =
  | { type: 'questionWritten'; question: string }
  | { type: 'textHeld'; text: string }
  | { type: 'reasonWritten'; reason: string }
  | { type: 'modeSelected'; mode: string }
  | { type: 'signatureWritten'; signature: string }
  | { type: 'useClassSelected'; useClass: string }
  | { type: 'reasonProblem'; problem: string };

export const initialState: ChatState = {
  filled: false,
  elsewhere: false,
  conversation: '',
  turns: [],
  around: {
    earlier: 0,
    hasLater: false,
    versions: [],
    queued: [],
    unreadable: 0,
    isKept: true,
    statistics: null,
  },
  surroundings: {
    gateway: { state: 'starting' },
    model: '',
    budget: null,
    ownModes: [],
    suggestedReason: null,
    inMlflow: false,
  },
  reason: '',
  mode: 'direct',
  signature: '',
  useClass: '',
  reasonProblem: null,
  question: '',
  held: '',
  attachments: [],
  rules: { followed: [], ignored: [], follows: true },
  windowUse: null,
  worstCase: null,
  turnPrice: null,
  askedBefore: null,
};

/** The state after a message of the extension or an edit of the user. */
export function reduce(state: ChatState, message: HostMessage | Edit): ChatState {
  switch (message.type) {
    case 'conversation':
      return withConversation(state, message);
    case 'around':
      return { ...state, around: message.around };
    case 'earlierTurns':
      return { ...state, turns: [...message.turns, ...state.turns] };
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
    case 'thinking':
      return {
        ...state,
        turns: state.turns.map((turn) =>
          turn.id === message.id ? { ...turn, thinking: (turn.thinking ?? '') + message.text } : turn,
        ),
      };
    case 'attachments':
      return { ...state, attachments: message.attachments };
    case 'rules':
      return { ...state, rules: message.rules };
    case 'windowUse':
      return { ...state, windowUse: message.use };
    case 'worstCase':
      return { ...state, worstCase: message.cost };
    case 'askedBefore':
      return { ...state, askedBefore: message.question };
    case 'turnPriced': {
      const { turn, cost } = message;
      return { ...state, turnPrice: cost === null ? null : { turn, cost } };
    }
    case 'reason':
    case 'reasonWritten':
      return { ...state, reason: message.reason, reasonProblem: null };
    case 'modeSelected':
      return { ...state, mode: message.mode };
    case 'signatureWritten':
      return { ...state, signature: message.signature };
    case 'useClassSelected':
      return { ...state, useClass: message.useClass };
    case 'reasonRefused':
      return { ...state, reasonProblem: message.message };
    case 'questionReturned':
      // Text written meanwhile stays below it.
      return withText({ ...state, question: '' }, joined(message.question, state.question));
    case 'reasonProblem':
      return { ...state, reasonProblem: message.problem };
    case 'questionWritten':
      return priced({ ...state, question: message.question });
    case 'textHeld':
      return priced({ ...state, held: message.text });
    case 'elsewhere':
      return message.elsewhere ? { ...initialState, elsewhere: true } : { ...state, elsewhere: false };
    case 'focus':
    case 'reveal':
      return state;
  }
}

function withConversation(
  state: ChatState,
  message: Extract<HostMessage, { type: 'conversation' }>,
): ChatState {
  const { id, turns, draft, mode, signature, useClass = '' } = message;
  // Text written before the conversation arrived is kept.
  const reason = state.filled ? message.reason : state.reason || message.reason;
  const isOther = state.filled && id !== state.conversation;
  const filled: ChatState = {
    ...state,
    conversation: id,
    turns,
    reason,
    mode,
    signature,
    useClass,
    reasonProblem: null,
    askedBefore: null,
    filled: true,
  };
  if (isOther) return withText({ ...filled, question: '', held: '', worstCase: null }, draft);
  return wholeQuestion(state) === '' ? withText(filled, draft) : filled;
}

/** Whether an answer is running. */
export function isAnswering({ turns }: ChatState): boolean {
  return turns.at(-1)?.result === null;
}

/** Characters that a field shows without holding up the keyboard. */
const fieldCharacters = 20_000;

export function isTooLongForField(text: string): boolean {
  return text.length > fieldCharacters;
}

/** What is asked: the field and the text that is held beside it. */
export function wholeQuestion({ question, held }: Pick<ChatState, 'question' | 'held'>): string {
  return joined(question, held);
}

function joined(...texts: string[]): string {
  return texts.filter(Boolean).join('\n\n');
}

/** The state with a text in the field, or beside it. */
function withText(state: ChatState, text: string): ChatState {
  return isTooLongForField(text)
    ? { ...state, held: joined(state.held, text) }
    : { ...state, question: text };
}

/** Without a question there is no cost, and nothing that it repeats. */
function priced(state: ChatState): ChatState {
  return wholeQuestion(state).trim() ? state : { ...state, worstCase: null, askedBefore: null };
}

function withTurn(turns: readonly Turn[], changed: Turn): Turn[] {
  const known = turns.some(({ id }) => id === changed.id);
  return known ? turns.map((turn) => (turn.id === changed.id ? changed : turn)) : [...turns, changed];
}
