import type { TargetedKeyboardEvent } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { chatModeIds, type ChatModeId } from '../../../chat/chatModeIds.ts';
import { FailureCard } from '../../webviewKit/failureCard.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Surroundings, ViewMessage } from '../protocol.ts';
import { isAnswering, type ChatState, type Edit } from './state.ts';
import { TurnView } from './turn.tsx';

export interface ChatProperties {
  state: ChatState;
  post: (message: ViewMessage) => void;
  edit: (edit: Edit) => void;
  send: () => void;
}

/** The view follows a growing answer while it is scrolled to within this many pixels of the end. */
const nearEnd = 40;

export function Chat(properties: ChatProperties) {
  const { state, post } = properties;
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
      </header>
      <Log {...properties} />
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
    if (event.isComposing) return;
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

function Log({ state, post, edit }: ChatProperties) {
  const scroller = useRef<HTMLElement>(null);
  const following = useRef(true);
  const { turns } = state;
  useLayoutEffect(() => {
    following.current = true;
  }, [turns.length]);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && turns.length > 0 && following.current) element.scrollTop = element.scrollHeight;
  });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      if (following.current && element.querySelector('.turn')) element.scrollTop = element.scrollHeight;
    });
    for (const observed of [element, element.firstElementChild]) if (observed) observer.observe(observed);
    return () => observer.disconnect();
  }, []);
  const onTry = (question: string) => {
    edit({ type: 'questionWritten', question });
    focusQuestion();
  };
  const onScroll = () => {
    const element = scroller.current;
    if (element)
      following.current = element.scrollHeight - element.scrollTop - element.clientHeight < nearEnd;
  };
  return (
    <main
      ref={scroller}
      onScroll={onScroll}
      tabIndex={turns.length > 0 ? 0 : -1}
      aria-label={t('Conversation')}
    >
      <div role="log" aria-live="polite" aria-label={t('Answers')}>
        {turns.map((turn, index) => (
          <TurnView key={turn.id} turn={turn} isLast={index === turns.length - 1} post={post} />
        ))}
      </div>
      {turns.length === 0 && <Welcome onTry={onTry} />}
    </main>
  );
}

function Welcome({ onTry }: { onTry: (question: string) => void }) {
  const examples = [
    t('Write a retry helper in TypeScript with a limited number of attempts.'),
    t('Why might a login test time out only sometimes?'),
    '[Cost Analysis]',
  ];
  return (
    <section class="welcome">
      <h2>{t('Every answer has a reason, a price and a record.')}</h2>
      <p>{t('Try one of these:')}</p>
      {examples.map((example) => (
        <button key={example} type="button" class="example" onClick={() => onTry(example)}>
          {example}
        </button>
      ))}
    </section>
  );
}

function Composer({ state, post, edit, send }: ChatProperties) {
  const { question, worstCase } = state;
  const answering = isAnswering(state);
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <footer class="composer">
      <textarea
        id="question"
        rows={1}
        value={question}
        placeholder={t('Ask …')}
        aria-label={t('Question')}
        onInput={(event) => edit({ type: 'questionWritten', question: event.currentTarget.value })}
        onKeyDown={onKeyDown}
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
            disabled={question.trim() === ''}
            onClick={send}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
    </footer>
  );
}

function ModeSelector({ mode, onSelect }: { mode: ChatModeId; onSelect: (mode: ChatModeId) => void }) {
  const labels: Readonly<Record<ChatModeId, string>> = {
    direct: t('Direct'),
    rag: t('Workspace'),
    hybrid: t('Workspace and Model'),
    structured: t('Structured'),
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
        .filter((id) => id !== 'structured')
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
