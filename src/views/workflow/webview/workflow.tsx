import { useCallback, useMemo, useState } from 'preact/hooks';
import { t } from '../../webviewKit/l10n.ts';
import { SimulatedBadge } from '../../webviewKit/simulatedBadge.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import type { Graph, ViewMessage } from '../protocol.ts';
import { GraphView } from './graph.tsx';
import { levelsOf } from './layout.ts';
import { StepDetails, StepTable } from './steps.tsx';

type Post = (message: ViewMessage) => void;

/** With more steps, levels are closed at first: a picture of all of them says less. */
const mostOpen = 60;

/** The whole view: the graph, and beside it the same as a table. */
export function WorkflowView({ graph, post }: { graph: Graph; post: Post }) {
  const { steps } = graph;
  const levels = useMemo(() => levelsOf(steps), [steps]);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(steps.length > mostOpen ? [] : levels));
  const [selected, setSelected] = useState<string | null>(null);
  const toggle = useCallback((level: string): void => {
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(level)) next.add(level);
      return next;
    });
  }, []);
  /** Selects a step, and opens the levels around it. */
  const select = useCallback(
    (id: string): void => {
      setOpen((before) => new Set([...before, ...levels.filter((level) => id.startsWith(`${level}.`))]));
      setSelected(id);
    },
    [levels],
  );
  const step = steps.find(({ id }) => id === selected) ?? null;
  return (
    <main class="workflow">
      <Head graph={graph} post={post} />
      <div class="parts">
        <GraphView
          steps={steps}
          open={open}
          selected={selected}
          onSelect={setSelected}
          onToggle={toggle}
          onAll={levels.length > 0 ? (all) => setOpen(new Set(all ? levels : [])) : null}
        />
        <aside aria-label={t('Steps')}>
          {step && <StepDetails step={step} graph={graph} post={post} onClose={() => setSelected(null)} />}
          <StepTable graph={graph} selected={selected} onSelect={select} />
        </aside>
      </div>
    </main>
  );
}

function Head({ graph, post }: { graph: Graph; post: Post }) {
  const { title, simulated, actions, facts, warnings, error, comparison, runId } = graph;
  return (
    <header>
      <h1>{title}</h1>
      {simulated && <SimulatedBadge />}
      <div class="actions">
        {actions.stop && (
          <button type="button" class="button" onClick={() => post({ type: 'stop' })}>
            {t('Stop')}
          </button>
        )}
        {actions.resume && (
          <button type="button" class="button" onClick={() => post({ type: 'resume' })}>
            {t('Resume')}
          </button>
        )}
        {actions.run && (
          <>
            <button type="button" class="button secondary" onClick={() => post({ type: 'runWorkflow' })}>
              {runId === null ? t('Run') : t('Run Again')}
            </button>
            <button type="button" class="button secondary" onClick={() => post({ type: 'openFile' })}>
              {t('Open File')}
            </button>
          </>
        )}
        {actions.compare && (
          <button type="button" class="button secondary" onClick={() => post({ type: 'compare' })}>
            {t('Compare with Another Run…')}
          </button>
        )}
      </div>
      <dl class="facts">
        {facts.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="progress" role="status">
        {runId !== null && progressText(graph)}
      </p>
      {error !== '' && <p class="problem notice">{error}</p>}
      {warnings.map((warning) => (
        <p key={warning} class="notice">
          <Icon name="warning" /> {warning}
        </p>
      ))}
      {comparison && (
        <p class="notice">
          {comparison.text}{' '}
          <button type="button" class="link" onClick={() => post({ type: 'stopComparing' })}>
            {t('Stop Comparing')}
          </button>
        </p>
      )}
    </header>
  );
}

function progressText({ steps }: Graph): string {
  const count = (wanted: string): number => steps.filter(({ status }) => status === wanted).length;
  const [running, failed] = [count('running'), count('failed')];
  return [
    t('{0} of {1} steps done', count('success'), steps.length),
    ...(running > 0 ? [t('{0} running', running)] : []),
    ...(failed > 0 ? [t('{0} failed', failed)] : []),
  ].join(', ');
}
