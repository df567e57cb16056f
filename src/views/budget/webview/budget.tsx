import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Chart } from '../../webviewKit/chart.tsx';
import type { ChartShape } from '../../webviewKit/chartShape.ts';
import { FailureView } from '../../webviewKit/failure.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import { SimulatedBadge } from '../../webviewKit/simulatedBadge.tsx';
import type { BreakdownRow, Budget, CapRow, Forecast, HostMessage, ViewMessage } from '../protocol.ts';
import { drawPicture } from './picture.ts';

type Post = (message: ViewMessage) => void;

/** The whole view, for the last message of the extension. */
export function BudgetView({ message, post }: { message: HostMessage; post: Post }) {
  switch (message.type) {
    case 'reading':
      return (
        <p class="instead" role="status">
          <Icon name="loading" spin /> {t('Reading the journal: {0} %', Math.floor(message.share * 100))}
        </p>
      );
    case 'failed':
      return (
        <FailureView
          title={t('The budget can’t be shown')}
          failure={message.failure}
          onOpenHealth={() => post({ type: 'run', command: 'tidyllm.refreshHealth' })}
        />
      );
    case 'budget':
      return <Meter budget={message.budget} post={post} />;
  }
}

function Meter({ budget, post }: { budget: Budget; post: Post }) {
  return (
    <main>
      <Head budget={budget} post={post} />
      <Today budget={budget} />
      {budget.alerts.length > 0 && <Alerts budget={budget} post={post} />}
      <ChartSection title={t('Today by hour')} first={t('Hour')} chart={budget.hours} post={post} />
      <ChartSection title={budget.month} first={t('Day')} chart={budget.days} post={post}>
        <p>
          <strong>{budget.monthSpent.text}</strong> {t('spent this month')}
          {budget.monthForecast && (
            <ForecastText forecast={budget.monthForecast} label={t('by the end of the month')} />
          )}
        </p>
      </ChartSection>
      <div class="breakdowns">
        {budget.breakdowns.map(({ name, column, rows }) => (
          <Breakdown key={name} name={name} column={column} rows={rows} />
        ))}
      </div>
      <Caps caps={budget.caps} post={post} />
    </main>
  );
}

function Head({ budget, post }: { budget: Budget; post: Post }) {
  return (
    <header>
      <div>
        <h1>{t('Budget')}</h1>
        <p class="quiet">
          {budget.day} · {t('a new day begins at {0} ({1})', budget.resets, budget.zone)}
        </p>
      </div>
      {budget.simulated && <SimulatedBadge />}
      <div class="actions">
        <button type="button" onClick={() => post({ type: 'raiseCap', index: 0 })}>
          {t('Raise Cap…')}
        </button>
        <button
          type="button"
          class="secondary"
          onClick={() => post({ type: 'run', command: 'tidyllm.setDailyLimit' })}
        >
          {t('Set Daily Limit…')}
        </button>
        <button type="button" class="secondary" onClick={() => post({ type: 'exportCsv' })}>
          {t('Export CSV')}
        </button>
        <button
          type="button"
          class="secondary"
          onClick={() => post({ type: 'exportPng', data: drawPicture(budget) })}
        >
          {t('Export PNG')}
        </button>
      </div>
    </header>
  );
}

