import type { RefObject } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Turn, TurnResult } from '../../../chat/turn.ts';
import { Answer, PlainAnswer } from '../../webviewKit/answer.tsx';
import { costText, duration } from '../../webviewKit/callFacts.ts';
import { FailureCard } from '../../webviewKit/failureCard.tsx';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import { SimulatedBadge } from '../../webviewKit/simulatedBadge.tsx';
import type { Around, ViewMessage } from '../protocol.ts';
import { Fields, isObject } from './fields.tsx';
import { AskedTool, ToolUses } from './toolUses.tsx';
import { Question, TurnActions } from './turnActions.tsx';

type Post = (message: ViewMessage) => void;

/** The id of the element of a turn. */
export function turnElement(id: string): string {
  return `turn-${id}`;
}

interface TurnProperties {
  turn: Turn;
  version: Around['versions'][number] | undefined;
  isLast: boolean;
  /** Whether its answer is drawn before it comes near. */
  isRecent: boolean;
  /** Whether a question can be asked now. */
  canAsk: boolean;
  /** Whether MLflow shows calls. */
  inMlflow: boolean;
  /** The most that asking in its place can cost, once that was asked for. */
  price: string | null;
  post: Post;
}

/** One question, its answer so far, and its result. */
export function TurnView(properties: TurnProperties) {
  const { turn, isLast, isRecent, canAsk, price, post } = properties;
  const { id, model, simulated, answer, citations, result, flow, tools, structured, thinking } = turn;
  const article = useRef<HTMLElement>(null);
  const drawn = useDrawn(article, isRecent);
  const asked = result === null ? tools?.find(({ state }) => state === 'asked') : undefined;
  const isForm = structured !== undefined && isObject(answer);
  const sources = useMemo(() => citations && placesOf(citations), [citations]);
  return (
    <article ref={article} id={turnElement(id)} class="turn" tabIndex={-1} aria-busy={result === null}>
      <h2 class="speaker">{t('You')}</h2>
      <Question turn={turn} canAsk={canAsk} price={price} post={post} />
      <h2 class="speaker">
        {model || t('Gateway')}
        {simulated && <SimulatedBadge />}
      </h2>
      {thinking !== undefined && <Thinking text={thinking} />}
      {tools && <ToolUses uses={tools} />}
      {isForm && <Fields json={answer} onCopy={() => post({ type: 'copy', text: answer })} />}
      {answer !== '' && !isForm && !drawn && <PlainAnswer text={answer} />}
      {answer !== '' && !isForm && drawn && (
        <Answer
          text={answer}
          ended={result !== null}
          onCopy={(text) => post({ type: 'copy', text })}
          onInsert={(text) => post({ type: 'insert', turn: id, text })}
          onApply={(text) => post({ type: 'apply', turn: id, text })}
          sources={sources}
          onOpenSource={(n) => post({ type: 'openCitation', turn: id, n })}
        />
      )}
      {citations && (
        <CitationList citations={citations} onOpen={(n) => post({ type: 'openCitation', turn: id, n })} />
      )}
      {asked && <AskedTool use={asked} post={post} />}
      {result === null && !asked && <Progress turn={turn} />}
      {flow?.reportOf && (
        <p class="card-actions">
          <button
            type="button"
            class="button secondary"
            onClick={() => post({ type: 'showReport', turn: id })}
          >
            <Icon name="graph" /> {t('Open Report')}
          </button>
        </p>
      )}
      {result?.failure && (
        <FailureCard failure={result.failure} onFix={(index) => post({ type: 'fix', turn: id, index })} />
      )}
      {result?.shortfall && (
        <ShortfallCard
          shortfall={result.shortfall}
          onGoOn={isLast ? () => post({ type: 'goOn', turn: id }) : null}
        />
      )}
      {result && (
        <div class="turn-end">
          <Footer {...properties} result={result} />
          <TurnActions {...properties} />
        </div>
      )}
    </article>
  );
}

/** Whether an answer is drawn: an old one is plain text until the browser needs its layout. */
function useDrawn(article: RefObject<HTMLElement | null>, initially: boolean): boolean {
  const [drawn, setDrawn] = useState(initially);
  useLayoutEffect(() => {
    if (drawn) return;
    const onChange = (event: Event) => {
      if (!(event as ContentVisibilityAutoStateChangeEvent).skipped) setDrawn(true);
    };
    const element = article.current;
    element?.addEventListener('contentvisibilityautostatechange', onChange);
    return () => element?.removeEventListener('contentvisibilityautostatechange', onChange);
  }, [drawn]);
  return drawn;
}

/** The current step. Once the answer begins, what was done before it is of no interest. */
function Progress({ turn: { answer, progress, flow } }: { turn: Turn }) {
  const step = answer === '' && progress !== undefined ? progress : t('Answering …');
  return (
    <p class="waiting">
      <Icon name="loading" spin /> {flow ? flow.progress || t('Running …') : step}
    </p>
  );
}

/** What the model thought, folded away. */
function Thinking({ text }: { text: string }) {
  return (
    <details class="thinking">
      <summary>{t('Reasoning, {0} characters', text.length.toLocaleString())}</summary>
      <PlainAnswer text={text} />
    </details>
  );
}

