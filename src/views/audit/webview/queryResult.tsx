import { Chart } from '../../webviewKit/chart.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { ShownResult, ViewMessage } from '../protocol.ts';
import type { QueryState } from './queryState.ts';

interface ResultProperties {
  query: QueryState;
  post: (message: ViewMessage) => void;
}

/** The progress, the fault or the result of the last query. */
export function QueryResultPane({ query, post }: ResultProperties) {
  const { running, failure, result } = query;
  return (
    <section class="query-result" aria-label={t('Result')}>
      <p class="total" role="status">
        {running
          ? stepText(running)
          : failure
            ? ''
            : (result?.summary ?? t('Run a query to see its result.'))}
      </p>
      {running && <progress aria-label={t('Progress')} max={1} value={running.share ?? undefined} />}
      {failure && !running && (
        <div class="query-failure" role="alert">
          <p class="problem">
            <Icon name="error" /> {failure.message}
          </p>
          {failure.hint !== '' && <p class="note">{failure.hint}</p>}
        </div>
      )}
      {result && !running && !failure && <Result result={result} post={post} />}
    </section>
  );
}

function stepText({ step, share }: NonNullable<QueryState['running']>): string {
  const percent = Math.round((share ?? 0) * 100);
  switch (step) {
    case 'starting':
      return t('Starting …');
    case 'indexing':
      return t('Reading the journal: {0} %', percent);
    case 'copying':
      return t('Copying the tables: {0} %', percent);
    case 'running':
      return t('Running …');
  }
}

function Result({ result, post }: { result: ShownResult; post: ResultProperties['post'] }) {
  const { columns, rows, notes, chart, total } = result;
  return (
    <>
      <div class="tab-actions">
        <Action
          icon="export"
          label={t('Save as CSV…')}
          onClick={() => post({ type: 'saveResult', format: 'csv' })}
        />
        <Action
          icon="database"
          label={t('Save as .sqlite…')}
          onClick={() => post({ type: 'saveResult', format: 'sqlite' })}
        />
        <Action
          icon="markdown"
          label={t('Copy as Markdown')}
          onClick={() => post({ type: 'copyResult', format: 'markdown' })}
        />
        <Action
          icon="json"
          label={t('Copy as JSON')}
          onClick={() => post({ type: 'copyResult', format: 'json' })}
        />
      </div>
      {notes.map((text) => (
        <p key={text} class="note">
          <Icon name="info" /> {text}
        </p>
      ))}
      {chart && (
        <div class="query-chart">
          <h3>{chart.title}</h3>
          <Chart title={chart.title} chart={chart.shape} />
        </div>
      )}
      {total > 0 && (
        <div class="query-table" tabIndex={0} role="region" aria-label={t('Rows')}>
          <table>
            <thead>
              <tr>
                {columns.map(({ name, isNumber }) => (
                  <th key={name} scope="col" class={isNumber ? 'number' : ''}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => (
                <tr key={index}>
                  {row.map((value, column) => (
                    <td
                      key={column}
                      class={columns[column]?.isNumber ? 'number' : ''}
                      title={value ?? undefined}
                    >
                      {value ?? <span class="null">NULL</span>}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Action({ icon, label, onClick }: { icon: string; label: string; onClick: () => void }) {
  return (
    <button type="button" class="link" onClick={onClick}>
      <Icon name={icon} /> {label}
    </button>
  );
}
