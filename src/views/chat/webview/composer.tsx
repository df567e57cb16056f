import type { TargetedClipboardEvent, TargetedKeyboardEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { chatModeIds, type ChatModeId } from '../../../chat/chatModeIds.ts';
import { isComposing } from '../../webviewKit/composition.ts';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Surroundings, ViewMessage } from '../protocol.ts';
import { AttachmentChips, takeDrop, takePaste } from './attachments.tsx';
import { ContextRing } from './contextRing.tsx';
import { RulesLine } from './rulesLine.tsx';
import { QueuedQuestions } from './aroundTurns.tsx';
import { isAnswering, isTooLongForField, wholeQuestion, type ChatState, type Edit } from './state.ts';

export interface ChatProperties {
  state: ChatState;
  post: (message: ViewMessage) => void;
  edit: (edit: Edit) => void;
  send: () => void;
}

/** The question, with all that goes with it. */
export function Composer(properties: ChatProperties) {
  const { state, post, edit } = properties;
  const { held } = state;
  return (
    <footer
      class="composer"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        takeDrop(event.dataTransfer, post);
      }}
    >
      <ReasonField {...properties} />
      <UseClassField {...properties} />
      <ReasonHints {...properties} />
      {state.mode === 'structured' && <SignatureField signature={state.signature} edit={edit} />}
      <QueuedQuestions queued={state.around.queued} post={post} />
      {held !== '' && <HeldText text={held} onRemove={() => edit({ type: 'textHeld', text: '' })} />}
      <RulesLine rules={state.rules} post={post} />
      <AskedBefore question={state.askedBefore} onShow={() => post({ type: 'showAskedBefore' })} />
      <AttachmentChips attachments={state.attachments} post={post} />
      <QuestionRow {...properties} />
      <Strip {...properties} />
    </footer>
  );
}

/** The question's field, and the buttons for what its keys do as well. */
function QuestionRow({ state, post, edit, send }: ChatProperties) {
  const { question } = state;
  /** Where adding context was last asked for, -1 for a prompt: the same key there again is text. */
  const askedAt = useRef<number | null>(null);
  useEffect(() => void (askedAt.current = null), [question, state.attachments]);
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => {
    if (isComposing(event)) return;
    if (asksForContext(event, askedAt.current)) {
      askedAt.current = event.currentTarget.selectionStart;
      event.preventDefault();
      post({ type: 'addContext' });
      return;
    }
    if (event.key === '/' && question === '' && askedAt.current !== -1) {
      askedAt.current = -1;
      event.preventDefault();
      post({ type: 'choosePrompt' });
      return;
    }
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    send();
  };
  const onPaste = (event: TargetedClipboardEvent<HTMLTextAreaElement>) => {
    if (takePaste(event.clipboardData, isTooLongForField, post)) event.preventDefault();
  };
  return (
    <div class="question-row">
      <textarea
        id="question"
        rows={1}
        value={question}
        dir="auto"
        placeholder={t('Ask … (# context, / prompts)')}
        aria-label={t('Question')}
        onInput={(event) => edit({ type: 'questionWritten', question: event.currentTarget.value })}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      <button
        type="button"
        class="icon-button"
        title={t('Add Context… (#)')}
        aria-label={t('Add Context…')}
        onClick={() => post({ type: 'addContext' })}
      >
        <Icon name="attach" />
      </button>
      <button
        type="button"
        class="icon-button prompt-key"
        title={t('Select a Prompt… (/)')}
        aria-label={t('Select a Prompt…')}
        disabled={question !== ''}
        onClick={() => post({ type: 'choosePrompt' })}
      >
        /
      </button>
    </div>
  );
}

/** Whether a key is `#` or `@` at the start of a word. */
function asksForContext(
  { key, currentTarget }: TargetedKeyboardEvent<HTMLTextAreaElement>,
  askedAt: number | null,
): boolean {
  const { selectionStart, value } = currentTarget;
  return (
    (key === '#' || key === '@') && selectionStart !== askedAt && !/\S$/.test(value.slice(0, selectionStart))
  );
}

