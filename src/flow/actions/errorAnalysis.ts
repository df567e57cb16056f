import { errorCodes, isErrorCode, type GatewayErrorCode } from '../../errorCodes.ts';
import { entriesSince, firstOfDays, type RecordedCall } from '../../history/recordedCalls.ts';
import type { LedgerReader } from '../../ledger/contract.ts';
import type { LedgerLocation } from '../../ledger/readJournal.ts';
import { dayOfRecord } from '../../ledger/day.ts';
import { attemptsCommand, type LedgerRecord } from '../../ledger/records.ts';
import { formatUsd } from '../../pricing/cost.ts';
import { bareIdOf, type ModelCatalogue } from '../../pricing/modelCatalogue.ts';
import { builtIns } from '../builtIns.ts';
import type { FlowRun, Implementation } from '../implementation.ts';
import type { Finding, Report, Section } from '../report.ts';
import { chanceOfAtLeast } from '../statistics.ts';

/** A class with at least this share of the calls is a problem, below it a warning. */
const problemShare = 0.05;
/** A change within this time before the first error is a possible cause. */
const correlationMs = 60 * 60 * 1000;
/**
 * A class is concentrated on a value if the value has this share of the class, is at least so much rarer overall, and
 * the probability of that by chance is below this.
 */
const concentrated = { share: 0.8, lift: 1.5, chance: 0.01 };
/** Fewer failures may have something in common by chance. */
const fewestFailures = 3;
const changesShown = 5;

export interface ErrorAnalysisDependencies {
  ledger: Pick<LedgerReader, 'budget'>;
  journal: LedgerLocation;
  catalogue: ModelCatalogue;
}

/** The dimensions of a call that errors can be concentrated on. */
const dimensions = ['model', 'user', 'workspace', 'branch', 'region', 'command'] as const;
type Dimension = (typeof dimensions)[number];

interface Failure {
  callId: string;
  /** ISO 8601. */
  time: string;
  day: string;
  values: Readonly<Record<Dimension, string | null>>;
}

/** A change, in words. */
interface Change {
  time: string;
  text: string;
}

/** The failures of the last days, since when, and what changed just before. Makes no call. */
export function errorAnalysis(dependencies: ErrorAnalysisDependencies): Implementation {
  return {
    id: 'error_analysis',
    ...builtIns.error_analysis,
    worstCase: () => 0n,
    run: (run) => analyse(run, dependencies),
  };
}

async function analyse(
  run: FlowRun,
  { ledger, journal, catalogue }: ErrorAnalysisDependencies,
): Promise<Report> {
  const { day: today, timeZone } = await ledger.budget();
  const since = firstOfDays(today, Number(run.parameters['days']));
  const errors = new Errors(catalogue);
  const scan = {
    signal: run.signal,
    onProgress: (records: number) => run.progress(`${records} records read`),
  };
  for await (const entry of entriesSince(journal.directory, since, scan)) {
    if ('call' in entry) errors.takeCall(entry.call);
    else if (dayOfRecord(entry.event.time, timeZone) >= since) errors.takeEvent(entry.event);
  }
  return errors.report(since);
}

class Errors {
  readonly #classes = new Map<string, Failure[]>();
  readonly #events: Change[] = [];
  /** Calls by dimension and value, and the start of the first. */
  readonly #totals = new Map<string, { calls: number; since: string }>();
  /** Calls that have a value of a dimension. */
  readonly #withValue = new Map<Dimension, number>();
  readonly #callsByDay = new Map<string, number>();
  /** Runs of the security test, whose attempts must be refused. */
  readonly #attempting = new Set<string>();
  #calls = 0;
  /** Null until there is one. */
  #firstCall: string | null = null;
  #attempts = 0;
  readonly #catalogue: ModelCatalogue;

  constructor(catalogue: ModelCatalogue) {
    this.#catalogue = catalogue;
  }

