import { medianAbsoluteDeviation, median } from 'simple-statistics';
import type { ContentStore } from '../../content/contentStore.ts';
import { forecastDay, forecastMonth, shifted, type Forecast } from '../../history/forecast.ts';
import { entriesSince, firstOfDays, type RecordedCall } from '../../history/recordedCalls.ts';
import { areComparable, type Period } from '../../history/trend.ts';
import { hourOf } from '../../history/usageTotals.ts';
import type { LedgerReader } from '../../ledger/contract.ts';
import type { LedgerLocation } from '../../ledger/readJournal.ts';
import type { AdjustRecord, FlowStartRecord, OverrunRecord } from '../../ledger/records.ts';
import {
  addTokens,
  contextTokens,
  costOf,
  formatUsd,
  microToUsd,
  noTokens,
  totalTokens,
  type TokenUsage,
} from '../../pricing/cost.ts';
import type { Model, ModelCatalogue } from '../../pricing/modelCatalogue.ts';
import { kinshipOf, modelKind } from '../../pricing/modelFamily.ts';
import { percentage, percentages } from '../../pricing/shares.ts';
import type { BuiltInId } from '../agreement.ts';
import { builtIns } from '../builtIns.ts';
import type { FlowRun, Implementation } from '../implementation.ts';
import type { Cell, Column, Figure, Finding, Report, Section } from '../report.ts';
import { costedCall, type CostedCall } from './costedCall.ts';
import { repeatedCalls, type Repeats } from './repeatedCalls.ts';

/**
 * A day is unusual when its modified z-score, 0.6745 (x − median) / MAD, is above this: Iglewicz and Hoaglin,
 * How to Detect and Handle Outliers (1993). At least this many days with spending are needed.
 */
const unusualScore = 3.5;
const fewestDays = 7;
/** A call is unusual above this many times its model's median, given at least so many calls. */
const unusualTimes = 10;
const fewestCalls = 20;
/** Smaller amounts are never an anomaly, micro-USD. */
const leastAnomaly = 10_000n;
/** Hours of earlier days that a forecast uses. */
const forecastDaysBack = 120;
/** A larger share of estimates is a finding. */
const mostEstimated = 0.05;
const alternativesShown = 2;

export interface CostAnalysisDependencies {
  ledger: Pick<LedgerReader, 'budget'>;
  journal: LedgerLocation;
  catalogue: ModelCatalogue;
  content: Pick<ContentStore, 'read'>;
  /** Lifetime of a cached answer: `cache.ttl_seconds`. */
  cacheSeconds: number;
  now?: () => Date;
}

/** Implementations whose calls test the gateway itself. */
const tests: ReadonlySet<string> = new Set<BuiltInId>([
  'performance_test',
  'scalability_test',
  'integration_test',
]);

/** A call that the cache answered. */
interface CachedCall {
  model: string;
  /** Micro-USD. */
  saved: bigint;
}

interface Spending {
  calls: number;
  tokens: TokenUsage;
  /** Micro-USD; estimated is a part of spent. */
  spent: bigint;
  estimated: bigint;
}

/** The cost of the ledger's calls, its breakdown, and possible savings. Makes no call. */
export function costAnalysis(dependencies: CostAnalysisDependencies): Implementation {
  return {
    id: 'cost_analysis',
    ...builtIns.cost_analysis,
    worstCase: () => 0n,
    run: (run) => analyse(run, dependencies),
  };
}

