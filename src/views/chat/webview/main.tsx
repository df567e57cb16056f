import { render } from 'preact';
import { connect, rememberedText, rememberText } from '../../webviewKit/editorHost.ts';
import { t } from '../../webviewKit/l10n.ts';
import { hostMessageSchema, type HostMessage, type ViewMessage } from '../protocol.ts';
import { Chat } from './chat.tsx';
import './chat.css';
import { initialState, isAnswering, reduce, type Edit } from './state.ts';

/** Long enough not to ask the extension at every key. */
const draftDelayMs = 150;

const root = document.getElementById('root') ?? document.body;
let state = { ...initialState, question: rememberedText() };
let draftTimer = 0;

const post = connect<ViewMessage, typeof hostMessageSchema>(hostMessageSchema, (message) => {
  change(message);
  if (message.type === 'focus') focus('question');
  if (message.type === 'reasonRefused') focus('reason');
  // A new price for what stands in the field: the model or the conversation is another one.
  if (message.type === 'surroundings' || message.type === 'turn') postDraft();
});

for (const [event, focused] of [
  ['focus', true],
  ['blur', false],
] as const) {
  window.addEventListener(event, () => post({ type: 'focused', focused }));
}
change({ type: 'questionWritten', question: state.question });
post({ type: 'ready' });

function change(message: HostMessage | Edit): void {
  const { question } = state;
  state = reduce(state, message);
  if (state.question !== question) rememberText(state.question);
  render(<Chat state={state} post={post} edit={edit} send={send} />, root);
}

function edit(made: Edit): void {
  change(made);
  if (made.type === 'questionWritten') postDraft();
  if (made.type === 'reasonWritten') post({ type: 'reason', reason: made.reason });
}

function postDraft(): void {
  clearTimeout(draftTimer);
  draftTimer = setTimeout(() => post({ type: 'draft', question: state.question }), draftDelayMs);
}

function send(): void {
  const { question, reason } = state;
  if (isAnswering(state) || question.trim() === '') return;
  if (reason.trim() === '') {
    change({ type: 'reasonProblem', problem: t('Say why the call is made: a ticket and a few words.') });
    focus('reason');
    return;
  }
  post({ type: 'ask', question, reason });
  edit({ type: 'questionWritten', question: '' });
  focus('question');
}

function focus(field: 'question' | 'reason'): void {
  document.getElementById(field)?.focus();
}
