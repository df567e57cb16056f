import type { HourSpending } from './usage.ts';

/** Past days that a forecast uses. */
export const forecastDays = 14;

/** The expected spend of a period. */
export interface Forecast {
  /** Micro-USD. */
  amount: bigint;
  /** Number of past days used. */
  days: number;
}

export interface ForecastInput {
  /** The policy day, YYYY-MM-DD, its current hour (0 to 23), and how much of that hour is over (0 to 1). */
  today: string;
  hour: number;
  shareOfHour: number;
  /** Micro-USD; each is a part of the next. */
  spentToday: bigint;
  spentThisMonth: bigint;
  /** Spend of past days by hour. Days and hours without spending may be omitted. */
  past: readonly HourSpending[];
}

/**
 * Today's final spend: the spend so far plus the mean spend of the rest of the day on the
 * last 14 days with spending. Null if there is no such day.
 */
export function forecastDay(input: ForecastInput): Forecast | null {
  const days = daysWithSpending(input).slice(-forecastDays);
  if (days.length === 0) return null;
  const rest = days.reduce((sum, day) => sum + restOf(day, input), 0n);
  return { amount: input.spentToday + rest / BigInt(days.length), days: days.length };
}

/**
 * This month's final spend: the spend so far, the rest of today as above, and for each remaining day
 * the mean of the last 14 days of its kind, working day or weekend; of all 14 if there is none of its
 * kind. Days without spending count, but not before the first with spending. Null if there is none.
 */
export function forecastMonth(input: ForecastInput): Forecast | null {
  const today = forecastDay(input);
  const first = daysWithSpending(input)[0];
  if (!today || first === undefined) return null;
  const days: string[] = [];
  for (let day = dayBefore(input.today); day >= first && days.length < forecastDays; day = dayBefore(day))
    days.push(day);
  const spent = new Map<string, bigint>();
  for (const { day, spent: amount } of input.past) spent.set(day, (spent.get(day) ?? 0n) + amount);
  const meanOf = (chosen: readonly string[]): bigint =>
    chosen.length === 0
      ? 0n
      : chosen.reduce((sum, day) => sum + (spent.get(day) ?? 0n), 0n) / BigInt(chosen.length);
  const ofKind = (weekend: boolean): bigint => {
    const same = days.filter((day) => isWeekend(day) === weekend);
    return meanOf(same.length > 0 ? same : days);
  };
  const [workingDay, weekend] = [ofKind(false), ofKind(true)];
  let amount = input.spentThisMonth - input.spentToday + today.amount;
  for (let day = dayAfter(input.today); day.startsWith(input.today.slice(0, 7)); day = dayAfter(day))
    amount += isWeekend(day) ? weekend : workingDay;
  return { amount, days: days.length };
}

/** Days before today with spending, oldest first. */
function daysWithSpending({ past, today }: ForecastInput): string[] {
  return [...new Set(past.flatMap(({ day, spent }) => (spent > 0n && day < today ? [day] : [])))].sort();
}

/** A day's spend after the current time of day. */
function restOf(day: string, { past, hour, shareOfHour }: ForecastInput): bigint {
  const millionths = BigInt(Math.round((1 - shareOfHour) * 1e6));
  let rest = 0n;
  for (const { day: of, hour: at, spent } of past) {
    if (of !== day || at < hour) continue;
    rest += at > hour ? spent : (spent * millionths) / 1_000_000n;
  }
  return rest;
}

function isWeekend(day: string): boolean {
  return [0, 6].includes(new Date(`${day}T00:00:00Z`).getUTCDay());
}

function dayAfter(day: string): string {
  return shifted(day, 1);
}

function dayBefore(day: string): string {
  return shifted(day, -1);
}

/** The day that many days later. */
export function shifted(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}