function Today({ budget }: { budget: Budget }) {
  const { spent, reserved, left, limit, forecast } = budget;
  const whole = Math.max(limit.usd, spent.usd + reserved.usd, Number.EPSILON);
  const part = (usd: number): string => `${(100 * usd) / whole}%`;
  const said = t(
    '{0} of {1} spent, {2} reserved, {3} left',
    spent.text,
    limit.text,
    reserved.text,
    left.text,
  );
  return (
    <section class={`today level-${budget.level}`} aria-label={t('Today')}>
      <p class="headline">
        <strong>{spent.text}</strong> {t('of {0} spent today', limit.text)}
        <span class="level">
          {budget.level !== 'ok' && <Icon name={budget.level === 'warning' ? 'warning' : 'error'} />}
          {budget.levelText}
        </span>
      </p>
      <div class="meter" role="img" aria-label={said}>
        {spent.usd > 0 && <div class="spent" style={{ width: part(spent.usd) }} />}
        {reserved.usd > 0 && <div class="reserved" style={{ width: part(reserved.usd) }} />}
        {forecast && <div class="tick" style={{ left: part(Math.min(forecast.amount.usd, whole)) }} />}
      </div>
      <ul class="legend">
        <li>
          <span class="swatch spent" /> {t('Spent')} <strong>{spent.text}</strong>
        </li>
        <li>
          <span class="swatch reserved" /> {t('Reserved')} <strong>{reserved.text}</strong>
        </li>
        <li>
          <span class="swatch left" /> {t('Left')} <strong>{left.text}</strong>
        </li>
        {forecast && (
          <li>
            <span class="swatch tick" /> {t('Forecast for today')} <strong>{forecast.amount.text}</strong>
            {forecast.amount.usd > limit.usd && <span class="over">{t('above the limit')}</span>}
          </li>
        )}
      </ul>
      <p class="quiet">
        {forecast ? forecast.method : t('A forecast needs a day with spending before today.')}
      </p>
    </section>
  );
}

function ForecastText({ forecast, label }: { forecast: Forecast; label: string }) {
  return (
    <>
      {' · '}
      <strong>≈ {forecast.amount.text}</strong> {label}
      <span class="quiet method">{forecast.method}</span>
    </>
  );
}

function Alerts({ budget, post }: { budget: Budget; post: Post }) {
  return (
    <section aria-labelledby="alerts">
      <h2 id="alerts">{t('Alerts of today')}</h2>
      <ul class="alerts">
        {budget.alerts.map(({ text, when, level }) => (
          <li key={text} class={level}>
            <Icon name={level === 'critical' ? 'error' : 'warning'} /> <span>{text}</span>{' '}
            <span class="quiet">{when}</span>
          </li>
        ))}
      </ul>
      {budget.overruns > 0 && (
        <button type="button" onClick={() => post({ type: 'acknowledge' })}>
          {t('Acknowledge…')}
        </button>
      )}
    </section>
  );
}

function ChartSection({
  title,
  first,
  chart,
  post,
  children,
}: {
  title: string;
  first: string;
  chart: ChartShape;
  post: Post;
  children?: ComponentChildren;
}) {
  const [asTable, setAsTable] = useState(false);
  const empty = chart.labels.every((_, index) => isEmpty(chart, index));
  return (
    <section aria-label={title}>
      <div class="section-head">
        <h2>{title}</h2>
        {!empty && (
          <button
            type="button"
            class="icon-button"
            aria-pressed={asTable}
            title={asTable ? t('Show as chart') : t('Show as table')}
            aria-label={t('{0} as table', title)}
            onClick={() => setAsTable(!asTable)}
          >
            <Icon name={asTable ? 'graph' : 'table'} />
          </button>
        )}
      </div>
      {children}
      {empty ? (
        <p class="quiet">
          {t('Nothing has been spent yet.')}{' '}
          <button
            type="button"
            class="link"
            onClick={() => post({ type: 'run', command: 'tidyllm.openChat' })}
          >
            {t('Ask a Question in the Chat')}
          </button>
        </p>
      ) : (
        <>
          <div hidden={asTable}>
            <Chart title={title} chart={chart} />
          </div>
          {asTable && <ChartTable first={first} chart={chart} />}
        </>
      )}
    </section>
  );
}

