import type { TargetedKeyboardEvent } from 'preact';
import { FailureView } from '../../webviewKit/failure.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { ViewMessage } from '../protocol.ts';
import { Banner } from './banner.tsx';
import { DetailPane } from './detail.tsx';
import { Filters } from './filters.tsx';
import { isEverything, type AuditState, type Edit } from './state.ts';
import { CallTable } from './table.tsx';

export interface AuditProperties {
  state: AuditState;
  post: (message: ViewMessage) => void;
  edit: (edit: Edit) => void;
  onSeen: (first: number, last: number) => void;
}

export function Audit({ state, post, edit, onSeen }: AuditProperties) {
  if (!state.ledger) {
    return state.failure ? (
      <FailureView
        title={t('The audit history can’t be shown')}
        failure={state.failure}
        onOpenHealth={() => post({ type: 'run', command: 'tidyllm.refreshHealth' })}
      />
    ) : (
      <p class="empty" role="status">
        {t('The gateway is starting.')}
      </p>
    );
  }
  const close = (): void => {
    edit({ type: 'closed' });
    document.querySelector<HTMLElement>('.grid')?.focus();
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>): void => {
    if (event.key === 'Escape' && state.selected) close();
  };
  return (
    <main class={state.selected ? 'with-detail' : ''} onKeyDown={onKeyDown}>
      <Banner state={state} post={post} />
      <Filters state={state} onFilter={(filter) => edit({ type: 'filtered', filter })} />
      <Toolbar state={state} post={post} />
      <div class="panes">
        {state.total === 0 ? (
          <p class="empty">
            {isEverything(state.filter)
              ? t('Nothing has been recorded yet.')
              : t('No call matches the filters.')}
          </p>
        ) : (
          <CallTable
            state={state}
            onSelect={(number) => edit({ type: 'selected', number })}
            onSeen={onSeen}
          />
        )}
        {state.selected && state.detail && <DetailPane detail={state.detail} post={post} onClose={close} />}
      </div>
    </main>
  );
}

function Toolbar({ state, post }: Pick<AuditProperties, 'state' | 'post'>) {
  const { total, indexing } = state;
  return (
    <div class="toolbar">
      <p class="total" role="status">
        {indexing !== null
          ? t('Reading the journal: {0} %', Math.round(indexing * 100))
          : total === null
            ? t('Searching …')
            : total === 1
              ? t('1 call')
              : t('{0} calls', total.toLocaleString())}
      </p>
      {(['csv', 'jsonl'] as const).map((format) => (
        <button
          key={format}
          type="button"
          class="link"
          disabled={!total}
          onClick={() => post({ type: 'export', format })}
        >
          <Icon name="export" /> <span class="export-word">{t('Export')} </span>
          {format === 'csv' ? t('CSV…') : t('JSON Lines…')}
        </button>
      ))}
    </div>
  );
}
