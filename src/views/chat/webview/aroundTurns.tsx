import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Around, ViewMessage } from '../protocol.ts';

type Post = (message: ViewMessage) => void;

/** Gets the turns before the first one that the view has, which stays where it is. */
export function EarlierTurns({ earlier, post }: { earlier: number; post: Post }) {
  const place = useRef<HTMLDivElement>(null);
  const fromEnd = useRef<number | null>(null);
  useLayoutEffect(() => {
    const scroller = place.current?.closest('main');
    if (!scroller || fromEnd.current === null) return;
    scroller.scrollTop = scroller.scrollHeight - fromEnd.current;
    fromEnd.current = null;
    // The button is gone, and the focus must not go with it.
    if (earlier === 0) scroller.focus();
  }, [earlier]);
  const onShow = () => {
    const scroller = place.current?.closest('main');
    if (scroller) fromEnd.current = scroller.scrollHeight - scroller.scrollTop;
    post({ type: 'showEarlier' });
  };
  return (
    <div ref={place} class="more">
      {earlier > 0 && (
        <button type="button" class="link" onClick={onShow}>
          {t('Show Earlier Questions ({0})', earlier)}
        </button>
      )}
    </div>
  );
}

/** Returns to the turns that a branch left out. */
export function LaterTurns({ hasLater, post }: { hasLater: boolean; post: Post }) {
  if (!hasLater) return null;
  return (
    <p class="more">
      {t('The next question begins another branch.')}{' '}
      <button type="button" class="link" onClick={() => post({ type: 'showLater' })}>
        {t('Return to the Later Questions')}
      </button>
    </p>
  );
}

/** What all questions of the conversation came to. */
export function ConversationStatistics({ statistics }: { statistics: Around['statistics'] }) {
  if (!statistics) return null;
  const { questions, tokens, cost, estimated, unknown } = statistics;
  const facts = [
    t('{0} questions', questions),
    t('{0} → {1} tokens', tokens.input.toLocaleString(), tokens.output.toLocaleString()),
    estimated ? t('at most {0}', cost) : cost,
    ...(unknown > 0 ? [t('the cost of {0} isn’t known', unknown)] : []),
  ];
  return <p class="statistics">{t('In this conversation: {0}', facts.join(' · '))}</p>;
}

/** Questions that wait for the running answer, each of which can be taken back. */
export function QueuedQuestions({ queued, post }: { queued: Around['queued']; post: Post }) {
  if (queued.length === 0) return null;
  return (
    <ul class="queued" aria-label={t('Waiting questions')}>
      {queued.map(({ id, question }) => (
        <li key={id}>
          <Icon name="watch" />
          <span class="queued-question">{question}</span>
          <button
            type="button"
            class="icon-button"
            title={t('Take Back')}
            aria-label={t('Take Back: {0}', question)}
            onClick={() => post({ type: 'unqueue', id })}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** What can't be kept, or read, of the conversation. */
export function KeepingNotice({ around: { isKept, unreadable } }: { around: Around }) {
  return (
    <>
      {!isKept && (
        <p class="notice" role="status">
          <Icon name="info" />
          <span class="notice-text">
            {t('This conversation is not kept, because audit.content is none.')}
          </span>
        </p>
      )}
      {unreadable > 0 && (
        <p class="notice" role="status">
          <Icon name="warning" />
          <span class="notice-text">
            {t(
              '{0} parts of this conversation can’t be read: they were changed, or their key was erased.',
              unreadable,
            )}
          </span>
        </p>
      )}
    </>
  );
}
