import type { Core } from '../../core/core.ts';
import { callOutcomes, type HistoryCall } from '../../history/calls.ts';
import { forecastDay, forecastMonth, shifted, type Forecast } from '../../history/forecast.ts';
import type { HistoryClient } from '../../history/historyClient.ts';
import { areComparable, type Period } from '../../history/trend.ts';
import type { UsageRow } from '../../history/usage.ts';
import { hourOf } from '../../history/usageTotals.ts';
import { idOf } from '../../ledger/budgetFold.ts';
import { reachedAlerts, type BudgetStatus, type CapStatus } from '../../ledger/budgetStatus.ts';
import { dayOf } from '../../ledger/day.ts';
import { readRecordAt } from '../../ledger/readJournal.ts';
import type { PolicyChangeRecord, ScopeKey } from '../../ledger/records.ts';

export const breakdownProperties = ['model', 'user', 'workspace', 'branch'] as const;
export type BreakdownProperty = (typeof breakdownProperties)[number];

/** Days of the trend: the seven complete days before today, against the seven before them. */
const trendDays = 7;
/** How far back to look for 14 days with spending. */
const forecastReach = 120;
/** Calls per query. */
const pageSize = 1000;
/** How many events to search for the last change of each cap; caps change seldom. */
const changesLookedAt = 500;

/** Spending on one item, today and in the last two weeks. Money is micro-USD. */
export interface BreakdownRow {
  /** Null for calls without one, and for billing corrections. */
  key: string | null;
  calls: number;
  tokens: number;
  spent: bigint;
  /** The seven days before today, and the seven before those. */
  lately: bigint;
  before: bigint;
}

/** An alert of the settings that the spending under a cap has reached. */
export interface ReachedAlert {
  cap: CapStatus;
  /** Share of the limit, 0 to 1. */
  share: number;
  /** When spending reached it, milliseconds since the epoch; null where a billing correction did. */
  at: number | null;
}

/** Everything that the budget view shows, from the current ledger. */
export interface BudgetFigures {
  status: BudgetStatus;
  dayForecast: Forecast | null;
  monthForecast: Forecast | null;
  /** Spending in each hour of the day, 0 to 23, by model; the most expensive model first. */
  hours: { model: string; spent: bigint[] }[];
  /** Every day of the month, up to today. */
  monthDays: { day: string; spent: bigint }[];
  alerts: ReachedAlert[];
  breakdowns: Record<BreakdownProperty, BreakdownRow[]>;
  /** Whether both weeks of the trend have calls on equally many days, and on enough of them. */
  weeksComparable: boolean;
  /** The last recorded change of each cap, by scope. */
  changes: Map<string, PolicyChangeRecord>;
}

export interface ReadOptions {
  onProgress?: (share: number) => void;
  now?: Date;
}

type KnownCall = Pick<
  HistoryCall,
  'time' | 'processingTimeMs' | 'userId' | 'model' | 'modelId' | 'workspace' | 'cost'
>;

/** Reads the figures of a ledger. Today's calls are read once and kept. */
export class BudgetFiguresReader {
  readonly #core: Core;
  readonly #history: Pick<HistoryClient, 'ask'>;
  #day = '';
  #calls: KnownCall[] = [];

  constructor(core: Core, history: Pick<HistoryClient, 'ask'>) {
    this.#core = core;
    this.#history = history;
  }