function ChartTable({ first, chart }: { first: string; chart: ChartShape }) {
  const several = chart.series.length > 1;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={first}>
      <table>
        <thead>
          <tr>
            <th scope="col">{first}</th>
            {chart.series.map(({ name }) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
            {several && (
              <th scope="col" class="number">
                {t('Total')}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {chart.stacks?.map(({ name, text }, index) =>
            isEmpty(chart, index) ? null : (
              <tr key={name}>
                <th scope="row">{name}</th>
                {chart.series.map(({ name: series, points }) => (
                  <td key={series} class="number">
                    {points[index]?.text}
                  </td>
                ))}
                {several && <td class="number">{text}</td>}
              </tr>
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}

function isEmpty({ series }: ChartShape, index: number): boolean {
  return series.every(({ points }) => !points[index]?.value);
}

const trendIcons = {
  up: 'arrow-up',
  down: 'arrow-down',
  level: 'dash',
  new: 'sparkle',
  none: 'dash',
  unknown: 'question',
} as const;

function Breakdown({ name, column, rows }: { name: string; column: string; rows: readonly BreakdownRow[] }) {
  const trendSays = {
    up: t('more than in the 7 days before'),
    down: t('less than in the 7 days before'),
    level: t('the same as in the 7 days before'),
    new: t('nothing in the 7 days before'),
    none: t('nothing in the 14 days before today'),
    unknown: t('not comparable: too few days with calls, or not equally many in both weeks'),
  };
  return (
    <section aria-label={name}>
      <h2>{name}</h2>
      {rows.length === 0 ? (
        <p class="quiet">{t('No calls today.')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{column}</th>
              <th scope="col" class="number">
                {t('Calls')}
              </th>
              <th scope="col" class="number">
                {t('Today')}
              </th>
              <th scope="col" class="number share">
                {t('Share')}
              </th>
              <th scope="col" class="number" title={t('7 days before today')}>
                {t('7 days')}
              </th>
              <th scope="col" class="number">
                {t('Trend')}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name}>
                <th scope="row" title={row.title}>
                  {row.name}
                </th>
                <td class="number" title={t('{0} tokens', row.tokens)}>
                  {row.calls}
                </td>
                <td class="number">{row.spent.text}</td>
                <td class="number share">
                  <span class="share-bar" aria-hidden="true">
                    <span style={{ width: `${100 * row.share}%` }} />
                  </span>
                  <span class="share-text">{row.shareText}</span>
                </td>
                <td class="number">{row.lately.text}</td>
                <td class={`number trend-${row.trend.direction}`} title={trendSays[row.trend.direction]}>
                  <Icon name={trendIcons[row.trend.direction]} />
                  <span class="spoken">{trendSays[row.trend.direction]}</span> {row.trend.text}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Caps({ caps, post }: { caps: readonly CapRow[]; post: Post }) {
  return (
    <section aria-label={t('Caps')}>
      <h2>{t('Caps')}</h2>
      <div class="scroll">
        <table class="caps">
          <thead>
            <tr>
              <th scope="col">{t('For')}</th>
              <th scope="col" class="number">
                {t('Cap')}
              </th>
              <th scope="col" class="number">
                {t('Spent')}
              </th>
              <th scope="col" class="number">
                {t('Reserved')}
              </th>
              <th scope="col" class="number">
                {t('Left')}
              </th>
              <th scope="col">{t('Set by')}</th>
              <th scope="col">{t('Last change')}</th>
              <th scope="col">
                <span class="spoken">{t('Action')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {caps.map((cap, index) => (
              <tr key={`${cap.scope} ${cap.title}`}>
                <th scope="row" title={cap.title}>
                  {cap.name === '' ? cap.scope : `${cap.scope}: ${cap.name}`}
                </th>
                <td class="number">{cap.limit.text}</td>
                <td class="number">{cap.spent.text}</td>
                <td class="number">{cap.reserved.text}</td>
                <td class={cap.share >= 0.95 ? 'number over' : 'number'}>{cap.left.text}</td>
                <td class="words">{cap.owner}</td>
                <td class="words">{cap.change === '' ? '–' : cap.change}</td>
                <td>
                  <button
                    type="button"
                    class="link"
                    aria-label={t('Raise the cap of {0}…', cap.name === '' ? cap.scope : cap.name)}
                    onClick={() => post({ type: 'raiseCap', index })}
                  >
                    {t('Raise…')}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
