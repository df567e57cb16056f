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

/** Days of the trend: the seven before today, which are over, against the seven before them. */
const trendDays = 7;
/** Enough days before today to find 14 with spending in. */
const forecastReach = 120;
/** Calls asked for at a time. */
const pageSize = 1000;
/** Caps change seldom; the newest of each is looked for in as many. */
const changesLookedAt = 500;

/** What was spent on something today, and lately. Money is micro-USD. */
export interface BreakdownRow {
  /** Null for calls without one, and for corrections of bills. */
  key: string | null;
  calls: number;
  tokens: number;
  spent: bigint;
  /** In the seven days before today, and in the seven before them. */
  lately: bigint;
  before: bigint;
}

/** An alert of the settings that what was spent under a cap has reached. */
export interface ReachedAlert {
  cap: CapStatus;
  /** Of the limit, 0 to 1. */
  share: number;
  /** When spending passed it, milliseconds since the epoch; null where the correction of a bill did. */
  at: number | null;
}

/** All that the budget view shows, from the ledger as it is now. */
export interface BudgetFigures {
  status: BudgetStatus;
  dayForecast: Forecast | null;
  monthForecast: Forecast | null;
  /** What was spent in each hour of the day, 0 to 23, by model; the dearest model first. */
  hours: { model: string; spent: bigint[] }[];
  /** Every day of the month up to today. */
  monthDays: { day: string; spent: bigint }[];
  alerts: ReachedAlert[];
  breakdowns: Record<BreakdownProperty, BreakdownRow[]>;
  /** Whether the two weeks of the trend have calls on as many days, and on enough. */
  weeksComparable: boolean;
  /** The last change of each cap that has one, by scope. */
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

/** Reads the figures of a ledger. Calls of today are read once and kept. */
export class BudgetFiguresReader {
  readonly #core: Core;
  readonly #history: Pick<HistoryClient, 'ask'>;
  #day = '';
  #calls: KnownCall[] = [];

  constructor(core: Core, history: Pick<HistoryClient, 'ask'>) {
    this.#core = core;
    this.#history = history;
  }

  /** `onProgress` gets how much of the journal is in the index, 0 to 1. Throws what the ledger and its index throw. */
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

  /** Calls that have ended keep their place, so only those after the ones that are known are asked for. */
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

/** The last change of a cap; undefined where none is recorded. */
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

/** A clock that was set back stays in the ledger's day, at its end. */
function timeOfDay(now: Date, { day, timeZone }: BudgetStatus): { hour: number; shareOfHour: number } {
  if (dayOf(now, timeZone) !== day) return { hour: 23, shareOfHour: 1 };
  return { hour: Number(hourOf(now, timeZone)), shareOfHour: now.getUTCMinutes() / 60 };
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
