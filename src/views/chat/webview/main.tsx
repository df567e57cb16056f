import { render } from 'preact';
import { promptAsked } from '../../../chat/context/promptText.ts';
import { isFlowCommand } from '../../../chat/flowCommand.ts';
import { isComposing } from '../../webviewKit/composition.ts';
import { connect } from '../../webviewKit/editorHost.ts';
import { t } from '../../webviewKit/l10n.ts';
import { hostMessageSchema, type HostMessage, type ViewMessage } from '../protocol.ts';
import { Chat } from './chat.tsx';
import '../../webviewKit/base.css';
import '../../webviewKit/answer.css';
import './chat.css';
import './conversations.css';
import { turnElement } from './turn.tsx';
import { initialState, isAnswering, reduce, wholeQuestion, type Edit } from './state.ts';

/** Characters of a draft that is sent with each key. */
const draftSentAtOnce = 10_000;
const draftPauseMs = 300;

const root = document.getElementById('root') ?? document.body;
let state = initialState;
/** The focus state that was last sent to the editor. */
let toldFocus = false;
let draftTimer: ReturnType<typeof setTimeout> | undefined;

const post = connect<ViewMessage, typeof hostMessageSchema>(hostMessageSchema, (message) => {
  change(message);
  if (message.type === 'turn' || message.type === 'conversation') tellShown();
  if (message.type === 'focus') focus('question');
  if (message.type === 'reasonRefused') focus('reason');
  if (message.type === 'reveal') reveal(message.turn);
});

window.addEventListener('focus', () => tellFocus(true));
window.addEventListener('blur', () => tellFocus(false));
// A page that loads with the focus, or gets it back from a dialog, may get no event.
document.addEventListener('focusin', () => tellFocus(true));
document.addEventListener('keydown', ({ key }) => {
  // Before a shortcut the state is sent again, in case the editor's copy is outdated.
  if (key === 'Control' || key === 'Meta') toldFocus = false;
  tellFocus(true);
});
// Not a keybinding: its `when` context would reach the workbench after the first words of an answer.
window.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !isComposing(event) && isAnswering(state))
    post({ type: 'run', command: 'tidyllm.stopAnswer' });
});
draw();
post({ type: 'ready' });

/** A question is sent only when its turn is visible. */
function tellShown(): void {
  const last = state.turns.at(-1);
  if (last?.result === null && document.getElementById(turnElement(last.id)))
    post({ type: 'shown', turn: last.id });
}

/** The turn gets the focus, so that a screen reader reads on from there. */
function reveal(turn: string): void {
  const element = document.getElementById(turnElement(turn));
  element?.scrollIntoView({ block: 'start' });
  element?.focus({ preventScroll: true });
}

function tellFocus(focused: boolean): void {
  if (toldFocus === focused) return;
  toldFocus = focused;
  post({ type: 'focused', focused });
}

function change(message: HostMessage | Edit): void {
  state = reduce(state, message);
  draw();
}

function draw(): void {
  render(<Chat state={state} post={act} edit={edit} send={send} />, root);
}

function act(message: ViewMessage): void {
  post(message);
  // These buttons disappear when pressed, and the focus must not disappear with them.
  if (message.type === 'fix' || message.type === 'run') focus('question');
}

function edit(made: Edit): void {
  change(made);
  if (made.type === 'questionWritten' || made.type === 'textHeld') tellDraft(wholeQuestion(state));
  if (made.type === 'modeSelected') post({ type: 'mode', mode: made.mode });
  if (made.type === 'signatureWritten') post({ type: 'signature', signature: made.signature });
  if (made.type === 'useClassSelected') post({ type: 'useClass', useClass: made.useClass });
  if (made.type === 'reasonWritten') post({ type: 'reason', reason: made.reason });
}

/** Sends a long draft only when typing pauses, since each message holds the whole of it. */
function tellDraft(question: string): void {
  clearTimeout(draftTimer);
  if (question.length <= draftSentAtOnce) post({ type: 'draft', question });
  else draftTimer = setTimeout(() => post({ type: 'draft', question }), draftPauseMs);
}

function send(): void {
  const { reason } = state;
  const question = wholeQuestion(state).trim();
  if (question === '') return;
  // An agreement has its own reason, and a prompt sends nothing yet.
  if (reason.trim() === '' && !isFlowCommand(question) && promptAsked(question) === null) {
    change({
      type: 'reasonProblem',
      problem: t('Say why you are making this call: a ticket and a few words.'),
    });
    focus('reason');
    return;
  }
  post({ type: 'ask', question });
  // The extension knows that the field is empty: a draft would come after what it may put there for a prompt.
  clearTimeout(draftTimer);
  change({ type: 'textHeld', text: '' });
  change({ type: 'questionWritten', question: '' });
  focus('question');
}

function focus(field: 'question' | 'reason'): void {
  document.getElementById(field)?.focus();
}