  takeEvent(event: LedgerRecord): void {
    if (event.kind === 'flow_start' && event.implementation === 'security_test')
      this.#attempting.add(event.run_id);
    const text = this.#isFirstUse(event) ? null : changeText(event);
    if (text !== null) this.#events.push({ time: event.time, text });
  }

  /** Whether a record comes from the first use of a ledger, a computer or a capped name. */
  #isFirstUse(event: LedgerRecord): boolean {
    if (event.kind === 'key') return event.replaces === null;
    if (event.kind !== 'policy_change' || event.from_micro_usd !== null) return false;
    const capped = `${event.scope} ${event.key}`;
    const seen = [...this.#totals.keys()].map((key) =>
      key.startsWith('model ') ? `model ${bareIdOf(key.slice('model '.length))}` : key,
    );
    return !seen.includes(capped);
  }

  takeCall({ opening, ending }: RecordedCall): void {
    const attempted = !ending && opening.command === attemptsCommand;
    if (attempted || (opening.flow && this.#attempting.has(opening.flow.run_id))) {
      this.#attempts += 1;
      return;
    }
    this.#calls += 1;
    this.#firstCall = earlier(this.#firstCall ?? opening.time, opening.time);
    this.#callsByDay.set(opening.day, (this.#callsByDay.get(opening.day) ?? 0) + 1);
    const values = {
      // An early refusal may have only the requested name.
      model: opening.model_id ?? this.#catalogue.idOf(opening.model) ?? opening.model,
      user: opening.user_id,
      workspace: opening.workspace ?? '(none)',
      branch: opening.branch ?? '(none)',
      // A refused call never reached a region.
      region: opening.kind === 'RESERVE' ? opening.region : null,
      command: opening.command ?? '(none)',
    };
    for (const dimension of dimensions) {
      if (values[dimension] === null) continue;
      const key = `${dimension} ${values[dimension]}`;
      const { calls, since } = this.#totals.get(key) ?? { calls: 0, since: opening.time };
      this.#totals.set(key, { calls: calls + 1, since: earlier(since, opening.time) });
      this.#withValue.set(dimension, (this.#withValue.get(dimension) ?? 0) + 1);
    }
    const code = codeOf({ opening, ending } as RecordedCall);
    if (code === null) return;
    const failure = { callId: opening.call_id, time: opening.time, day: opening.day, values };
    const failures = this.#classes.get(code);
    if (failures) failures.push(failure);
    else this.#classes.set(code, [failure]);
  }

  report(since: string): Report {
    // Calls are in the order of their ends.
    for (const failures of this.#classes.values()) failures.sort(byTime);
    const classes = [...this.#classes].sort(([, a], [, b]) => b.length - a.length);
    const failed = classes
      .filter(([code]) => code !== 'cancelled')
      .reduce((sum, [, all]) => sum + all.length, 0);
    const [most] = classes.filter(([code]) => code !== 'cancelled');
    const rate = this.#rate(failed);
    return {
      title: 'Error Analysis',
      summary:
        failed === 0
          ? `None of ${this.#calls} calls since ${since} failed.`
          : `${failed} of ${this.#calls} calls since ${since} failed (${rate} %), most with ${most?.[0]}.`,
      findings: classes.flatMap(([code, failures]) => this.#finding(code, failures)),
      figures: [
        { id: 'calls', label: 'Calls', value: this.#calls, unit: 'count', better: null },
        { id: 'failed', label: 'Failed calls', value: failed, unit: 'count', better: 'lower' },
        { id: 'error_rate', label: 'Error rate', value: rate, unit: 'percent', better: 'lower' },
        { id: 'classes', label: 'Classes of errors', value: classes.length, unit: 'count', better: 'lower' },
      ],
      sections: [this.#classSection(classes), this.#daySection(classes), this.#changeSection(classes)],
    };
  }

  #finding(code: string, failures: readonly Failure[]): Finding[] {
    // A call stopped by a person is not a failure.
    if (code === 'cancelled') return [];
    const rate = this.#rate(failures.length);
    const common = this.#common(failures);
    const where = common.filter(({ chance }) => chance < concentrated.chance).map(({ text }) => text);
    const isTooFew = failures.length < fewestFailures || (common.length > 0 && where.length === 0);
    const changes = this.#changesBefore(failures);
    const evidence = [
      `${failures.length} of ${this.#calls} calls (${rate} %), first ${timeText(failures[0])}, last ${timeText(failures.at(-1))}.`,
      ...(where.length > 0 ? [`Concentrated on ${where.join(' and ')}.`] : []),
      ...(isTooFew ? ['Too few to find what they have in common.'] : []),
      ...(changes.length > 0
        ? [`In the hour before the first error: ${changes.map(({ text }) => text).join('; ')}.`]
        : []),
      `Example: call ${failures.at(-1)?.callId}.`,
    ];
    return [
      {
        severity: failures.length / this.#calls >= problemShare || severe.has(code) ? 'problem' : 'warning',
        id: `error_${code}`,
        title: `Calls failed with ${code}`,
        evidence: evidence.join(' '),
        remedy: adviceOn(code),
      },
    ];
  }

  /**
   * Values that most failures of a class share but calls in general don't, among those that have a value, with the
   * probability of that by chance.
   */
  #common(failures: readonly Failure[]): { text: string; chance: number }[] {
    if (failures.length < fewestFailures) return [];
    return dimensions.flatMap((dimension) => {
      const known = failures.filter(({ values }) => values[dimension] !== null);
      const [top] = [...Map.groupBy(known, ({ values }) => values[dimension])].sort(
        ([, a], [, b]) => b.length - a.length,
      );
      if (!top || known.length < fewestFailures) return [];
      const [value, same] = top;
      const ofClass = same.length / known.length;
      const ofAll =
        (this.#totals.get(`${dimension} ${value}`)?.calls ?? 0) / (this.#withValue.get(dimension) ?? 1);
      return ofClass >= concentrated.share && ofClass >= ofAll * concentrated.lift
        ? [
            {
              text: `${dimension} ${value} (${Math.round(ofClass * 100)} % of these, ${Math.round(ofAll * 100)} % of all calls)`,
              chance: chanceOfAtLeast(same.length, { trials: known.length, probability: ofAll }),
            },
          ]
        : [];
    });
  }

  /** Changes shortly before the first error of a class; none for a class present from the start. */
  #changesBefore(failures: readonly Failure[]): Change[] {
    const onset = failures[0]?.time ?? '';
    if (onset === this.#firstCall) return [];
    const from = new Date(Date.parse(onset) - correlationMs).toISOString();
    const firstUses = [...this.#totals].flatMap(([key, { since }]): Change[] =>
      // A value present since the first call is not a change.
      since === this.#firstCall ? [] : [{ time: since, text: `the first call of these days with ${key}` }],
    );
    return [...this.#events, ...firstUses]
      .filter(({ time }) => time >= from && time <= onset)
      .sort(byTime)
      .slice(-changesShown);
  }

  #rate(count: number): number {
    return this.#calls > 0 ? Math.round((count / this.#calls) * 1000) / 10 : 0;
  }

  #classSection(classes: readonly [string, Failure[]][]): Section {
    const left =
      this.#attempts > 0
        ? ` ${this.#attempts} attempts of the security test, which must fail, are left out.`
        : '';
    return {
      id: 'classes',
      title: 'Classes of errors',
      text: `Among calls that have ended. A refused call costs nothing.${left}`,
      table: {
        columns: [
          { label: 'Error', unit: 'text' },
          { label: 'Calls', unit: 'count' },
          { label: 'Rate', unit: 'percent' },
          { label: 'First seen', unit: 'text' },
          { label: 'Last seen', unit: 'text' },
          { label: 'What to do', unit: 'text' },
        ],
        rows: classes.map(([code, failures]) => [
          ...[code, failures.length, this.#rate(failures.length)],
          ...[timeText(failures[0]), timeText(failures.at(-1)), adviceOn(code)],
        ]),
      },
      chart: { type: 'columns', x: 0, series: [1] },
    };
  }

  #daySection(classes: readonly [string, Failure[]][]): Section {
    const shown = classes.slice(0, 4);
    return {
      id: 'by_day',
      title: 'By day',
      text: '',
      table: {
        columns: [
          { label: 'Day', unit: 'text' },
          { label: 'Calls', unit: 'count' },
          ...shown.map(([code]) => ({ label: code, unit: 'count' as const })),
        ],
        rows: [...this.#callsByDay]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([day, calls]) => [
            day,
            calls,
            ...shown.map(([, failures]) => failures.filter((failure) => failure.day === day).length),
          ]),
      },
      chart: shown.length > 0 ? { type: 'columns', x: 0, series: shown.map((_, index) => index + 2) } : null,
    };
  }

  #changeSection(classes: readonly [string, Failure[]][]): Section {
    const rows = classes.flatMap(([code, failures]) =>
      this.#changesBefore(failures).map(({ time, text }) => [code, timeText({ time }), text]),
    );
    return {
      id: 'changes',
      title: 'Changes before',
      text: 'Records and first uses in the hour before the first error. They are not necessarily the cause.',
      table:
        rows.length === 0
          ? null
          : { columns: ['Error', 'When', 'What'].map((label) => ({ label, unit: 'text' as const })), rows },
      chart: null,
    };
  }
}

const outcomeAdvice: Readonly<Record<string, string>> = {
  orphaned: 'A process died during the call; compare its charge with the bill: "tidyllm reconcile".',
  incomplete: 'The answer was interrupted; the received part was charged.',
};

/** What to do about a class of failures, by error code or call outcome. */
function adviceOn(code: string): string {
  if (isErrorCode(code)) return errorCodes[code].advice;
  return outcomeAdvice[code] ?? 'Check the calls in the audit history.';
}

function earlier(a: string, b: string): string {
  return a < b ? a : b;
}

function byTime(a: { time: string }, b: { time: string }): number {
  return a.time < b.time ? -1 : a.time > b.time ? 1 : 0;
}

/** Errors that put the gateway itself in doubt. */
const severe: ReadonlySet<string> = new Set<GatewayErrorCode | 'orphaned'>([
  ...(['ledger_unavailable', 'ledger_damaged', 'internal_error', 'budget_blocked', 'orphaned'] as const),
]);

/** The class of a failed call; null for a successful one. */
function codeOf({ opening, ending }: RecordedCall): string | null {
  if (!ending) return opening.error_code;
  if (ending.outcome === 'success') return null;
  if (ending.outcome === 'orphaned') return 'orphaned';
  return ending.error_code ?? ending.outcome;
}

function changeText(event: LedgerRecord): string | null {
  switch (event.kind) {
    case 'policy_change': {
      const amount = (micro: string | null): string => (micro === null ? 'none' : formatUsd(BigInt(micro)));
      const of = event.scope === 'ledger' ? 'the ledger' : `${event.scope} ${event.key}`;
      return `the cap of ${of} went from ${amount(event.from_micro_usd)} to ${amount(event.to_micro_usd)} (${event.user_id})`;
    }
    case 'key':
      return `signing key ${event.key_id} replaced another (${event.user_id})`;
    case 'clock_anomaly':
      return 'the clock was set back';
    case 'recovery':
      return 'a torn write was repaired';
    case 'OVERRUN':
      return `call ${event.call_id} cost more than it reserved`;
    case 'flow_start':
      return `${event.trigger} was run (${event.user_id})`;
    default:
      return null;
  }
}

function timeText(at: { time: string } | undefined): string {
  return at ? `${at.time.slice(0, 16).replace('T', ' ')} UTC` : '';
}