/** How the question will be asked, and the most that it can cost. */
function Strip(properties: ChatProperties) {
  const { state, post, edit, send } = properties;
  const { worstCase } = state;
  return (
    <div class="strip">
      <ModelButton
        model={state.surroundings.model}
        onChoose={() => post({ type: 'run', command: 'tidyllm.chooseModel' })}
      />
      <ModeSelector
        mode={state.mode}
        ownModes={state.surroundings.ownModes}
        onSelect={(mode) => edit({ type: 'modeSelected', mode })}
      />
      <span class="end">
        <ContextRing use={state.windowUse} post={post} />
        <span class="cost">
          <span class="worst-case" title={t('Maximum cost of this question')}>
            {worstCase !== null && t('at most {0}', worstCase)}
          </span>
          <BudgetLeft
            budget={state.surroundings.budget}
            onOpen={() => post({ type: 'run', command: 'tidyllm.openBudget' })}
          />
        </span>
        {isAnswering(state) ? (
          <button
            type="button"
            class="icon-button"
            title={t('Stop (Escape)')}
            aria-label={t('Stop')}
            onClick={() => post({ type: 'run', command: 'tidyllm.stopAnswer' })}
          >
            <Icon name="debug-stop" />
          </button>
        ) : (
          <button
            type="button"
            class="icon-button"
            title={t('Send (Enter)')}
            aria-label={t('Send')}
            disabled={wholeQuestion(state).trim() === ''}
            onClick={send}
          >
            <Icon name="send" />
          </button>
        )}
      </span>
    </div>
  );
}

/** Why the reason was refused, and one that the git branch stands for. */
function ReasonHints({ state, edit }: Pick<ChatProperties, 'state' | 'edit'>) {
  const { reason, reasonProblem, surroundings } = state;
  const suggested = surroundings.suggestedReason;
  const onTakeSuggestion = () => {
    edit({ type: 'reasonWritten', reason: suggested ?? '' });
    focusQuestion();
  };
  return (
    <>
      {reasonProblem !== null && (
        <p id="reason-problem" class="problem" role="alert">
          {reasonProblem}
        </p>
      )}
      {reason === '' && suggested !== null && (
        <button type="button" class="suggestion" onClick={onTakeSuggestion}>
          <Icon name="git-branch" /> <span>{suggested}</span>
        </button>
      )}
    </>
  );
}

/** Offers the answer to a question that was asked before. */
function AskedBefore({ question, onShow }: { question: string | null; onShow: () => void }) {
  if (question === null) return null;
  return (
    <button type="button" class="suggestion" title={question} onClick={onShow}>
      <Icon name="history" /> <span>{t('Asked before — show the answer')}</span>
    </button>
  );
}

/** A text that is sent with the question, though the field can't show it. */
function HeldText({ text, onRemove }: { text: string; onRemove: () => void }) {
  return (
    <p class="held">
      <Icon name="file" /> <span>{t('Text of {0} characters', text.length.toLocaleString())}</span>
      <button
        type="button"
        class="icon-button"
        title={t('Remove the text')}
        aria-label={t('Remove the text')}
        onClick={onRemove}
      >
        <Icon name="close" />
      </button>
    </p>
  );
}

function ModelButton({ model, onChoose }: { model: string; onChoose: () => void }) {
  if (model === '') return null;
  return (
    <button type="button" class="model" title={t('Select the model')} onClick={onChoose}>
      <span class="model-name">{model}</span> <Icon name="chevron-down" />
    </button>
  );
}

function BudgetLeft({ budget, onOpen }: { budget: Surroundings['budget']; onOpen: () => void }) {
  if (!budget) return null;
  return (
    <button
      type="button"
      class={`left level-${budget.level}`}
      title={t('Budget left today (click to open)')}
      onClick={onOpen}
    >
      <span class="left-amount">{t('{0} left', budget.left)}</span>
      <meter aria-label={t('Budget left today')} min={0} max={1} value={budget.shareLeft} />
    </button>
  );
}