  /** `onProgress` gets the share of the journal that is indexed, 0 to 1. Throws what the ledger and its index throw. */
  async read({ onProgress, now = new Date() }: ReadOptions = {}): Promise<BudgetFigures> {
    const status = await this.#core.budget();
    await this.#readCalls(status.day, onProgress);
    const [monthDays, past, changes, weeksComparable, ...breakdowns] = await Promise.all([
      this.#history.ask('usage', ['day', { since: monthStart(status.day), until: status.day }]),
      this.#history.ask('hours', [
        { since: shifted(status.day, -forecastReach), until: shifted(status.day, -1) },
      ]),
      this.#changes(),
      this.#weeksComparable(status.day),
      ...breakdownProperties.map((by) => this.#breakdown(by, status.day)),
    ]);
    const spentThisMonth = monthDays.reduce((sum, { spent }) => sum + spent, 0n);
    const input = {
      today: status.day,
      ...timeOfDay(now, status),
      spentToday: status.spent,
      spentThisMonth,
      past,
    };
    return {
      status,
      dayForecast: forecastDay(input),
      monthForecast: forecastMonth(input),
      hours: this.#hours(),
      monthDays: allDays(status.day, monthDays),
      alerts: this.#alerts(status),
      weeksComparable,
      breakdowns: Object.fromEntries(
        breakdownProperties.map((by, index) => [by, breakdowns[index] ?? []]),
      ) as BudgetFigures['breakdowns'],
      changes,
    };
  }

  /** Calls that have ended keep their place, so only calls after the known ones are queried. */
  async #readCalls(day: string, onProgress?: (share: number) => void): Promise<void> {
    if (day !== this.#day) this.#calls = [];
    this.#day = day;
    const outcomes = callOutcomes.filter((outcome) => outcome !== 'pending');
    const filter = { fromDay: day, untilDay: day, outcomes };
    for (;;) {
      const { calls } = await this.#history.ask('rowsFromOldest', [filter, this.#calls.length, pageSize], {
        onProgress: (bytes, total) => onProgress?.(total > 0 ? bytes / total : 1),
      });
      // The newest comes first.
      for (const { time, processingTimeMs, userId, model, modelId, workspace, cost } of calls.toReversed())
        this.#calls.push({ time, processingTimeMs, userId, model, modelId, workspace, cost });
      if (calls.length < pageSize) return;
    }
  }

  #hours(): BudgetFigures['hours'] {
    const byModel = new Map<string, bigint[]>();
    for (const { time, model, modelId, cost } of this.#calls) {
      if (cost === 0n) continue;
      const name = modelId ?? model;
      const spent = byModel.get(name) ?? Array.from({ length: 24 }, () => 0n);
      const hour = Number(hourOf(time, this.#core.ledger.timeZone));
      spent[hour] = (spent[hour] ?? 0n) + cost;
      byModel.set(name, spent);
    }
    return [...byModel]
      .map(([model, spent]) => ({ model, spent }))
      .toSorted((a, b) => (sum(a.spent) > sum(b.spent) ? -1 : 1));
  }

  #alerts({ caps }: BudgetStatus): ReachedAlert[] {
    const { alerts } = this.#core.loaded.settings.budget;
    return caps.flatMap((cap) => {
      const calls = this.#calls.filter((call) => isUnder(cap, call));
      return reachedAlerts(cap, alerts).map((share) => {
        let spent = 0n;
        const passed = calls.find(
          ({ cost }) => reachedAlerts({ spent: (spent += cost), limit: cap.limit }, [share]).length > 0,
        );
        return { cap, share, at: passed ? Date.parse(passed.time) + (passed.processingTimeMs ?? 0) : null };
      });
    });
  }

  async #weeksComparable(day: string): Promise<boolean> {
    const periods = [1, 1 + trendDays].map(async (back): Promise<Period> => {
      const days = { since: shifted(day, 1 - back - trendDays), until: shifted(day, -back) };
      const rows = await this.#history.ask('usage', ['day', days]);
      return {
        spent: rows.reduce((total, { spent }) => total + spent, 0n),
        daysWithCalls: rows.filter(({ calls }) => calls > 0).length,
      };
    });
    const [lately, before] = await Promise.all(periods);
    return lately !== undefined && before !== undefined && areComparable(before, lately);
  }

  async #breakdown(by: BreakdownProperty, day: string): Promise<BreakdownRow[]> {
    const usage = (since: number, until: number): Promise<UsageRow[]> =>
      this.#history.ask('usage', [by, { since: shifted(day, since), until: shifted(day, until) }]);
    const [today, lately, before] = await Promise.all([
      usage(0, 0),
      usage(-trendDays, -1),
      usage(-2 * trendDays, -1 - trendDays),
    ]);
    const spentOn = (rows: readonly UsageRow[], key: string | null): bigint =>
      rows.find((row) => row.key === key)?.spent ?? 0n;
    return today
      .filter(({ calls, spent }) => calls > 0 || spent !== 0n)
      .map(({ key, calls, spent, ...tokens }) => ({
        key,
        calls,
        spent,
        tokens: tokens.inputTokens + tokens.outputTokens + tokens.cacheReadTokens + tokens.cacheWriteTokens,
        lately: spentOn(lately, key),
        before: spentOn(before, key),
      }));
  }

  async #changes(): Promise<Map<string, PolicyChangeRecord>> {
    const events = await this.#history.ask('events', ['policy_change', changesLookedAt]);
    const changes = new Map<string, PolicyChangeRecord>();
    for (const { place } of events) {
      const { record } = await readRecordAt(this.#core.journal.directory, place);
      if (record.kind !== 'policy_change' || changes.has(idOf(record))) continue;
      changes.set(idOf(record), record);
    }
    return changes;
  }
}

function isUnder({ scope, key }: ScopeKey, { userId, model, modelId, workspace }: KnownCall): boolean {
  const keys = { ledger: key, user: userId, model: modelId ?? model, workspace };
  return keys[scope] === key;
}

/** The last change of a cap; undefined if none is recorded. */
export function lastChange(figures: BudgetFigures, scope: ScopeKey): PolicyChangeRecord | undefined {
  return figures.changes.get(idOf(scope));
}

function monthStart(day: string): string {
  return `${day.slice(0, 7)}-01`;
}

function allDays(today: string, rows: readonly UsageRow[]): BudgetFigures['monthDays'] {
  const spent = new Map(rows.map((row) => [row.key, row.spent]));
  const days: BudgetFigures['monthDays'] = [];
  for (let day = monthStart(today); day <= today; day = shifted(day, 1))
    days.push({ day, spent: spent.get(day) ?? 0n });
  return days;
}

/** If the clock was set back, this stays at the end of the ledger's day. */
function timeOfDay(now: Date, { day, timeZone }: BudgetStatus): { hour: number; shareOfHour: number } {
  if (dayOf(now, timeZone) !== day) return { hour: 23, shareOfHour: 1 };
  return { hour: Number(hourOf(now, timeZone)), shareOfHour: now.getUTCMinutes() / 60 };
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