/** By number. */
function placesOf({ valid }: NonNullable<Turn['citations']>): ReadonlyMap<number, string> {
  return new Map(valid.map(({ n, path, firstLine, lastLine }) => [n, `${path}:${firstLine}-${lastLine}`]));
}

/** The places that the answer cites, each opened by a click, and what is wrong with its citations. */
function CitationList({
  citations,
  onOpen,
}: {
  citations: NonNullable<Turn['citations']>;
  onOpen: (n: number) => void;
}) {
  return (
    <>
      {citations.valid.length > 0 && (
        <ul class="citations" aria-label={t('Sources')}>
          {citations.valid.map(({ n, path, firstLine, lastLine }) => (
            <li key={n}>
              <button type="button" class="link" title={t('Open {0}', path)} onClick={() => onOpen(n)}>
                [{n}] {path}:{firstLine}-{lastLine}
              </button>
            </li>
          ))}
        </ul>
      )}
      {citations.faults.map((fault) => (
        <p key={fault} class="citation-fault">
          <Icon name="warning" /> {t(fault)}
        </p>
      ))}
    </>
  );
}

/** What the answer lacks, with a button to continue unless later questions have been asked. */
function ShortfallCard({
  shortfall,
  onGoOn,
}: {
  shortfall: NonNullable<TurnResult['shortfall']>;
  onGoOn: (() => void) | null;
}) {
  const { message, hint, goOn } = shortfall;
  return (
    <div class="card shortfall">
      <p class="card-message">
        <Icon name="warning" /> <span>{t(message)}</span>
      </p>
      <p class="card-hint">{t(hint)}</p>
      {goOn && onGoOn && (
        <p class="card-actions">
          <button type="button" class="button" onClick={onGoOn}>
            {goOn === 'continue' ? t('Continue') : t('Ask Again with a Longer Answer')}
          </button>
        </p>
      )}
    </div>
  );
}

function Footer({ turn, result, isLast, inMlflow, post }: TurnProperties & { result: TurnResult }) {
  const { id, structured } = turn;
  const repairs = structured?.repairs ?? 0;
  const { record } = result;
  if (result.status === 'interrupted') {
    return (
      <p class="footer">
        {t(
          'The answer is not here: another window is still answering, or was closed before the answer ended. The audit record has its cost.',
        )}
      </p>
    );
  }
  return (
    <p class="footer">
      {facts(result).map((fact) => (
        <span key={fact} class="fact">
          {fact}
        </span>
      ))}
      {repairs > 0 && <span class="fact">{repairs === 1 ? t('1 repair') : t('{0} repairs', repairs)}</span>}
      {record &&
        (result.sequences ?? [record.sequence]).map((sequence, index) => (
          <button
            key={sequence}
            type="button"
            class="record"
            title={t('Show Audit Record')}
            onClick={() => post({ type: 'showRecord', turn: id, sequence })}
          >
            {index === 0 ? t('recorded #{0}', sequence) : `#${sequence}`} <Icon name="check" />
          </button>
        ))}
      {record && inMlflow && (
        <button type="button" class="record" onClick={() => post({ type: 'openInMlflow', turn: id })}>
          {t('Open in MLflow')} <Icon name="link-external" />
        </button>
      )}
      {!record && isUnsent(result) && <span class="fact">{t('nothing was sent')}</span>}
      {!record && !isUnsent(result) && (
        <span class="untracked">
          <Icon name="warning" /> {t('not recorded')}
        </span>
      )}
      {isLast && result.cached && (
        <button type="button" class="ask-model" onClick={() => post({ type: 'askModel', turn: id })}>
          {t('Ask Again Without the Cache')}
        </button>
      )}
    </p>
  );
}

/** Nothing of it is on record, because there was nothing. */
function isUnsent({ costMicro, tokens, status }: TurnResult): boolean {
  return costMicro === '0' && tokens === null && status !== 'success';
}

function facts({
  status,
  processingTimeMs,
  tokens,
  cost,
  costEstimated,
  estimatedBecause,
  cached,
  answeredBy,
  redacted,
}: TurnResult): string[] {
  // Estimated counts are upper bounds, not usage.
  const counted = tokens && !costEstimated && tokens.input + tokens.output > 0 ? tokens : null;
  return [
    ...(status === 'cancelled' ? [t('stopped')] : []),
    ...(status === 'refused' ? [t('refused')] : []),
    ...(processingTimeMs === null || status === 'refused' ? [] : [duration(processingTimeMs)]),
    ...(counted
      ? [t('{0} → {1} tokens', counted.input.toLocaleString(), counted.output.toLocaleString())]
      : []),
    ...(answeredBy === undefined ? [] : [t('answered by {0}', answeredBy)]),
    ...(cost === null ? [] : [costText({ cost, cached, status, costEstimated })]),
    ...(estimatedBecause ? [t(estimatedBecause)] : []),
    ...(redacted === undefined ? [] : [t('redacted before sending: {0}', redacted)]),
  ];
}
