import type { TargetedClipboardEvent, TargetedKeyboardEvent } from 'preact';
import { chatModeIds, type ChatModeId } from '../../../chat/chatModeIds.ts';
import { isComposing } from '../../webviewKit/composition.ts';
import { FailureCard } from '../../webviewKit/failureCard.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Surroundings, ViewMessage } from '../protocol.ts';
import { KeepingNotice, QueuedQuestions } from './aroundTurns.tsx';
import { Log } from './log.tsx';
import { isAnswering, isTooLongForField, wholeQuestion, type ChatState, type Edit } from './state.ts';

export interface ChatProperties {
  state: ChatState;
  post: (message: ViewMessage) => void;
  edit: (edit: Edit) => void;
  send: () => void;
}

export function Chat(properties: ChatProperties) {
  const { state, post, edit } = properties;
  const onTry = (question: string) => {
    edit({ type: 'questionWritten', question });
    focusQuestion();
  };
  return (
    <>
      <header>
        <ModelAndMeter
          surroundings={state.surroundings}
          onChooseModel={() => post({ type: 'run', command: 'tidyllm.chooseModel' })}
          onOpenBudget={() => post({ type: 'run', command: 'tidyllm.openBudget' })}
        />
        <ReasonField {...properties} />
        <Notice state={state} post={post} />
        <KeepingNotice around={state.around} />
      </header>
      <Log turns={state.turns} around={state.around} canAsk={!isAnswering(state)} post={post} onTry={onTry} />
      <Composer {...properties} />
    </>
  );
}

function ModelAndMeter({
  surroundings,
  onChooseModel,
  onOpenBudget,
}: {
  surroundings: Surroundings;
  onChooseModel: () => void;
  onOpenBudget: () => void;
}) {
  const { model, budget } = surroundings;
  if (model === '') return null;
  return (
    <div class="bar">
      <button type="button" class="model" title={t('Select the model')} onClick={onChooseModel}>
        <span class="model-name">{model}</span> <Icon name="chevron-down" />
      </button>
      {budget && (
        <button
          type="button"
          class={`left level-${budget.level}`}
          title={t('Budget left today (click to open)')}
          onClick={onOpenBudget}
        >
          <span class="left-amount">{t('{0} left', budget.left)}</span>
          <meter aria-label={t('Budget left today')} min={0} max={1} value={budget.shareLeft} />
        </button>
      )}
    </div>
  );
}

function ReasonField({ state, post, edit }: ChatProperties) {
  const { reason, reasonProblem, surroundings } = state;
  const suggested = surroundings.suggestedReason;
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLInputElement>) => {
    if (isComposing(event)) return;
    if (event.key !== 'Enter' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    if (event.key === 'Enter') focusQuestion();
    else post({ type: 'run', command: 'tidyllm.chooseReason' });
  };
  const onTakeSuggestion = () => {
    edit({ type: 'reasonWritten', reason: suggested ?? '' });
    focusQuestion();
  };
  return (
    <div class="reason">
      <div class="reason-row">
        <label for="reason">{t('Reason')}</label>
        <input
          id="reason"
          value={reason}
          dir="auto"
          placeholder={t('Why are you making this call?')}
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
    </div>
  );
}

function Notice({ state, post }: Pick<ChatProperties, 'state' | 'post'>) {
  const { gateway } = state.surroundings;
  if (gateway.state === 'failed') {
    return (
      <FailureCard failure={gateway.failure} onFix={(index) => post({ type: 'fix', turn: null, index })} />
    );
  }
  if (gateway.state === 'starting' || gateway.simulatedBecause === null) return null;
  const why = t('Answers are simulated. {0}', gateway.simulatedBecause);
  return (
    <p class={state.turns.length > 0 ? 'notice short' : 'notice'} title={why}>
      <Icon name="beaker" />
      <span class="notice-text">{why}</span>
      <span class="notice-brief">{t('Simulated')}</span>
      <button type="button" class="link" onClick={() => post({ type: 'run', command: 'tidyllm.connectAws' })}>
        {t('Connect AWS…')}
      </button>
    </p>
  );
}

function Composer({ state, post, edit, send }: ChatProperties) {
  const { question, held, worstCase } = state;
  const answering = isAnswering(state);
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    send();
  };
  const onPaste = (event: TargetedClipboardEvent<HTMLTextAreaElement>) => {
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (!isTooLongForField(text)) return;
    event.preventDefault();
    edit({ type: 'textHeld', text: [held, text].filter(Boolean).join('\n\n') });
  };
  return (
    <footer class="composer">
      <QueuedQuestions queued={state.around.queued} post={post} />
      {held !== '' && <HeldText text={held} onRemove={() => edit({ type: 'textHeld', text: '' })} />}
      <textarea
        id="question"
        rows={1}
        value={question}
        dir="auto"
        placeholder={t('Ask …')}
        aria-label={t('Question')}
        onInput={(event) => edit({ type: 'questionWritten', question: event.currentTarget.value })}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      <div class="composer-bar">
        <ModeSelector mode={state.mode} onSelect={(mode) => edit({ type: 'modeSelected', mode })} />
        <span class="worst-case" title={t('Maximum cost of this question')}>
          {worstCase !== null && `≤ ${worstCase}`}
        </span>
        {answering ? (
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
      </div>
    </footer>
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

function ModeSelector({ mode, onSelect }: { mode: ChatModeId; onSelect: (mode: ChatModeId) => void }) {
  const labels: Readonly<Record<ChatModeId, string>> = {
    direct: t('Direct'),
    rag: t('Workspace'),
    hybrid: t('Workspace and Model'),
    structured: t('Structured'),
    agent: t('Model with Tools'),
  };
  return (
    <select
      class="mode"
      value={mode}
      title={t('Whether the model answers by itself, or from the workspace’s files with citations')}
      aria-label={t('Mode')}
      onChange={(event) => {
        const selected = chatModeIds.find((id) => id === event.currentTarget.value);
        if (selected) onSelect(selected);
      }}
    >
      {chatModeIds
        .filter((id) => id !== 'structured' && id !== 'agent')
        .map((id) => (
          <option key={id} value={id}>
            {labels[id]}
          </option>
        ))}
    </select>
  );
}

function focusQuestion(): void {
  document.getElementById('question')?.focus();
}
