import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { uptime } from 'node:os';
import { dayOfRecord } from './day.ts';
import type { LedgerState } from './ledgerState.ts';
import type { ClockReading, RecordDraft } from './records.ts';

/** How long this computer has been running, asleep or not, whatever its clock is set to; `boot` is a UUID. */
export type RunningTime = ClockReading;

export interface LedgerClockOptions {
  /** IANA zone in which policy days begin. */
  timeZone: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Null where it can't be known. */
  running: () => RunningTime | null;
}

/** A clock this far behind the last record was set back; less is the difference between two processes. */
const behindToleranceMs = 1_000;
/** A clock may gain this much on the running time, by being set right, and a thousandth for drifting apart. */
export const aheadToleranceMs = 600_000;

/**
 * The time of records. A clock that was set back stays at the last record. One that was set forward, by more than the
 * computer has been running since an earlier record, is held where the running time puts it: a day that begins too
 * soon would be a second budget.
 */
export class LedgerClock {
  readonly #options: LedgerClockOptions;
  /** Whether the clock of this moment was confirmed, by AWS or a person. */
  #confirmed = false;
  #saidAhead = false;

  constructor(options: LedgerClockOptions) {
    this.#options = options;
  }

  wall(): Date {
    return new Date(this.#options.now());
  }

  /** Takes the clock as right with the next record, from which it is followed anew. */
  confirm(): void {
    this.#confirmed = true;
  }

  /** How far the clock is ahead of what the running time allows; 0 where it isn't, or that is unknown. */
  aheadMs(state: LedgerState | null): number {
    const expected = this.#expected(state);
    if (this.#confirmed || expected === null) return 0;
    const ahead = this.#options.now() - expected.time;
    return ahead > aheadToleranceMs + expected.elapsed / 1_000 ? ahead : 0;
  }

  /** ISO 8601, never before the last record. */
  time(state: LedgerState | null): string {
    const time = new Date(this.#options.now() - this.aheadMs(state)).toISOString();
    const last = state?.head.time ?? '';
    return time > last ? time : last;
  }

  /** The policy day of a time. Another zone takes effect once the last day has ended in both. */
  dayOf(time: string, state: LedgerState | null): { day: string; timezone: string } {
    const { timeZone } = this.#options;
    const day = dayOfRecord(time, timeZone);
    const last = state?.fold.lastDay;
    if (!last || last.timezone === timeZone) return { day, timezone: timeZone };
    const before = dayOfRecord(time, last.timezone);
    return day > last.day && before > last.day
      ? { day, timezone: timeZone }
      : { day: before, timezone: last.timezone };
  }

  /** The clock's own records, which come before the next ones. */
  records(state: LedgerState): RecordDraft[] {
    return [...this.#anomalies(state), ...this.#readings(state)];
  }

  /** A clock that is ahead, or was set back, is recorded once, until it is right again. */
  #anomalies(state: LedgerState): RecordDraft[] {
    const wall = this.wall();
    const { time } = state.head;
    const ahead = this.aheadMs(state) > 0;
    const isNew = ahead && !this.#saidAhead;
    this.#saidAhead = ahead;
    const behind = Date.parse(time) - wall.getTime();
    // While it is behind, every record has the time of the previous one.
    const wasSetBack = behind > behindToleranceMs && state.clockAnomaly !== time;
    return isNew || wasSetBack
      ? [{ kind: 'clock_anomaly', call_id: null, wall_time: wall.toISOString() }]
      : [];
  }

  /** Headers have a reading; another start of the computer, and a clock that was confirmed, have one of their own. */
  #readings({ clockReading }: LedgerState): RecordDraft[] {
    const running = this.#options.running();
    const stands =
      clockReading?.boot === running?.boot && (clockReading?.running_ms ?? 0) <= (running?.running_ms ?? 0);
    if (running === null || (stands && !this.#confirmed)) return [];
    this.#confirmed = false;
    return [{ kind: 'clock_reading', call_id: null, ...running }];
  }

  /** Where the last reading and the running time since put the clock. */
  #expected(state: LedgerState | null): { time: number; elapsed: number } | null {
    const reading = state?.clockReading;
    const running = this.#options.running();
    if (!reading || running?.boot !== reading.boot) return null;
    const elapsed = running.running_ms - reading.running_ms;
    return elapsed < 0 ? null : { time: Date.parse(reading.time) + elapsed, elapsed };
  }
}

/**
 * The running time as the operating system counts it. Linux names each start and counts sleep, so that it holds for
 * all processes; Windows counts sleep, and a start is that of this process; macOS counts by the clock itself.
 */
export function systemRunningTime(): RunningTime | null {
  if (process.platform === 'darwin') return null;
  return { boot: bootOf(), running_ms: Math.round(uptime() * 1_000) };
}

let boot: string | null = null;

function bootOf(): string {
  boot ??= linuxBoot() ?? randomUUID();
  return boot;
}

/** Of the start, and of the container: it may count its own time. */
function linuxBoot(): string | null {
  try {
    const started = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const places = ['time', 'pid'].map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
    const hash = createHash('sha256')
      .update([started, ...places].join())
      .digest('hex');
    return hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  } catch {
    return null;
  }
}