async function analyse(run: FlowRun, dependencies: CostAnalysisDependencies): Promise<Report> {
  const { ledger, journal, now = () => new Date() } = dependencies;
  const { day: today, timeZone } = await ledger.budget();
  const since = firstOfDays(today, Number(run.parameters['days']));
  const costs = new Costs(since, timeZone);
  const scan = {
    signal: run.signal,
    onProgress: (records: number) => run.progress(`${records} records read`),
  };
  const first = [since, shifted(today, -forecastDaysBack)].sort()[0] ?? since;
  for await (const entry of entriesSince(journal.directory, first, scan)) {
    if ('call' in entry) costs.takeCall(entry.call);
    else if (entry.event.kind === 'flow_start') costs.takeRun(entry.event);
    else if (entry.event.kind === 'ADJUST') costs.takeAdjustment(entry.event);
    else if (entry.event.kind === 'OVERRUN') costs.overruns.push(entry.event);
  }
  run.progress('Comparing repeated calls');
  const asked = costs.settled.filter(({ ofTest }) => !ofTest);
  const repeats = await repeatedCalls(asked, dependencies, run.signal);
  return costs.report({ today, timeZone, now: now() }, dependencies.catalogue, repeats);
}

class Costs {
  readonly settled: CostedCall[] = [];
  readonly #cached: CachedCall[] = [];
  /** Runs that test the gateway, by their id. */
  readonly #tests = new Set<string>();
  readonly overruns: OverrunRecord[] = [];
  readonly #since: string;
  readonly #timeZone: string;
  readonly #byModel = new Map<string, Spending>();
  readonly #byUser = new Map<string, Spending>();
  readonly #byWorkspace = new Map<string, Spending>();
  /** Calls of the requested days, and of the days before for comparison. */
  readonly #byDay = new Map<string, Spending>();
  readonly #daysBefore = new Map<string, Spending>();
  readonly #hours = new Map<string, bigint>();
  #adjusted = 0n;
  #orphaned = 0;

  constructor(since: string, timeZone: string) {
    this.#since = since;
    this.#timeZone = timeZone;
  }

  takeRun({ run_id: runId, implementation }: FlowStartRecord): void {
    if (tests.has(implementation)) this.#tests.add(runId);
  }

