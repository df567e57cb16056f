import { Chart } from '../../webviewKit/chart.tsx';
import { FailureView } from '../../webviewKit/failure.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import { SimulatedBadge } from '../../webviewKit/simulatedBadge.tsx';
import type {
  HostMessage,
  PresentedFigure,
  PresentedFinding,
  PresentedReport,
  PresentedSection,
  PresentedTable,
  Severity,
  ViewMessage,
} from '../protocol.ts';

type Post = (message: ViewMessage) => void;

/** The whole view, for the last message of the extension. */
export function ReportView({ message, post }: { message: HostMessage; post: Post }) {
  if (message.type === 'failed')
    return (
      <FailureView
        title={t('The report can’t be shown')}
        failure={message.failure}
        onOpenHealth={() => post({ type: 'run', command: 'tidyllm.refreshHealth' })}
      />
    );
  const { report } = message;
  return (
    <main>
      <Head report={report} post={post} />
      <p class="summary">{report.summary}</p>
      <Particulars particulars={report.particulars} />
      {report.comparison && <Comparison comparison={report.comparison} post={post} />}
      <Findings findings={report.findings} text={report.findingsText} />
      {report.figures.length > 0 && <Figures figures={report.figures} />}
      {report.sections.map((section) => (
        <SectionView key={section.id} section={section} />
      ))}
    </main>
  );
}

function Head({ report, post }: { report: PresentedReport; post: Post }) {
  return (
    <header>
      <div>
        <h1>{report.title}</h1>
        <p class="quiet trigger">{report.trigger}</p>
      </div>
      {report.simulated && <SimulatedBadge />}
      <div class="actions">
        <button type="button" class="button" onClick={() => post({ type: 'runAgain' })}>
          {t('Run Again')}
        </button>
        <button type="button" class="button secondary" onClick={() => post({ type: 'compare' })}>
          {t('Compare with Earlier Run…')}
        </button>
        <button type="button" class="button secondary" onClick={() => post({ type: 'save' })}>
          {t('Save…')}
        </button>
        <button type="button" class="button secondary" onClick={() => post({ type: 'showRecord' })}>
          {t('Open Record')}
        </button>
        {report.inMlflow && (
          <button type="button" class="button secondary" onClick={() => post({ type: 'openInMlflow' })}>
            {t('Open in MLflow')}
          </button>
        )}
      </div>
      {report.simulated && (
        <p class="simulated">{t('The answers, times and costs of this run are simulated.')}</p>
      )}
    </header>
  );
}

/** When and with what it ran; folded, for the verdict comes first. */
function Particulars({ particulars }: Pick<PresentedReport, 'particulars'>) {
  return (
    <details>
      <summary>{t('Run and Parameters')}</summary>
      <dl class="particulars">
        {particulars.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function Comparison({
  comparison,
  post,
}: {
  comparison: NonNullable<PresentedReport['comparison']>;
  post: Post;
}) {
  return (
    <section class="comparison" aria-labelledby="comparison">
      <div class="section-head">
        <h2 id="comparison">{t('Compared with the run of {0}', comparison.when)}</h2>
        <button type="button" class="link" onClick={() => post({ type: 'stopComparing' })}>
          {t('Stop Comparing')}
        </button>
      </div>
      {comparison.cautions.map((caution) => (
        <p key={caution} class="caution">
          <Icon name="warning" /> {caution}
        </p>
      ))}
      <p>{comparison.findings}</p>
      {comparison.gone.length > 0 && (
        <ul class="gone">
          {comparison.gone.map(({ severity, title }) => (
            <li key={title}>
              <Icon name="check" />
              <span>
                {t('Gone: {0}', title)} <span class="quiet">({severityWord(severity)})</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Findings({ findings, text }: { findings: readonly PresentedFinding[]; text: string }) {
  return (
    <section aria-labelledby="findings">
      <div class="section-head">
        <h2 id="findings">{t('Findings')}</h2>
        <span class="quiet">{text}</span>
      </div>
      {findings.length === 0 ? (
        <p class="nothing">
          <Icon name="pass" /> {t('No problems found.')}
        </p>
      ) : (
        <ul class="findings">
          {findings.map((finding, index) => (
            <FindingCard key={index} finding={finding} />
          ))}
        </ul>
      )}
    </section>
  );
}

const severityIcons: Record<Severity, string> = { problem: 'error', warning: 'warning', note: 'info' };

function severityWord(severity: Severity): string {
  const words = { problem: t('Problem'), warning: t('Warning'), note: t('Note') };
  return words[severity];
}

function FindingCard({ finding }: { finding: PresentedFinding }) {
  const { severity, title, evidence, remedy, isNew } = finding;
  return (
    <li class={`finding is-${severity}`}>
      <p class="severity">
        <Icon name={severityIcons[severity]} /> {severityWord(severity)}
        {isNew && <span class="badge">{t('new')}</span>}
      </p>
      <h3>{title}</h3>
      <p class="evidence">{evidence}</p>
      {remedy !== '' && (
        <p class="remedy">
          <span class="quiet">{t('What to do:')}</span> {remedy}
        </p>
      )}
    </li>
  );
}

function Figures({ figures }: { figures: readonly PresentedFigure[] }) {
  return (
    <section aria-labelledby="figures">
      <h2 id="figures">{t('Figures')}</h2>
      <dl class="figures">
        {figures.map((figure) => (
          <div key={figure.label}>
            <dt>{figure.label}</dt>
            <dd>
              <span class={figure.isNumber ? 'value' : 'value words'}>{figure.value}</span>
              {figure.compared && <Change compared={figure.compared} />}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const changeIcons = {
  better: 'thumbsup',
  worse: 'thumbsdown',
  same: 'dash',
  changed: 'arrow-swap',
  incomparable: 'circle-slash',
} as const;

function Change({ compared }: { compared: NonNullable<PresentedFigure['compared']> }) {
  return (
    <span class={`change ${compared.change}`}>
      <Icon name={changeIcons[compared.change]} /> {compared.text}
      {compared.change !== 'same' && <span class="quiet">{t('before: {0}', compared.before)}</span>}
    </span>
  );
}

function SectionView({ section: { id, title, paragraphs, table, chart } }: { section: PresentedSection }) {
  const heading = `section-${id}`;
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      {paragraphs.map((paragraph, index) => (
        <p key={index} class="text">
          {paragraph}
        </p>
      ))}
      {chart && <Chart title={title} chart={chart} />}
      {table && chart && (
        <details>
          <summary>{t('Show Table')}</summary>
          <TableView title={title} table={table} />
        </details>
      )}
      {table && !chart && <TableView title={title} table={table} />}
    </section>
  );
}

function TableView({ title, table: { columns, rows } }: { title: string; table: PresentedTable }) {
  if (rows.length === 0) return <p class="quiet">{t('The list is empty.')}</p>;
  const classOf = (index: number): string => (columns[index]?.isNumber ? 'number' : 'words');
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t('Table: {0}', title)}>
      <table>
        <thead>
          <tr>
            {columns.map(({ label }, index) => (
              <th key={index} scope="col" class={classOf(index)}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, row) => (
            <tr key={row}>
              {cells.map((cell, index) =>
                index === 0 ? (
                  <th key={index} scope="row" class={classOf(index)}>
                    {cell}
                  </th>
                ) : (
                  <td key={index} class={classOf(index)}>
                    {cell}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
