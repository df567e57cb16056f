import type { TargetedKeyboardEvent } from 'preact';
import { FailureView } from '../../webviewKit/failure.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { ViewMessage } from '../protocol.ts';
import { Banner } from './banner.tsx';
import { ComplianceTab } from './compliance.tsx';
import type { ComplianceEdit, ComplianceState } from './complianceState.ts';
import { DetailPane } from './detail.tsx';
import { Filters } from './filters.tsx';
import { isEverything, type AuditState, type Edit } from './state.ts';
import { QueryTab } from './query.tsx';
import type { QueryEdit, QueryState } from './queryState.ts';
import { CallTable } from './table.tsx';
import { Tabs } from './tabs.tsx';

export interface AuditProperties {
  state: AuditState;
  query: QueryState;
  compliance: ComplianceState;
  post: (message: ViewMessage) => void;
  edit: (edit: Edit) => void;
  editQuery: (edit: QueryEdit) => void;
  editCompliance: (edit: ComplianceEdit) => void;
  onSeen: (first: number, last: number) => void;
}

export function Audit(properties: AuditProperties) {
  const { state, query, compliance, post, edit, editQuery, editCompliance, onSeen } = properties;
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
  const shown = query.tab === 'calls' && state.selected;
  return (
    <main class={shown ? 'with-detail' : ''}>
      <Banner state={state} post={post} />
      <Tabs tab={query.tab} onChoose={(tab) => editQuery({ type: 'tab', tab })} />
      {query.tab === 'calls' && <Calls state={state} post={post} edit={edit} onSeen={onSeen} />}
      {query.tab === 'compliance' && (
        <div id="panel-compliance" class="panel" role="tabpanel" aria-labelledby="tab-compliance">
          <ComplianceTab compliance={compliance} post={post} edit={editCompliance} />
        </div>
      )}
      {query.tab === 'query' && (
        <div id="panel-query" class="panel" role="tabpanel" aria-labelledby="tab-query">
          <QueryTab query={query} post={post} edit={editQuery} />
        </div>
      )}
    </main>
  );
}

type CallsProperties = Pick<AuditProperties, 'state' | 'post' | 'edit' | 'onSeen'>;

function Calls({ state, post, edit, onSeen }: CallsProperties) {
  const close = (): void => {
    edit({ type: 'closed' });
    document.querySelector<HTMLElement>('.grid')?.focus();
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>): void => {
    if (event.key === 'Escape' && state.selected) close();
  };
  return (
    <div id="panel-calls" class="panel" role="tabpanel" aria-labelledby="tab-calls" onKeyDown={onKeyDown}>
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
    </div>
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
