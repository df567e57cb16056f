import { useEffect } from 'preact/hooks';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { ShownCompliance, ViewMessage } from '../protocol.ts';
import type { ComplianceEdit, ComplianceState } from './complianceState.ts';

interface ComplianceProperties {
  compliance: ComplianceState;
  post: (message: ViewMessage) => void;
  edit: (edit: ComplianceEdit) => void;
}

/** A level's controls with what the recorded calls came to, and what was found, each with a way to its records. */
export function ComplianceTab({ compliance, post, edit }: ComplianceProperties) {
  const { directory, levels, running, failure, report } = compliance;
  useEffect(() => post({ type: 'complianceLevels' }), [directory]);
  return (
    <div class="compliance">
      <Choice compliance={compliance} post={post} edit={edit} />
      <p class="total" role="status">
        {running || levels === null
          ? t('Reading the records …')
          : failure || !report
            ? ''
            : summaryOf(report)}
      </p>
      {failure && (
        <div role="alert">
          <p class="problem">
            <Icon name="error" /> {failure.message}
          </p>
          {failure.hint !== '' && <p class="note">{failure.hint}</p>}
        </div>
      )}
      {report && !failure && (
        <>
          <Controls report={report} post={post} />
          <Rules report={report} post={post} />
          <section>
            <h3>{t('Kept back')}</h3>
            {report.blockedCalls === 0 ? (
              <p class="note">{t('Policy kept no call back.')}</p>
            ) : (
              <Records records={report.blockedRecords} all={report.blockedCalls} post={post} />
            )}
          </section>
        </>
      )}
    </div>
  );
}

function summaryOf({ calls, checkedCalls, redactedCalls, lateCalls }: ShownCompliance): string {
  return [
    t('{0} calls', calls.toLocaleString()),
    t('{0} checked at this level', checkedCalls.toLocaleString()),
    t('{0} redacted', redactedCalls.toLocaleString()),
    ...(lateCalls > 0 ? [t('{0} not searched in time', lateCalls.toLocaleString())] : []),
  ].join(' · ');
}

function Choice({ compliance, post, edit }: ComplianceProperties) {
  const { levels, inForce, level, since, until, report } = compliance;
  const ask = (change: Partial<Pick<ComplianceState, 'level' | 'since' | 'until'>>): void =>
    edit({ type: 'asked', level, since, until, ...change });
  const formats = { md: t('Markdown…'), csv: t('CSV…'), json: t('JSON…') };
  return (
    <div class="tab-form">
      <label>
        <span>{t('Level')}</span>
        <select value={level} onChange={(event) => ask({ level: event.currentTarget.value })}>
          {levels?.map((one) => (
            <option key={one} value={one}>
              {inForce.includes(one) ? t('{0} (in force)', one) : one}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t('From')}</span>
        <input
          type="date"
          value={since}
          max={until}
          onChange={({ currentTarget: { value } }) => value && ask({ since: value })}
        />
      </label>
      <label>
        <span>{t('Until')}</span>
        <input
          type="date"
          value={until}
          min={since}
          onChange={({ currentTarget: { value } }) => value && ask({ until: value })}
        />
      </label>
      <div class="tab-actions">
        {(['md', 'csv', 'json'] as const).map((format) => (
          <button
            key={format}
            type="button"
            class="link"
            disabled={!report}
            onClick={() => post({ type: 'saveCompliance', format })}
          >
            <Icon name="export" /> {formats[format]}
          </button>
        ))}
      </div>
    </div>
  );
}

interface ReportProperties {
  report: ShownCompliance;
  post: ComplianceProperties['post'];
}

function Controls({ report, post }: ReportProperties) {
  return (
    <section aria-label={t('Controls')}>
      <h3>{t('Controls')}</h3>
      <table class="compliance-table">
        <thead>
          <tr>
            <th scope="col">{t('Control')}</th>
            <th scope="col" class="number">
              {t('Passed')}
            </th>
            <th scope="col" class="number">
              {t('Failed')}
            </th>
            <th scope="col" class="number">
              {t('Unchecked')}
            </th>
            <th scope="col">{t('Failed in records')}</th>
          </tr>
        </thead>
        <tbody>
          {report.controls.map(({ id, title, source, evidence, ...counts }) => (
            <tr key={id}>
              <th scope="row">
                <span class="compliance-title">{title}</span>
                <span class="note">
                  {id} · {source} · {evidence}
                </span>
              </th>
              <td class="number" data-label={t('Passed')}>
                {counts.passed.toLocaleString()}
              </td>
              <td class={counts.failed > 0 ? 'number failed' : 'number'} data-label={t('Failed')}>
                {counts.failed > 0 && <Icon name="error" />} {counts.failed.toLocaleString()}
              </td>
              <td class="number" data-label={t('Unchecked')}>
                {counts.unchecked.toLocaleString()}
              </td>
              <td>
                <Records records={counts.failedRecords} all={counts.failed} post={post} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Rules({ report, post }: ReportProperties) {
  return (
    <section aria-label={t('Found')}>
      <h3>{t('Found')}</h3>
      {report.rules.length === 0 ? (
        <p class="note">{t('Nothing was found in requests and answers.')}</p>
      ) : (
        <table class="compliance-table">
          <thead>
            <tr>
              <th scope="col">{t('Rule')}</th>
              <th scope="col" class="number">
                {t('Values')}
              </th>
              <th scope="col" class="number">
                {t('Calls')}
              </th>
              <th scope="col">{t('Records')}</th>
            </tr>
          </thead>
          <tbody>
            {report.rules.map(({ rule, class: of, findings, calls, records }) => (
              <tr key={rule}>
                <th scope="row">
                  <span class="compliance-title">{rule}</span>
                  <span class="note">{of === 'secret' ? t('secret') : t('personal data')}</span>
                </th>
                <td class="number" data-label={t('Values')}>
                  {findings.toLocaleString()}
                </td>
                <td class="number" data-label={t('Calls')}>
                  {calls.toLocaleString()}
                </td>
                <td>
                  <Records records={records} all={calls} post={post} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** A way to each record; only the first are known of many. */
function Records({
  records,
  all,
  post,
}: {
  records: readonly number[];
  all: number;
  post: ComplianceProperties['post'];
}) {
  return (
    <span class="compliance-records">
      {records.map((sequence) => (
        <button
          key={sequence}
          type="button"
          class="link"
          aria-label={t('Show record {0}', sequence)}
          onClick={() => post({ type: 'showRecord', sequence })}
        >
          #{sequence}
        </button>
      ))}
      {all > records.length && <span class="note">{t('and {0} more', all - records.length)}</span>}
    </span>
  );
}