  takeCall({ opening, ending, saved }: RecordedCall): void {
    if (!ending || ending.kind === 'VOID') return;
    const cost = BigInt(ending.cost_micro_usd);
    const hour = `${opening.day} ${hourOf(opening.time, this.#timeZone)}`;
    this.#hours.set(hour, (this.#hours.get(hour) ?? 0n) + cost);
    if (opening.day < this.#since) {
      add(this.#daysBefore, opening.day, { calls: 1, tokens: noTokens, spent: cost, estimated: 0n });
      return;
    }
    const settled = ending.kind === 'SETTLE' ? ending : null;
    const ofTest = this.#tests.has(opening.flow?.run_id ?? '');
    const call = settled && costedCall(opening, settled, { cost, ofTest });
    // A cached answer is no price of its model.
    if (saved !== null) this.#cached.push({ model: opening.model_id ?? opening.model, saved });
    else if (call) this.settled.push(call);
    else this.#orphaned += 1;
    const spending: Spending = {
      calls: 1,
      tokens: call?.usage ?? noTokens,
      spent: cost,
      estimated: ending.estimated ? cost : 0n,
    };
    add(this.#byModel, opening.model_id ?? opening.model, spending);
    add(this.#byUser, opening.user_id, spending);
    add(this.#byWorkspace, opening.workspace ?? '(none)', spending);
    add(this.#byDay, opening.day, spending);
  }

  /** A bill has only the day and the model. */
  takeAdjustment({ day, model_id: model, difference_micro_usd }: AdjustRecord): void {
    const spent = BigInt(difference_micro_usd);
    const spending = { calls: 0, tokens: noTokens, spent, estimated: 0n };
    if (day < this.#since) {
      add(this.#daysBefore, day, spending);
      return;
    }
    this.#adjusted += spent;
    add(this.#byModel, model, spending);
    add(this.#byDay, day, spending);
  }

  report(
    at: { today: string; timeZone: string; now: Date },
    catalogue: ModelCatalogue,
    repeats: Repeats,
  ): Report {
    const total = sum(this.#byDay.values());
    const forecast = this.#forecast(at);
    const alternatives = this.#alternatives(catalogue);
    // The best alternative of each model comes first.
    const best = [...Map.groupBy(alternatives, ({ model }) => model).values()].flatMap(
      ([first]) => first ?? [],
    );
    const [dearest] = sorted(this.#byModel);
    // "Most" means more than half.
    const part = dearest && dearest[1].spent * 2n > total.spent ? 'most of it' : 'the most';
    const most = dearest ? `, ${part} by ${dearest[0]} (${formatUsd(dearest[1].spent)})` : '';
    return {
      title: 'Cost Analysis',
      summary:
        total.calls === 0 && total.spent === 0n
          ? `Nothing was spent since ${this.#since}.`
          : `${formatUsd(total.spent)} in ${callsText(total.calls)} since ${this.#since}${most}.`,
      findings: [...this.#unusualDays(at.today), ...this.#unusualCalls(), ...this.#doubts(total)],
      figures: this.#figures(total, forecast, best, repeats),
      sections: [
        spendingSection('by_model', 'By model', 'Model', this.#byModel),
        spendingSection('by_user', 'By user', 'User', this.#byUser),
        spendingSection('by_workspace', 'By workspace', 'Workspace', this.#byWorkspace),
        this.#trendSection(at.today),
        forecastSection(forecast),
        alternativesSection(alternatives),
        this.#cacheSection(),
        {
          id: 'cache',
          title: 'What a cache would have saved',
          text: repeats.text,
          table: repeats.table,
          chart: null,
        },
      ],
    };
  }

  /** `best` is the alternative with the largest saving for each model. */
  #figures(total: Spending, forecast: Forecasts, best: readonly Alternative[], repeats: Repeats): Figure[] {
    const perCall = total.calls > 0 ? microToUsd(total.spent / BigInt(total.calls)) : null;
    const saved = best.reduce((all, { saving }) => all + saving, 0n);
    return [
      usd('spent', 'Spent', microToUsd(total.spent), 'lower'),
      { id: 'calls', label: 'Calls', value: total.calls, unit: 'count', better: null },
      usd('cost_per_call', 'Cost per call', perCall, 'lower'),
      usd('estimated', 'Estimated part', microToUsd(total.estimated), 'lower'),
      usd('adjusted', 'Corrected by bills', microToUsd(this.#adjusted), null),
      usd('forecast_day', 'Forecast for today', amountOf(forecast.day), null),
      usd('forecast_month', 'Forecast for this month', amountOf(forecast.month), null),
      usd('saving_model', 'Cheaper models would have saved up to', microToUsd(saved), null),
      usd('saving_cache', repeats.label, microToUsd(repeats.saving), null),
      {
        id: 'cache_hits',
        label: 'Answers from the cache',
        value: this.#cached.length,
        unit: 'count',
        better: null,
      },
      {
        id: 'cache_hit_rate',
        label: 'Share of all answers',
        value: this.#hitRate(),
        unit: 'percent',
        better: null,
      },
      usd('cache_saved', 'Saved by the cache', microToUsd(savedBy(this.#cached)), null),
    ];
  }

  /** Percent of the answers that came from the cache; null without an answer. */
  #hitRate(model?: string): number | null {
    const ofModel = (call: { model: string }): boolean => model === undefined || call.model === model;
    const hits = this.#cached.filter(ofModel).length;
    const asked = this.settled.filter((call) => call.succeeded && ofModel(call)).length;
    return percentage(BigInt(hits), BigInt(hits + asked));
  }

  #cacheSection(): Section {
    const byModel = [...Map.groupBy(this.#cached, ({ model }) => model)];
    const rate = this.#hitRate();
    const text =
      byModel.length === 0
        ? 'No answer came from the cache.'
        : `${callsText(this.#cached.length)}, ${rate ?? 0} % of all answers, cost nothing: a model had been asked the same before.`;
    return {
      id: 'cache_use',
      title: 'What the cache saved',
      text,
      table:
        byModel.length === 0
          ? null
          : {
              columns: [
                { label: 'Model', unit: 'text' },
                { label: 'From the cache', unit: 'count' },
                { label: 'Share of answers', unit: 'percent' },
                { label: 'Saved', unit: 'usd' },
              ],
              rows: byModel.map(([model, hits]) => [
                ...[model, hits.length, this.#hitRate(model), microToUsd(savedBy(hits))],
              ]),
            },
      chart: null,
    };
  }

  #forecast({ today, timeZone, now }: { today: string; timeZone: string; now: Date }) {
    const hours = [...this.#hours].map(([key, spent]) => ({
      day: key.slice(0, 10),
      hour: Number(key.slice(11)),
      spent,
    }));
    const spentSince = (day: string): bigint =>
      hours.reduce((all, { day: of, spent }) => (of >= day && of <= today ? all + spent : all), 0n);
    const input = {
      today,
      hour: Number(hourOf(now, timeZone)),
      shareOfHour: now.getUTCMinutes() / 60,
      spentToday: spentSince(today),
      spentThisMonth: spentSince(`${today.slice(0, 7)}-01`),
      past: hours.filter(({ day }) => day < today),
    };
    return { day: forecastDay(input), month: forecastMonth(input) };
  }

  #trendSection(today: string): Section {
    const days: string[] = [];
    for (let day = this.#since; day <= today; day = shifted(day, 1)) days.push(day);
    const spentOn = (day: string): bigint => this.#byDay.get(day)?.spent ?? 0n;
    const week = (last: string): Period => {
      const ofWeek = Array.from({ length: 7 }, (_, back) => shifted(last, -back)).flatMap(
        (day) => this.#byDay.get(day) ?? this.#daysBefore.get(day) ?? [],
      );
      return { spent: sum(ofWeek).spent, daysWithCalls: ofWeek.filter(({ calls }) => calls > 0).length };
    };
    const [lately, before] = [week(shifted(today, -1)), week(shifted(today, -8))];
    return {
      id: 'trend',
      title: 'By day',
      text: `The seven days before today came to ${formatUsd(lately.spent)}${changeText(before, lately)}.`,
      table: {
        columns: [
          { label: 'Day', unit: 'text' },
          { label: 'Calls', unit: 'count' },
          { label: 'Spent', unit: 'usd' },
        ],
        rows: days.map((day) => [day, this.#byDay.get(day)?.calls ?? 0, microToUsd(spentOn(day))]),
      },
      chart: { type: 'columns', x: 0, series: [2] },
    };
  }

  #unusualDays(today: string): Finding[] {
    const days = [...this.#byDay].filter(([, { spent }]) => spent > 0n);
    if (days.length < fewestDays) return [];
    const values = days.map(([, { spent }]) => Number(spent));
    const middle = median(values);
    const spread = medianAbsoluteDeviation(values);
    return days.flatMap(([day, { spent, calls }]) => {
      const difference = Number(spent) - middle;
      // If most days are equal, MAD is zero, so a day is unusual above twice the median.
      const unusual = spread > 0 ? (0.6745 * difference) / spread > unusualScore : difference > middle;
      if (!unusual || difference < Number(leastAnomaly) || difference < middle) return [];
      const [model] = this.#modelsOn(day);
      return [
        {
          severity: 'warning',
          id: 'unusual_day',
          title: `${day} was unusually expensive`,
          evidence:
            `${formatUsd(spent)} in ${callsText(calls)}; the median day has ${formatUsd(BigInt(Math.round(middle)))}. ${model ?? ''}`.trim(),
          remedy: `Check the day in the audit history${day === today ? '; a cap per user or model would limit it' : ''}.`,
        },
      ];
    });
  }

  /** The amounts of the day's most expensive model and user. */
  #modelsOn(day: string): string[] {
    const ofDay = new Map<string, Spending>();
    for (const { day: of, userId, model, cost } of this.settled) {
      if (of !== day) continue;
      add(ofDay, `${userId} with ${model}`, { calls: 1, tokens: noTokens, spent: cost, estimated: 0n });
    }
    return sorted(ofDay).map(
      ([key, { spent, calls }]) => `Most of it: ${key}, ${formatUsd(spent)} in ${callsText(calls)}.`,
    );
  }

  #unusualCalls(): Finding[] {
    const byModel = Map.groupBy(this.settled, ({ model }) => model);
    return [...byModel].flatMap(([model, calls]) => {
      if (calls.length < fewestCalls) return [];
      const middle = median(calls.map(({ cost }) => Number(cost)));
      const unusual = calls
        .filter(({ cost }) => cost >= leastAnomaly && Number(cost) > middle * unusualTimes)
        .sort((a, b) => (a.cost > b.cost ? -1 : 1));
      const [worst] = unusual;
      if (!worst) return [];
      const { cost, day, userId, callId } = worst;
      return [
        {
          severity: 'warning',
          id: 'unusual_calls',
          title: `Calls of ${model} were unusually expensive`,
          evidence: `${unusual.length} of ${calls.length} calls cost more than ${unusualTimes} times the median of ${formatUsd(BigInt(Math.round(middle)))}; the most expensive cost ${formatUsd(cost)} on ${day} by ${userId} (call ${callId}).`,
          remedy: 'Check these calls; typical causes are long conversations and large attachments.',
        },
      ];
    });
  }

  /** Findings that put the totals in doubt. */
  #doubts(total: Spending): Finding[] {
    const findings: Finding[] = [];
    const unpriced = this.settled.filter(({ cost, usage }) => cost === 0n && totalTokens(usage) > 0);
    if (unpriced.length > 0) {
      const models = [...new Set(unpriced.map(({ model }) => model))];
      findings.push({
        severity: 'problem',
        id: 'unpriced_calls',
        title: 'Calls with tokens cost nothing',
        evidence: `${callsText(unpriced.length)} of ${models.join(', ')}.`,
        remedy:
          'Correct the price in "prices" of settings.yaml, then compare with the bill: "tidyllm reconcile".',
      });
    }
    if (total.spent > 0n && Number(total.estimated) > Number(total.spent) * mostEstimated) {
      findings.push({
        severity: 'warning',
        id: 'estimated_costs',
        title: 'Much of the cost is estimated',
        evidence: `${formatUsd(total.estimated)} of ${formatUsd(total.spent)} (${percent(total.estimated, total.spent)}); calls of processes that died: ${this.#orphaned}.`,
        remedy: 'Compare with the bill: "tidyllm reconcile".',
      });
    }
    for (const { call_id: call, day, cost_micro_usd: cost, reserved_micro_usd: reserved } of this.overruns) {
      if (day < this.#since) continue;
      findings.push({
        severity: 'problem',
        id: 'overrun',
        title: 'A call cost more than it reserved',
        evidence: `Call ${call} on ${day}: ${formatUsd(BigInt(cost))} instead of at most ${formatUsd(BigInt(reserved))}.`,
        remedy: 'Check its record; the price table or the token bound is wrong.',
      });
    }
    return findings;
  }

  /** The cost with other priced models of the same vendor that can be called from here, cheapest first. */
  #alternatives(catalogue: ModelCatalogue): Alternative[] {
    const candidates = catalogue.callable().map((other) => ({ other, kind: modelKind(other) }));
    const byModel = Map.groupBy(
      // Embeddings have no output tokens, and no other model makes comparable ones.
      this.settled.filter(
        ({ cost, estimated, ofTest, maxTokens }) => cost > 0n && !estimated && !ofTest && maxTokens > 0,
      ),
      ({ model }) => model,
    );
    return [...byModel].flatMap(([model, calls]) => {
      const spent = calls.reduce((all, { cost }) => all + cost, 0n);
      const own = modelKind({ modelId: model, name: calls[0]?.name ?? model });
      const cheaper = candidates.flatMap(({ other, kind }): (Alternative & { bareId: string })[] => {
        const near = other.modelId !== model && kinshipOf(own, kind) !== 'other';
        const cost = near && fits(other, calls) ? costAs(other, calls) : null;
        if (cost === null || cost >= spent) return [];
        const tokens = sumTokens(calls);
        return [
          {
            model,
            calls: calls.length,
            other: other.name,
            spent,
            cost,
            saving: spent - cost,
            tokens,
            prices: pricesOf(other),
            bareId: kind.bareId,
          },
        ];
      });
      cheaper.sort((a, b) => (a.cost < b.cost ? -1 : 1));
      // Profiles of one model count as one alternative: the cheapest.
      return [...Map.groupBy(cheaper, ({ bareId }) => bareId).values()]
        .flatMap(([first]) => first ?? [])
        .slice(0, alternativesShown);
    });
  }
}

interface Alternative {
  model: string;
  calls: number;
  other: string;
  spent: bigint;
  cost: bigint;
  saving: bigint;
  tokens: TokenUsage;
  prices: string;
}

/** The cost of the same tokens with another model; null if a token class has no price. */
function costAs({ tiers }: Model, calls: readonly CostedCall[]): bigint | null {
  let total = 0n;
  for (const { usage } of calls) {
    // A model without a cache counts everything as input.
    const asInput = { ...noTokens, input: contextTokens(usage), output: usage.output };
    const cached = costOf(tiers, usage);
    const cost = typeof cached === 'bigint' ? cached : costOf(tiers, asInput);
    if (typeof cost !== 'bigint') return null;
    total += cost;
  }
  return total;
}

function pricesOf({ tiers }: Model): string {
  const base = tiers.find(({ aboveInputTokens }) => aboveInputTokens === 0);
  return `input $${base?.input ?? '?'}, output $${base?.output ?? '?'}`;
}

/** Whether a model supports questions and answers of these lengths. */
function fits({ maxInputTokens, maxOutputTokens }: Model, calls: readonly CostedCall[]): boolean {
  return calls.every(
    ({ usage }) =>
      contextTokens(usage) <= (maxInputTokens ?? Infinity) && usage.output <= (maxOutputTokens ?? Infinity),
  );
}

function alternativesSection(alternatives: readonly Alternative[]): Section {
  return {
    id: 'cheaper_models',
    title: 'What a cheaper model would have saved',
    text: 'The recorded tokens of each call at the prices of another model of the same vendor, USD per 1,000,000 tokens; models count tokens a little differently and answer differently, and a "global." profile may answer from any region. All priced models that can be called from this region were compared. Estimated calls and calls of gateway tests are left out.',
    table: {
      columns: [
        { label: 'Model', unit: 'text' },
        { label: 'Calls', unit: 'count' },
        { label: 'Input tokens', unit: 'count' },
        { label: 'Output tokens', unit: 'count' },
        { label: 'Spent', unit: 'usd' },
        { label: 'Instead', unit: 'text' },
        { label: 'Prices', unit: 'text' },
        { label: 'Would cost', unit: 'usd' },
        { label: 'Saved', unit: 'usd' },
        { label: 'Share', unit: 'percent' },
      ],
      rows: alternatives.map(({ model, calls, other, spent, cost, saving, tokens, prices }) => [
        ...[model, calls, contextTokens(tokens), tokens.output, microToUsd(spent), other, prices],
        ...[microToUsd(cost), microToUsd(saving), percentage(saving, spent)],
      ]),
    },
    chart: null,
  };
}

function spendingSection(
  id: string,
  title: string,
  label: string,
  spending: ReadonlyMap<string, Spending>,
): Section {
  const dearestFirst = sorted(spending);
  const shares = percentages(dearestFirst.map(([, { spent }]) => spent));
  const columns: Column[] = [
    { label, unit: 'text' },
    { label: 'Calls', unit: 'count' },
    { label: 'Input tokens', unit: 'count' },
    { label: 'Output tokens', unit: 'count' },
    { label: 'Spent', unit: 'usd' },
    { label: 'Share', unit: 'percent' },
    { label: 'Estimated', unit: 'usd' },
  ];
  return {
    id,
    title,
    text: '',
    table: {
      columns,
      rows: dearestFirst.map(([key, { calls, tokens, spent, estimated }], index) => [
        ...[key, calls, contextTokens(tokens), tokens.output, microToUsd(spent)],
        ...[shares[index] ?? null, microToUsd(estimated)],
      ]),
    },
    chart: { type: 'columns', x: 0, series: [4] },
  };
}

/** Micro-USD. */
function savedBy(cached: readonly CachedCall[]): bigint {
  return cached.reduce((all, { saved }) => all + saved, 0n);
}

/** Forecasts for today and this month; null if there is too little history. */
interface Forecasts {
  day: Forecast | null;
  month: Forecast | null;
}

function usd(id: string, label: string, value: Figure['value'], better: Figure['better']): Figure {
  return { id, label, value, unit: 'usd', better };
}

function forecastSection({ day, month }: Forecasts): Section {
  const row = (label: string, forecast: Forecast | null, method: string): Cell[] => [
    ...[label, amountOf(forecast), forecast?.days ?? 0, forecast ? method : 'not enough history'],
  ];
  return {
    id: 'forecast',
    title: 'Forecast',
    text: 'From the ledger’s calls, without billing corrections.',
    table: {
      columns: [
        { label: 'By the end of', unit: 'text' },
        { label: 'Amount', unit: 'usd' },
        { label: 'Days used', unit: 'count' },
        { label: 'Method', unit: 'text' },
      ],
      rows: [
        row('today', day, 'spent so far, plus the mean rest of day of the last 14 days with spending'),
        row(
          'this month',
          month,
          'the rest of today, plus the mean of each remaining day (working days and weekends apart)',
        ),
      ],
    },
    chart: null,
  };
}

/** The change against the week before, or why the weeks can't be compared. */
function changeText(before: Period, lately: Period): string {
  if (!areComparable(before, lately) || before.spent <= 0n)
    return `; too few days for a trend: ${daysText(lately)} with calls, ${daysText(before)} in the seven days before`;
  const change = percentage(lately.spent - before.spent, before.spent) ?? 0;
  return `, ${change > 0 ? '+' : ''}${change} % compared with the seven days before`;
}

function daysText({ daysWithCalls }: Period): string {
  return daysWithCalls === 1 ? '1 day' : `${daysWithCalls} days`;
}

function sumTokens(calls: readonly CostedCall[]): TokenUsage {
  return calls.reduce((all, { usage }) => addTokens(all, usage), noTokens);
}

function together(a: Spending, b: Spending): Spending {
  return {
    calls: a.calls + b.calls,
    tokens: addTokens(a.tokens, b.tokens),
    spent: a.spent + b.spent,
    estimated: a.estimated + b.estimated,
  };
}

function add(to: Map<string, Spending>, key: string, spending: Spending): void {
  const before = to.get(key);
  to.set(key, before ? together(before, spending) : spending);
}

function sum(all: Iterable<Spending>): Spending {
  return [...all].reduce(together, { calls: 0, tokens: noTokens, spent: 0n, estimated: 0n });
}

/** Most expensive first. */
function sorted(spending: ReadonlyMap<string, Spending>): [string, Spending][] {
  return [...spending].sort(([, a], [, b]) => (a.spent > b.spent ? -1 : 1));
}

function callsText(count: number): string {
  return count === 1 ? '1 call' : `${count} calls`;
}

function amountOf(forecast: Forecast | null): string | null {
  return forecast && microToUsd(forecast.amount);
}

function percent(part: bigint, whole: bigint): string {
  return `${percentage(part, whole) ?? 0} %`;
}
