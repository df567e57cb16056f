import type { TargetedKeyboardEvent } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Turn } from '../../../chat/turn.ts';
import { isComposing } from '../../webviewKit/composition.ts';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Around, ViewMessage } from '../protocol.ts';
import { SentAttachments } from './attachments.tsx';

/** Characters of a question that are shown at once. */
const shownCharacters = 10_000;

type Post = (message: ViewMessage) => void;

/** A turn's question, and what can be asked in its place. */
export function Question({
  turn,
  canAsk,
  price,
  post,
}: {
  turn: Turn;
  canAsk: boolean;
  price: string | null;
  post: Post;
}) {
  const [isEdited, setEdited] = useState(false);
  if (isEdited)
    return (
      <QuestionEditor
        question={turn.question}
        price={price}
        onChange={(question) => post({ type: 'priceTurn', turn: turn.id, question })}
        onDone={(question) => {
          setEdited(false);
          if (question !== null) post({ type: 'edit', turn: turn.id, question });
        }}
      />
    );
  return (
    <>
      <SentAttachments attachments={turn.attachments} />
      <div class="asked">
        <QuestionText text={turn.question} />
        <Action name="edit" label={t('Edit Question')} disabled={!canAsk} onClick={() => setEdited(true)} />
      </div>
    </>
  );
}

/** A question; what a long one says further is laid out only when it is opened. */
function QuestionText({ text }: { text: string }) {
  const rest = text.slice(shownCharacters);
  return (
    <div class="question" dir="auto">
      {text.slice(0, shownCharacters)}
      {rest !== '' && (
        <details>
          <summary>{t('{0} more characters', rest.length.toLocaleString())}</summary>
          {rest}
        </details>
      )}
    </div>
  );
}

function QuestionEditor({
  question,
  price,
  onChange,
  onDone,
}: {
  question: string;
  price: string | null;
  onChange: (question: string) => void;
  onDone: (question: string | null) => void;
}) {
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    field.current?.focus();
    onChange(question);
  }, []);
  const onAsk = () => {
    const asked = field.current?.value.trim() ?? '';
    if (asked !== '') onDone(asked);
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => {
    if (isComposing(event)) return;
    if (event.key === 'Escape') onDone(null);
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    onAsk();
  };
  return (
    <div class="question-editor">
      <textarea
        ref={field}
        rows={3}
        defaultValue={question}
        aria-label={t('Edited question')}
        onInput={(event) => onChange(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <p class="card-actions">
        <button type="button" class="button" onClick={onAsk}>
          {t('Ask')}
        </button>
        <button type="button" class="button secondary" onClick={() => onDone(null)}>
          {t('Cancel')}
        </button>
        {price !== null && <span class="fact">{t('at most {0}', price)}</span>}
      </p>
    </div>
  );
}

/** The versions of a turn, and what goes on from it. */
export function TurnActions({
  turn: { id, flow },
  version,
  isLast,
  canAsk,
  price,
  post,
}: {
  turn: Turn;
  version: Around['versions'][number] | undefined;
  isLast: boolean;
  canAsk: boolean;
  price: string | null;
  post: Post;
}) {
  const show = (step: -1 | 1) => () => post({ type: 'showVersion', turn: id, step });
  return (
    <div class="turn-actions">
      {version && (
        <span class="versions" role="group" aria-label={t('Versions')}>
          <Action
            name="chevron-left"
            label={t('Previous Version')}
            disabled={!canAsk || version.number === 1}
            onClick={show(-1)}
          />
          <span>
            {version.number}/{version.of}
          </span>
          <Action
            name="chevron-right"
            label={t('Next Version')}
            disabled={!canAsk || version.number === version.of}
            onClick={show(1)}
          />
        </span>
      )}
      {!flow && (
        <Action
          name="refresh"
          label={t('Get Another Answer')}
          says={price === null ? undefined : t('Get Another Answer (at most {0})', price)}
          disabled={!canAsk}
          onLook={() => post({ type: 'priceTurn', turn: id, question: null })}
          onClick={() => post({ type: 'regenerate', turn: id })}
        />
      )}
      {!isLast && (
        <Action
          name="git-branch"
          label={t('Branch from Here')}
          disabled={!canAsk}
          onClick={() => post({ type: 'branchFrom', turn: id })}
        />
      )}
    </div>
  );
}

function Action({
  name,
  label,
  says = label,
  disabled,
  onLook,
  onClick,
}: {
  name: string;
  label: string;
  /** What its tooltip says. */
  says?: string | undefined;
  disabled: boolean;
  /** Called before it is used: when it is pointed at or has the focus. */
  onLook?: () => void;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      class="icon-button"
      title={says}
      aria-label={label}
      disabled={disabled}
      onPointerEnter={onLook}
      onFocus={onLook}
      onClick={onClick}
    >
      <Icon name={name} />
    </button>
  );
}
