import type { TargetedKeyboardEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { ViewMessage } from '../protocol.ts';
import { QueryResultPane } from './queryResult.tsx';
import { QuerySchemaPane } from './querySchema.tsx';
import type { QueryEdit, QueryState } from './queryState.ts';

export interface QueryProperties {
  query: QueryState;
  post: (message: ViewMessage) => void;
  edit: (edit: QueryEdit) => void;
}

/** SQL over the history: the query with what can be queried beside it, and the result below. */
export function QueryTab({ query, post, edit }: QueryProperties) {
  const text = useRef<HTMLTextAreaElement>(null);
  useEffect(() => post({ type: 'queries' }), []);
  const run = (): void => {
    if (query.sql.trim() !== '') edit({ type: 'started' });
  };
  const insert = (word: string): void => {
    const area = text.current;
    if (!area) return;
    area.setRangeText(word, area.selectionStart, area.selectionEnd, 'end');
    edit({ type: 'sql', sql: area.value });
    area.focus();
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  };
  return (
    <div class="query">
      <div class="query-top">
        <section class="query-edit" aria-label={t('Query')}>
          <SavedList query={query} post={post} edit={edit} />
          <textarea
            ref={text}
            aria-label={t('SQL')}
            placeholder="SELECT day, spent_usd FROM days ORDER BY day DESC"
            spellcheck={false}
            value={query.sql}
            onInput={(event) => edit({ type: 'sql', sql: event.currentTarget.value })}
            onKeyDown={onKeyDown}
          />
          <RunBar query={query} post={post} edit={edit} run={run} />
        </section>
        {query.schema && <QuerySchemaPane schema={query.schema} onInsert={insert} />}
      </div>
      <QueryResultPane query={query} post={post} />
    </div>
  );
}

function SavedList({ query, post, edit }: QueryProperties) {
  const { saved, chosen } = query;
  const own = saved.filter(({ builtIn }) => !builtIn);
  const isOwn = own.some(({ name }) => name === chosen);
  const options = (queries: typeof own) =>
    queries.map(({ name }) => (
      <option key={name} value={name}>
        {name}
      </option>
    ));
  return (
    <div class="query-saved">
      <select
        aria-label={t('Saved queries')}
        value={chosen ?? ''}
        onChange={(event) => edit({ type: 'choose', name: event.currentTarget.value })}
      >
        <option value="">{t('Saved queries and examples')}</option>
        {own.length > 0 && <optgroup label={t('Saved')}>{options(own)}</optgroup>}
        <optgroup label={t('Examples')}>{options(saved.filter(({ builtIn }) => builtIn))}</optgroup>
      </select>
      <button
        type="button"
        class="icon-button"
        title={t('Save Query…')}
        aria-label={t('Save Query…')}
        disabled={query.sql.trim() === ''}
        onClick={() => post({ type: 'saveQuery', sql: query.sql })}
      >
        <Icon name="save" />
      </button>
      {isOwn && chosen !== null && (
        <button
          type="button"
          class="icon-button"
          title={t('Delete Saved Query')}
          aria-label={t('Delete Saved Query')}
          onClick={() => post({ type: 'deleteQuery', name: chosen })}
        >
          <Icon name="trash" />
        </button>
      )}
    </div>
  );
}

function RunBar({ query, post, edit, run }: QueryProperties & { run: () => void }) {
  const { since, until, running } = query;
  return (
    <div class="tab-form">
      {running ? (
        <button type="button" class="button secondary" onClick={() => post({ type: 'cancelQuery' })}>
          {t('Cancel')}
        </button>
      ) : (
        <button
          type="button"
          class="button"
          title={t('Run (Ctrl+Enter or ⌘Enter)')}
          disabled={query.sql.trim() === ''}
          onClick={run}
        >
          {t('Run')}
        </button>
      )}
      <label>
        <span>{t('From')}</span>
        <input
          type="date"
          value={since ?? ''}
          max={until ?? undefined}
          onChange={(event) => edit({ type: 'days', since: event.currentTarget.value || null, until })}
        />
      </label>
      <label>
        <span>{t('Until')}</span>
        <input
          type="date"
          value={until ?? ''}
          min={since ?? undefined}
          onChange={(event) => edit({ type: 'days', since, until: event.currentTarget.value || null })}
        />
      </label>
    </div>
  );
}