function ModeSelector({ mode, ownModes, onSelect }: ModeProperties) {
  const builtIn: Readonly<Record<ChatModeId, [label: string, says: string]>> = {
    direct: [t('Direct'), t('The model answers by itself')],
    rag: [t('Workspace'), t('The model answers from the workspace’s files, and cites them')],
    hybrid: [t('Workspace and Model'), t('The same, and adds what it knows, marked apart')],
    structured: [t('Structured'), t('The answer has the fields of a signature, checked')],
    agent: [t('Model with Tools'), t('The model looks into the workspace; you allow each use of a tool')],
  };
  const own = ownModes.map(({ id, description }) => ({ id, label: id, says: description }));
  const all = [...chatModeIds.map((id) => ({ id, label: builtIn[id][0], says: builtIn[id][1] })), ...own];
  // A mode whose file is gone stays selected: asking says what is wrong.
  const options = all.some(({ id }) => id === mode) ? all : [...all, { id: mode, label: mode, says: '' }];
  return (
    <span class="mode">
      <select
        value={mode}
        title={options.find(({ id }) => id === mode)?.says}
        aria-label={t('Mode')}
        onChange={(event) => onSelect(event.currentTarget.value)}
      >
        {options.map(({ id, label, says }) => (
          <option key={id} value={id} title={says}>
            {label}
          </option>
        ))}
      </select>
      <Icon name="chevron-down" />
    </span>
  );
}

interface ModeProperties {
  mode: string;
  ownModes: Surroundings['ownModes'];
  onSelect: (mode: string) => void;
}

/** What the answer contains, for the mode that checks it. */
function SignatureField({ signature, edit }: { signature: string; edit: (edit: Edit) => void }) {
  const isMissing = signature.trim() === '';
  return (
    <>
      <div class="line signature">
        <label for="signature">{t('Fields')}</label>
        <input
          id="signature"
          value={signature}
          spellcheck={false}
          dir="ltr"
          placeholder="text -> title: string"
          autocomplete="off"
          aria-label={t('Signature: the fields of the answer')}
          aria-describedby={isMissing ? 'signature-missing' : undefined}
          onInput={(event) => edit({ type: 'signatureWritten', signature: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || isComposing(event)) return;
            event.preventDefault();
            focusQuestion();
          }}
        />
      </div>
      {isMissing && (
        <p id="signature-missing" class="hint">
          {t('Name the fields of the answer: without them there is no price, and nothing is sent.')}
        </p>
      )}
    </>
  );
}

function ReasonField({ state, post, edit }: ChatProperties) {
  const { reason, reasonProblem } = state;
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLInputElement>) => {
    if (isComposing(event)) return;
    if (event.key !== 'Enter' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    if (event.key === 'Enter') focusQuestion();
    else post({ type: 'run', command: 'tidyllm.chooseReason' });
  };
  return (
    <div class="line">
      <label for="reason">{t('Reason')}</label>
      <input
        id="reason"
        value={reason}
        title={t('Reason: {0}', reason)}
        dir="auto"
        placeholder={t('Why this call? (required)')}
        autocomplete="off"
        aria-required
        aria-invalid={reasonProblem !== null}
        aria-describedby={reasonProblem === null ? undefined : 'reason-problem'}
        onInput={(event) => edit({ type: 'reasonWritten', reason: event.currentTarget.value })}
        onKeyDown={onKeyDown}
      />
      <button
        type="button"
        class="icon-button"
        title={t('Select a reason (↓)')}
        aria-label={t('Select a reason')}
        onClick={() => post({ type: 'run', command: 'tidyllm.chooseReason' })}
      >
        <Icon name="list-selection" />
      </button>
    </div>
  );
}

/** What the question is for, where policy names use classes. */
function UseClassField({ state: { useClass, surroundings }, edit }: ChatProperties) {
  const { useClasses = [] } = surroundings;
  if (useClasses.length === 0) return null;
  // One that policy no longer names stays selected: asking says what is wrong.
  const options = useClass === '' || useClasses.includes(useClass) ? useClasses : [...useClasses, useClass];
  return (
    <div class="line">
      <label for="use-class">{t('Use')}</label>
      <span class="mode">
        <select
          id="use-class"
          value={useClass}
          onChange={(event) => edit({ type: 'useClassSelected', useClass: event.currentTarget.value })}
        >
          <option value="">{t('Not stated')}</option>
          {options.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
        <Icon name="chevron-down" />
      </span>
    </div>
  );
}

export function focusQuestion(): void {
  document.getElementById('question')?.focus();
}
