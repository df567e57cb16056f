import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import { SimulatedBadge } from '../../webviewKit/simulatedBadge.tsx';
import type { Chain, ViewMessage } from '../protocol.ts';
import type { AuditState } from './state.ts';

type Post = (message: ViewMessage) => void;

const icons: Record<Chain['state'], string> = {
  unverified: 'shield',
  verifying: 'loading',
  intact: 'verified-filled',
  broken: 'error',
  faulty: 'error',
};

/** The state of the chain: intact, broken at a record, or not verified yet. */
export function Banner({ state, post }: { state: AuditState; post: Post }) {
  const { chain, anchors, ledger } = state;
  return (
    <section class={`banner ${chain.state}`} aria-label={t('The chain')}>
      <p class="banner-text" role="status">
        <Icon name={icons[chain.state]} spin={chain.state === 'verifying'} />
        <span>
          {ledger?.simulated && <SimulatedBadge />}
          {chainText(chain)}
          {anchors.map((anchor) => (
            <span key={anchor} class="anchor">
              {anchor}
            </span>
          ))}
        </span>
      </p>
      {chain.state === 'verifying' && (
        <progress aria-label={t('Verified so far')} max={1} value={chain.share} />
      )}
      <p class="banner-actions">
        {ledger?.hasOther && (
          <button
            type="button"
            class="button secondary"
            onClick={() => post({ type: 'show', simulated: !ledger.simulated })}
          >
            {ledger.simulated ? t('Show Live Calls') : t('Show Simulated Calls')}
          </button>
        )}
        {chain.state === 'broken' && (
          <button type="button" class="button" onClick={() => post({ type: 'openFault' })}>
            {t('Open Record')}
          </button>
        )}
        {chain.state === 'verifying' ? (
          <button type="button" class="button secondary" onClick={() => post({ type: 'stopVerifying' })}>
            {t('Cancel')}
          </button>
        ) : (
          <button type="button" class="button secondary" onClick={() => post({ type: 'verify' })}>
            {chain.state === 'unverified' ? t('Verify') : t('Verify Again')}
          </button>
        )}
      </p>
    </section>
  );
}

function chainText(chain: Chain): string {
  switch (chain.state) {
    case 'unverified':
      return t('Not verified in this window yet.');
    case 'verifying':
      return t('Verifying every record: {0} %', Math.round(chain.share * 100));
    case 'intact': {
      const time = new Intl.DateTimeFormat(document.documentElement.lang || undefined, {
        timeStyle: 'short',
      });
      return t('{0} records intact, verified at {1}.', chain.records.toLocaleString(), time.format(chain.at));
    }
    case 'broken':
      return t('Broken at {0}, record #{1}: {2}.', chain.place, chain.sequence, chain.detail);
    case 'faulty':
      return chain.message;
  }
}
