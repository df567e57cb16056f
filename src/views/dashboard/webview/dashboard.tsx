import type { ComponentChildren } from 'preact';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import { SimulatedBadge } from '../../webviewKit/simulatedBadge.tsx';
import type { Dashboard, Part, Tone, ViewMessage } from '../protocol.ts';
import { Sparkline } from './sparkline.tsx';

type Post = (message: ViewMessage) => void;
type CommandOfView = Extract<ViewMessage, { type: 'run' }>['command'];

interface LineProperties {
  title: string;
  tone: Tone;
  text: string;
  children: ComponentChildren;
}

const icons: Record<Tone, string> = {
  healthy: 'pass',
  degraded: 'warning',
  failed: 'error',
  absent: 'circle-slash',
  checking: 'loading',
};

/** The whole view, for the latest findings. */
export function DashboardView({ dashboard, post }: { dashboard: Dashboard; post: Post }) {
  const { verdict, simulated, checked, infrastructure, gateways, models, cache, configuration, ledger } =
    dashboard;
  return (
    <main>
      <header>
        <h1>{t('Health')}</h1>
        {simulated !== '' && <SimulatedBadge why={simulated} />}
        {checked !== '' && <span class="quiet">{t('checked at {0}', checked)}</span>}
        <div class="actions">
          <button type="button" class="button secondary" onClick={() => post({ type: 'refresh' })}>
            {t('Check Now')}
          </button>
          <button
            type="button"
            class="button secondary"
            onClick={() => post({ type: 'run', command: 'tidyllm.runDoctor' })}
          >
            {t('Run Doctor')}
          </button>
        </div>
      </header>
      <VerdictBanner verdict={verdict} />
      {infrastructure.length > 0 && <Parts title={t('Infrastructure')} parts={infrastructure} post={post} />}
      <Parts title={t('Gateways')} parts={gateways} post={post} />
      {models.length > 0 && <Models models={models} />}
      <Flow dashboard={dashboard} post={post} />
      <Line title={t('Ledger')} {...ledger}>
        <Command label={t('Open Budget')} command="tidyllm.openBudget" post={post} />
        <Command label={t('Open Audit History')} command="tidyllm.openAuditHistory" post={post} />
      </Line>
      <Line title={t('Cache')} {...cache}>
        <Command label={t('Clear Cache…')} command="tidyllm.clearCache" post={post} />
      </Line>
      {configuration.length > 0 && <Configuration rows={configuration} post={post} />}
    </main>
  );
}

/** A component in one line, with what can be opened from it. */
function Line({ title, tone, text, children }: LineProperties) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <p class="ledger">
        <StateIcon tone={tone} /> <span>{text}</span>
        <span class="links">{children}</span>
      </p>
    </section>
  );
}

function Command({ label, command, post }: { label: string; command: CommandOfView; post: Post }) {
  return (
    <button type="button" class="link" onClick={() => post({ type: 'run', command })}>
      {label}
    </button>
  );
}

