import { useState } from 'preact/hooks';
import { Answer } from '../../webviewKit/answer.tsx';
import { costText, duration } from '../../webviewKit/callFacts.ts';
import { FailureCard } from '../../webviewKit/failureCard.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import { SimulatedBadge } from '../../webviewKit/simulatedBadge.tsx';
import type { ColumnResult, ShownColumn, ShownComparison, ViewMessage } from '../protocol.ts';
import type { ComparisonState } from './state.ts';

type Post = (message: ViewMessage) => void;

/** Longer questions are folded away. */
const longQuestion = 400;

export function ComparisonView({ state, post }: { state: ComparisonState; post: Post }) {
  const { comparison } = state;
  const { columns, failure } = comparison;
  return (
    <main>
      <Head comparison={comparison} post={post} />
      {failure ? (
        <FailureCard failure={failure} onFix={(index) => post({ type: 'fix', column: null, index })} />
      ) : (
        <>
          <div class="tools">
            <Progress state={state} />
            <Difference columns={columns} post={post} />
          </div>
          <div class="columns">
            {columns.map((column, index) => (
              <Column key={column.model} column={column} index={index} post={post} />
            ))}
          </div>
        </>
      )}
    </main>
  );
}

function Head({ comparison, post }: { comparison: ShownComparison; post: Post }) {
  const { question, reason, simulated, columns, failure } = comparison;
  const running = columns.some(({ result }) => result === null);
  return (
    <header>
      <h1>{t('Comparison')}</h1>
      {simulated && <SimulatedBadge />}
      {!failure && (
        <div class="actions">
          <button
            type="button"
            class="button secondary"
            disabled={!running}
            onClick={() => post({ type: 'cancel', column: null })}
          >
            {t('Cancel All')}
          </button>
          <button
            type="button"
            class="button secondary"
            disabled={running}
            onClick={() => post({ type: 'export' })}
          >
            {t('Export…')}
          </button>
        </div>
      )}
      <p class="reason">{t('Reason: {0}', reason)}</p>
      <details class="question" open={question.length <= longQuestion}>
        <summary>{t('Prompt')}</summary>
        <p>{question}</p>
      </details>
    </header>
  );
}

/** Read aloud when a call ends, and not for each piece of an answer. */
function Progress({ state: { comparison, endedLast } }: { state: ComparisonState }) {
  const { columns, cost, worstCase } = comparison;
  const ended = columns.filter(({ result }) => result !== null).length;
  const last = columns.find(({ model }) => model === endedLast);
  return (
    <p class="progress" role="status">
      {last && (
        <span class="heard">
          {last.model}: {stateName(last)}.{' '}
        </span>
      )}
      {t('{0} of {1} ended', ended, columns.length)} ·{' '}
      {ended === columns.length ? cost : t('{0} of at most {1}', cost, worstCase)}
    </p>
  );
}

/** Two answers to show in the editor's diff. */
function Difference({ columns, post }: { columns: readonly ShownColumn[]; post: Post }) {
  const [left, setLeft] = useState(0);
  const [right, setRight] = useState(1);
  const ended = (index: number): boolean => Boolean(columns[index]?.result && columns[index].answer);
  return (
    <div class="difference" role="group" aria-label={t('Difference of two answers')}>
      <ModelSelect label={t('First answer')} columns={columns} value={left} onSelect={setLeft} />
      <ModelSelect label={t('Second answer')} columns={columns} value={right} onSelect={setRight} />
      <button
        type="button"
        class="button secondary"
        disabled={left === right || !ended(left) || !ended(right)}
        onClick={() => post({ type: 'diff', left, right })}
      >
        {t('Show Difference')}
      </button>
    </div>
  );
}

function ModelSelect({
  label,
  columns,
  value,
  onSelect,
}: {
  label: string;
  columns: readonly ShownColumn[];
  value: number;
  onSelect: (index: number) => void;
}) {
  return (
    <select
      aria-label={label}
      value={String(value)}
      onChange={(event) => onSelect(Number(event.currentTarget.value))}
    >
      {columns.map(({ model }, index) => (
        <option key={model} value={String(index)}>
          {model}
        </option>
      ))}
    </select>
  );
}

function Column({ column, index, post }: { column: ShownColumn; index: number; post: Post }) {
  const { model, answer, result } = column;
  const id = `model-${index}`;
  return (
    <article aria-labelledby={id} aria-busy={result === null}>
      <div class="column-head">
        <h2 id={id}>{model}</h2>
        {result === null && (
          <button
            type="button"
            class="link"
            aria-label={t('Cancel {0}', model)}
            onClick={() => post({ type: 'cancel', column: index })}
          >
            {t('Cancel')}
          </button>
        )}
      </div>
      <p class={`state ${result?.status ?? 'running'}`}>
        <Icon name={stateIcon(result)} spin={result === null} /> {stateName(column)}
        {result?.record && (
          <button
            type="button"
            class="link"
            title={t('Show Audit Record')}
            onClick={() => post({ type: 'showRecord', column: index })}
          >
            #{result.record.sequence}
          </button>
        )}
      </p>
      <Facts result={result} />
      {answer !== '' && (
        <Answer
          text={answer}
          ended={result !== null}
          onCopy={(text) => post({ type: 'copy', text })}
          onInsert={(text) => post({ type: 'insert', column: index, text })}
          onApply={(text) => post({ type: 'apply', column: index, text })}
        />
      )}
      {result?.failure && (
        <FailureCard
          failure={result.failure}
          onFix={(fix) => post({ type: 'fix', column: index, index: fix })}
        />
      )}
      {result?.shortfall && (
        <p class="shortfall">
          <Icon name="warning" /> {t(result.shortfall.message)}
        </p>
      )}
    </article>
  );
}

/** The figures of a call; dashes while it runs, so that nothing moves when they come. */
function Facts({ result }: { result: ColumnResult | null }) {
  const time = (ms: number | null | undefined): string =>
    ms === null || ms === undefined ? '–' : duration(ms);
  const refused = result?.status === 'refused';
  // Estimated counts are upper bounds, not usage.
  const tokens = result?.costEstimated ? null : result?.tokens;
  const facts: [name: string, value: string][] = [
    [t('Time'), refused ? '–' : time(result?.processingTimeMs)],
    [t('First token'), time(result?.timeToFirstTokenMs)],
    [
      t('Tokens'),
      tokens && tokens.input + tokens.output > 0
        ? `${tokens.input.toLocaleString()} → ${tokens.output.toLocaleString()}`
        : '–',
    ],
    [t('Cost'), result?.cost ? costText({ ...result, cost: result.cost }) : '–'],
    ...(result?.answeredBy === undefined ? [] : [[t('Answered by'), result.answeredBy] as [string, string]]),
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function stateName({ answer, result }: ShownColumn): string {
  if (result === null) return answer === '' ? t('Waiting') : t('Answering …');
  switch (result.status) {
    case 'success':
      return t('Answered');
    case 'refused':
      return t('Refused');
    case 'failed':
      return t('Failed');
    case 'cancelled':
      return t('Cancelled');
    case 'incomplete':
    case 'interrupted':
      return t('Incomplete');
  }
}

function stateIcon(result: ColumnResult | null): string {
  if (result === null) return 'loading';
  if (result.status === 'success') return 'check';
  return result.status === 'cancelled' ? 'circle-slash' : 'error';
}
