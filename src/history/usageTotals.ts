import type { DatabaseSync } from 'node:sqlite';
import type { CallInZone } from './calls.ts';

export const usageDimensions = ['day', 'model', 'user', 'workspace', 'branch', 'hour'] as const;
export type UsageDimension = (typeof usageDimensions)[number];

interface Totals {
  calls: number;
  refusals: number;
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
  /** Micro-USD, like the other two; estimated and adjusted are parts of it. */
  spent: bigint;
  estimated: bigint;
  adjusted: bigint;
}

type TotalsOfDay = Record<UsageDimension, Map<number, Totals>>;

/** Daily totals of calls by model, user, workspace, branch and hour. */
export class UsageTotals {
  readonly #days = new Map<string, TotalsOfDay>();

  /** `refused` calls never reached a model. Keys are numbers of the dictionary. */
  addCall(
    call: CallInZone,
    refused: boolean,
    keys: Readonly<Record<Exclude<UsageDimension, 'day'>, number>>,
  ): void {
    const ofDay = this.#of(call.day);
    for (const dimension of usageDimensions) {
      const totals = totalsIn(ofDay[dimension], dimension === 'day' ? 0 : keys[dimension]);
      if (refused) totals.refusals += 1;
      else totals.calls += 1;
      totals.input += call.tokens?.input_tokens ?? 0;
      totals.output += call.tokens?.output_tokens ?? 0;
      totals.cacheRead += call.tokens?.cache_read_input_tokens ?? 0;
      totals.cacheWrite5m += call.tokens?.cache_write_5m_input_tokens ?? 0;
      totals.cacheWrite1h += call.tokens?.cache_write_1h_input_tokens ?? 0;
      totals.spent += call.cost;
      if (call.costEstimated) totals.estimated += call.cost;
    }
  }

  /** A bill knows only the day and the model. */
  addAdjustment(day: string, model: number, difference: bigint): void {
    for (const dimension of usageDimensions) {
      const totals = totalsIn(this.#of(day)[dimension], dimension === 'model' ? model : 0);
      totals.spent += difference;
      totals.adjusted += difference;
    }
  }

  /** Adds to the table's totals. */
  write(database: DatabaseSync): void {
    const columns = [
      'calls',
      'refusals',
      'input',
      'output',
      'cache_read',
      'cache_write_5m',
      'cache_write_1h',
      'spent',
      'estimated',
      'adjusted',
    ];
    const add = database.prepare(
      `INSERT INTO usage VALUES (?, ?, ?, ${columns.map(() => '?').join(', ')})
       ON CONFLICT DO UPDATE SET ${columns.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`,
    );
    for (const [day, ofDay] of this.#days)
      for (const dimension of usageDimensions)
        for (const [key, totals] of ofDay[dimension])
          add.run(
            day,
            dimension,
            key,
            totals.calls,
            totals.refusals,
            totals.input,
            totals.output,
            totals.cacheRead,
            totals.cacheWrite5m,
            totals.cacheWrite1h,
            totals.spent,
            totals.estimated,
            totals.adjusted,
          );
  }

  #of(day: string): TotalsOfDay {
    let ofDay = this.#days.get(day);
    if (!ofDay) {
      ofDay = Object.fromEntries(usageDimensions.map((dimension) => [dimension, new Map()])) as TotalsOfDay;
      this.#days.set(day, ofDay);
    }
    return ofDay;
  }
}

function totalsIn(ofKeys: Map<number, Totals>, key: number): Totals {
  let totals = ofKeys.get(key);
  if (!totals) {
    totals = {
      calls: 0,
      refusals: 0,
      input: 0,
      output: 0,
      cacheRead: 0,
      cacheWrite5m: 0,
      cacheWrite1h: 0,
      spent: 0n,
      estimated: 0n,
      adjusted: 0n,
    };
    ofKeys.set(key, totals);
  }
  return totals;
}

const formatters = new Map<string, Intl.DateTimeFormat>();
const quarter = 15 * 60_000;
/** Zones change on quarter hours, so all instants of one quarter share their hour. */
let lastAsked: { quarter: number; timeZone: string; hour: string } | null = null;

/** The hour of the day of an instant, 00 to 23, in an IANA time zone. */
export function hourOf(time: string | Date, timeZone: string): string {
  const instant = new Date(time);
  const asked = Math.floor(instant.getTime() / quarter);
  if (lastAsked?.quarter === asked && lastAsked.timeZone === timeZone) return lastAsked.hour;
  let formatter = formatters.get(timeZone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', hourCycle: 'h23' });
    formatters.set(timeZone, formatter);
  }
  const hour = formatter.format(instant);
  lastAsked = { quarter: asked, timeZone, hour };
  return hour;
}
