import { useMemo, useRef } from 'preact/hooks';
import type { Turn } from '../../../chat/turn.ts';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Around, ViewMessage } from '../protocol.ts';
import { ConversationStatistics, EarlierTurns, LaterTurns } from './aroundTurns.tsx';
import { useFollowing } from './following.ts';
import type { ChatState } from './state.ts';
import { TurnView } from './turn.tsx';

/** So many of the last turns are drawn at once; others when they come near. */
const drawnAtOnce = 10;

interface LogProperties {
  /** The id of the conversation. */
  conversation: string;
  turns: readonly Turn[];
  around: Around;
  turnPrice: ChatState['turnPrice'];
  /** Whether a question can be asked now. */
  canAsk: boolean;
  /** Whether MLflow shows calls. */
  inMlflow: boolean;
  post: (message: ViewMessage) => void;
  onTry: (question: string) => void;
}

/** The turns of the conversation; without any, what could be asked. */
export function Log({
  conversation,
  turns,
  around,
  turnPrice,
  canAsk,
  inMlflow,
  post,
  onTry,
}: LogProperties) {
  const scroller = useRef<HTMLElement>(null);
  const { following, resume, handlers } = useFollowing(scroller, `${conversation} ${turns.length}`);
  const onLatest = () => {
    resume();
    scroller.current?.focus();
  };
  return (
    <div class="log">
      <main
        ref={scroller}
        class={following ? 'following' : ''}
        tabIndex={turns.length > 0 ? 0 : -1}
        aria-label={t('Conversation')}
        {...handlers}
      >
        <div>
          <EarlierTurns earlier={around.earlier} post={post} />
          {turns.map((turn, index) => (
            <Entry
              key={turn.id}
              turn={turn}
              version={around.versions.find((one) => one.turn === turn.id)}
              isLast={index === turns.length - 1}
              isRecent={index >= turns.length - drawnAtOnce}
              canAsk={canAsk}
              inMlflow={inMlflow}
              price={turnPrice?.turn === turn.id ? turnPrice.cost : null}
              post={post}
            />
          ))}
          <LaterTurns hasLater={around.hasLater} post={post} />
          <ConversationStatistics statistics={around.statistics} />
        </div>
        {turns.length === 0 && <Welcome onTry={onTry} />}
      </main>
      {!following && (
        <button type="button" class="button secondary latest" onClick={onLatest}>
          <Icon name="arrow-down" /> {t('Latest')}
        </button>
      )}
      <Announcement turns={turns} />
    </div>
  );
}

/** A turn that is drawn again only when it changed. */
function Entry(properties: Parameters<typeof TurnView>[0]) {
  const { turn, isLast, canAsk, inMlflow, price, version } = properties;
  const shown = [turn, isLast, canAsk, inMlflow, price, version?.number, version?.of];
  return useMemo(() => <TurnView {...properties} />, shown);
}

/** Tells a screen reader once that an answer begins, and once how it ended. */
function Announcement({ turns }: { turns: readonly Turn[] }) {
  const began = useRef(false);
  const last = turns.at(-1);
  if (last?.result === null) began.current = true;
  return (
    <p class="announcement" role="status">
      {last && began.current ? announced(last) : ''}
    </p>
  );
}

function announced({ result }: Turn): string {
  if (result === null) return t('Answering');
  if (result.failure) return t('The question was not answered.');
  return result.status === 'cancelled' ? t('Stopped') : t('Done');
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