function VerdictBanner({ verdict: { tone, text, meaning, reasons } }: { verdict: Dashboard['verdict'] }) {
  return (
    <section class={`verdict ${tone}`} aria-label={t('Verdict')}>
      <div class="verdict-head">
        <StateIcon tone={tone} />
        {/* Only a change of the verdict is announced, not each latency. */}
        <strong role="status" aria-live="polite">
          {text}
        </strong>
        {meaning !== '' && <span>{meaning}</span>}
      </div>
      {reasons.length > 0 && (
        <ul>
          {reasons.map(({ of, message, hint }) => (
            <li key={of + message}>
              <strong>{of}</strong> {message} {hint !== '' && <span class="quiet">{hint}</span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Parts({ title, parts, post }: { title: string; parts: readonly Part[]; post: Post }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <table class="parts" aria-label={title}>
        <thead>
          <tr>
            <th scope="col">{t('Component')}</th>
            <th scope="col">{t('State')}</th>
            <th scope="col">{t('Latency')}</th>
            <th scope="col">{t('Evidence')}</th>
            <th scope="col">{t('Since')}</th>
          </tr>
        </thead>
        <tbody>
          {parts.map((part) => (
            <PartRow key={part.id} part={part} post={post} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function PartRow({ part, post }: { part: Part; post: Post }) {
  const { id, name, tone, state, evidence, hint, latency, history, since, fixes } = part;
  return (
    <tr class={tone}>
      <th scope="row">{name}</th>
      <td class="state">
        <StateIcon tone={tone} /> {state}
      </td>
      <td class="latency">
        {history.length > 0 && (
          <>
            <span class="figure">{latency}</span>
            <Sparkline history={history} />
          </>
        )}
      </td>
      <td class="evidence">
        {evidence}
        {hint !== '' && <p class="hint">{hint}</p>}
        {fixes.length > 0 && (
          <div class="fixes">
            {fixes.map(({ label }, index) => (
              <button
                key={label}
                type="button"
                class="button secondary"
                aria-label={`${name}: ${label}`}
                onClick={() => post({ type: 'fix', part: id, index })}
              >
                {label}
              </button>
            ))}
          </div>
        )}
      </td>
      <td class="since">
        {since !== '' && <span class="said-when-narrow">{t('since')} </span>}
        {since}
      </td>
    </tr>
  );
}

function Models({ models }: { models: Dashboard['models'] }) {
  const title = t('Models called in this window');
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <table class="models" aria-label={title}>
        <thead>
          <tr>
            <th scope="col">{t('Model')}</th>
            <th scope="col">{t('State')}</th>
            <th scope="col">{t('Attempts')}</th>
            <th scope="col">{t('Mean time')}</th>
            <th scope="col">{t('First token')}</th>
            <th scope="col">{t('Waited')}</th>
            <th scope="col">{t('From the cache')}</th>
          </tr>
        </thead>
        <tbody>
          {models.map(({ name, tone, state, attempts, time, firstToken, waited, cacheHits }) => (
            <tr key={name} class={tone}>
              <th scope="row">{name}</th>
              <td class="state">
                <StateIcon tone={tone} /> {state}
              </td>
              <td data-label={t('Attempts')}>{attempts}</td>
              <td data-label={t('Mean time')}>{time}</td>
              <td data-label={t('First token')}>{firstToken}</td>
              <td data-label={t('Waited')}>{waited}</td>
              <td data-label={t('From the cache')}>{cacheHits}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Flow({ dashboard: { flow, runs }, post }: { dashboard: Dashboard; post: Post }) {
  return (
    <section aria-label={t('FLOW')}>
      <h2>{t('FLOW')}</h2>
      <p class="ledger">
        <StateIcon tone={flow.tone} /> <span>{flow.text}</span>
        <span class="links">
          <button
            type="button"
            class="link"
            onClick={() => post({ type: 'run', command: 'tidyllm.runFlow' })}
          >
            {t('Run Agreement…')}
          </button>
        </span>
      </p>
      {runs.length > 0 && (
        <table class="runs" aria-label={t('Recent runs')}>
          <thead>
            <tr>
              <th scope="col">{t('Run')}</th>
              <th scope="col">{t('Result')}</th>
              <th scope="col">{t('Summary')}</th>
              <th scope="col" class="number">
                {t('Took')}
              </th>
              <th scope="col" class="number">
                {t('Cost')}
              </th>
              <th scope="col" class="when">
                {t('When')}
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <RunRow key={run.runId} run={run} post={post} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function RunRow({ run, post }: { run: Dashboard['runs'][number]; post: Post }) {
  const { runId, trigger, tone, outcome, when, took, cost, summary, hasReport } = run;
  return (
    <tr class={tone}>
      <th scope="row">
        {hasReport ? (
          <button
            type="button"
            class="link"
            title={t('Show Report')}
            onClick={() => post({ type: 'report', runId })}
          >
            {trigger}
          </button>
        ) : (
          trigger
        )}
      </th>
      <td>
        <StateIcon tone={tone} /> {outcome}
      </td>
      <td class="evidence">{summary}</td>
      <td class="number">{took}</td>
      <td class="number">{cost}</td>
      <td class="when">{when}</td>
    </tr>
  );
}

function Configuration({ rows, post }: { rows: Dashboard['configuration']; post: Post }) {
  return (
    <section aria-label={t('Configuration')}>
      <div class="section-head">
        <h2>{t('Configuration')}</h2>
        <button
          type="button"
          class="link"
          onClick={() => post({ type: 'run', command: 'tidyllm.showSettings' })}
        >
          {t('Show Every Setting')}
        </button>
      </div>
      <table class="configuration" aria-label={t('Configuration')}>
        <tbody>
          {rows.map(({ name, value, origin }, index) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="value">{value}</td>
              <td class="origin">{origin}</td>
              <td class="edit">
                <button
                  type="button"
                  class="link"
                  aria-label={t('Edit {0} in settings.yaml', name)}
                  onClick={() => post({ type: 'edit', index })}
                >
                  {t('Edit')}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function StateIcon({ tone }: { tone: Tone }) {
  return (
    <span class={`state-icon ${tone}`}>
      <Icon name={icons[tone]} spin={tone === 'checking'} />
    </span>
  );
}
