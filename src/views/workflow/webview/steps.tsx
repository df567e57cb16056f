import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Graph, GraphStep, ViewMessage } from '../protocol.ts';

type Post = (message: ViewMessage) => void;

interface StepDetailsProperties {
  step: GraphStep;
  graph: Graph;
  post: Post;
  onClose: () => void;
}

/** All that is known of a step, and where it leads. */
export function StepDetails({ step, graph, post, onClose }: StepDetailsProperties) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [step.id]);
  const { id, error } = step;
  return (
    <section
      class="details"
      aria-labelledby="step"
      onKeyDown={({ key }) => {
        if (key === 'Escape') onClose();
      }}
    >
      <div class="details-head">
        <h2 id="step" tabIndex={-1} ref={heading}>
          {id}
        </h2>
        <button
          type="button"
          class="icon-button"
          title={t('Close')}
          aria-label={t('Close')}
          onClick={onClose}
        >
          <Icon name="close" />
        </button>
      </div>
      {error !== '' && <p class="problem">{error}</p>}
      <dl class="facts">
        {factsOf(step).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {graph.runId !== null && <StepActions id={id} inMlflow={graph.inMlflow} post={post} />}
    </section>
  );
}

interface StepActionsProperties {
  id: string;
  inMlflow: boolean;
  post: Post;
}

function StepActions({ id, inMlflow, post }: StepActionsProperties) {
  return (
    <div class="step-actions">
      <button type="button" class="button secondary" onClick={() => post({ type: 'showResult', step: id })}>
        {t('Show Result')}
      </button>
      <button type="button" class="button secondary" onClick={() => post({ type: 'showRecord', step: id })}>
        {t('Open Record')}
      </button>
      {inMlflow && (
        <button type="button" class="button secondary" onClick={() => post({ type: 'openTrace', step: id })}>
          {t('Open in MLflow')}
        </button>
      )}
    </div>
  );
}

/** Names and values, without those that aren't known. */
function factsOf(step: GraphStep): (readonly [string, string])[] {
  const { type, after, statusText, duration, wait, cost, attempts, cached, critical, before } = step;
  const facts: (readonly [string, string])[] = [
    [t('Type'), type],
    [t('State'), statusText],
    [t('Time'), duration],
    [t('Waited for a slot'), wait],
    [t('Cost'), cached ? t('{0}, from the cache', cost || '$0') : cost],
    [t('Attempts'), attempts > 0 ? String(attempts) : ''],
    [t('After'), after.join(', ')],
    [t('Critical path'), critical ? t('yes') : t('no')],
    [
      t('In the other run'),
      before ? [before.statusText, before.duration, before.cost].filter(Boolean).join(', ') : '',
    ],
  ];
  return facts.filter(([, value]) => value !== '');
}

interface StepTableProperties {
  graph: Graph;
  selected: string | null;
  onSelect: (id: string) => void;
}

/** The same as the graph, as a table. */
export function StepTable({ graph: { steps, runId, comparison }, selected, onSelect }: StepTableProperties) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t('Table of the steps')}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('Step')}</th>
            {runId !== null && <th scope="col">{t('State')}</th>}
            <th scope="col" class="number">
              {t('Time')}
            </th>
            {comparison && (
              <th scope="col" class="number">
                {t('Change')}
              </th>
            )}
            <th scope="col" class="number">
              {t('Cost')}
            </th>
            {comparison && <th scope="col">{t('Other run')}</th>}
            {runId !== null && (
              <th scope="col" class="number">
                {t('Attempts')}
              </th>
            )}
            <th scope="col">{t('After')}</th>
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <tr key={step.id} class={step.id === selected ? 'is-selected' : ''}>
              <th scope="row">
                <button type="button" class="link" onClick={() => onSelect(step.id)}>
                  {step.id}
                </button>
                {step.critical && <span class="quiet"> {t('(critical path)')}</span>}
              </th>
              {runId !== null && <td>{step.statusText}</td>}
              <td class="number">{step.duration}</td>
              {comparison && <td class="number">{step.before?.change ?? ''}</td>}
              <td class="number">{step.cached ? t('cached') : step.cost}</td>
              {comparison && (
                <td>
                  {step.before
                    ? [step.before.statusText, step.before.duration, step.before.cost]
                        .filter(Boolean)
                        .join(', ')
                    : t('no such step')}
                </td>
              )}
              {runId !== null && <td class="number">{step.attempts}</td>}
              <td>{step.after.join(', ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
