import { FailureCard } from '../../webviewKit/failureCard.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import { isAnswering } from './state.ts';
import { KeepingNotice } from './aroundTurns.tsx';
import { Composer, focusQuestion, type ChatProperties } from './composer.tsx';
import { Log } from './log.tsx';

export function Chat(properties: ChatProperties) {
  const { state, post, edit } = properties;
  if (state.elsewhere) return <Elsewhere post={post} />;
  const onTry = (question: string) => {
    edit({ type: 'questionWritten', question });
    focusQuestion();
  };
  return (
    <>
      <header>
        <Notice state={state} post={post} />
        <KeepingNotice around={state.around} />
      </header>
      <Log
        conversation={state.conversation}
        turns={state.turns}
        around={state.around}
        turnPrice={state.turnPrice}
        canAsk={!isAnswering(state)}
        inMlflow={state.surroundings.inMlflow}
        post={post}
        onTry={onTry}
      />
      <Composer {...properties} />
    </>
  );
}

/** What the view shows while an editor has the conversation. */
function Elsewhere({ post }: Pick<ChatProperties, 'post'>) {
  return (
    <main class="elsewhere">
      <p>{t('The chat is open in an editor.')}</p>
      <p class="card-actions">
        <button
          type="button"
          class="button"
          onClick={() => post({ type: 'run', command: 'tidyllm.openChatInEditor' })}
        >
          {t('Show Editor')}
        </button>
        <button type="button" class="button secondary" onClick={() => post({ type: 'bringBack' })}>
          {t('Bring It Back')}
        </button>
      </p>
    </main>
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
