import { randomUUID } from 'node:crypto';
import { shifted } from '../../src/history/forecast.ts';
import { dayOf } from '../../src/ledger/day.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { capsOf, installedKeys, ledgerDefaults, reserveInput, settleInput } from './ledgers.ts';

/** A zone in which it is early afternoon now: a day has a past and a future whenever the tests run. */
export function afternoonZone(): string {
  const offset = 14 - new Date().getUTCHours();
  // The sign is that of POSIX: east of Greenwich is minus.
  return offset === 0 ? 'Etc/GMT' : `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`;
}

export interface SpentCall {
  /** Days before today. */
  daysAgo: number;
  /** Of the day, in the ledger's zone. */
  hour: number;
  /** USD. */
  cost: number;
  model?: string;
  user?: string;
  workspace?: string;
  branch?: string;
}

/** USD. */
export const dailyLimit = 60;

const modelIds: Record<string, string> = {
  'claude-sonnet': 'us.anthropic.claude-sonnet-4-6',
  'claude-haiku': 'us.anthropic.claude-haiku-4-5-20251001-v1:0',
  'nova-pro': 'us.amazon.nova-pro-v1:0',
};

/** A ledger of this process with calls in its past; it stays open, so that what it reserves stays held. */
export class Spending {
  readonly ledger: Ledger;
  readonly journal: { directory: string };
  readonly #timeZone: string;
  #now = 0;

  constructor(directory: string, timeZone: string) {
    this.#timeZone = timeZone;
    this.journal = { directory };
    this.ledger = new Ledger({
      ...ledgerDefaults,
      directory,
      signingKeys: installedKeys(directory),
      timeZone,
      capOf: capsOf(micro(dailyLimit)),
      now: () => (this.#now === 0 ? Date.now() : this.#now),
    });
  }

  /** Calls in the order of their times, then the clock is that of the machine. */
  async spend(calls: readonly SpentCall[]): Promise<void> {
    const timed = calls.map((call) => ({ call, time: this.#timeOf(call) })).sort((a, b) => a.time - b.time);
    for (const { call, time } of timed) {
      this.#now = time;
      await this.settle(await this.reserve(call), call.cost);
    }
    this.#now = 0;
  }

  /** Holds an amount in USD and returns the call's id. */
  async reserve({
    cost,
    model = 'claude-sonnet',
    user = 'ada',
    workspace,
    branch,
  }: Omit<SpentCall, 'daysAgo' | 'hour'>): Promise<string> {
    const callId = randomUUID();
    const reservation = await this.ledger.reserve(callId, {
      ...reserveInput(micro(cost)),
      model,
      model_id: modelIds[model] ?? model,
      user_id: user,
      workspace: workspace ?? null,
      branch: branch ?? null,
    });
    if (!reservation.granted) throw new Error('the reservation was refused');
    return callId;
  }

  async settle(callId: string, cost: number): Promise<void> {
    await this.ledger.settle(callId, settleInput(micro(cost)));
  }

  #timeOf({ daysAgo, hour }: SpentCall): number {
    const day = shifted(dayOf(new Date(), this.#timeZone), -daysAgo);
    const offset = /([+-])(\d+)$/.exec(this.#timeZone);
    const east = offset ? (offset[1] === '-' ? 1 : -1) * Number(offset[2]) : 0;
    return Date.parse(`${day}T00:00:00Z`) + (hour - east) * 3_600_000;
  }
}

function micro(usd: number): bigint {
  return BigInt(Math.round(usd * 1e6));
}

/** Three weeks of a team's calls, and a morning: $31.40 of today. */
export function teamSpending(): SpentCall[] {
  const people = [
    {
      user: 'ada',
      model: 'claude-sonnet',
      workspace: '/home/ada/shop',
      branch: 'JIRA-123-checkout',
      cost: 9.5,
    },
    { user: 'grace', model: 'claude-haiku', workspace: '/home/grace/billing', branch: 'main', cost: 2.4 },
    {
      user: 'linus',
      model: 'nova-pro',
      workspace: '/home/linus/shop-api',
      branch: 'JIRA-140-rates',
      cost: 1.2,
    },
  ];
  const past = Array.from({ length: 20 }, (_, index) => index + 1).flatMap((daysAgo) =>
    people.flatMap((person, place) =>
      [9, 11, 15, 16].map((hour, turn) => ({
        ...person,
        daysAgo,
        hour: hour + place / 4,
        cost: person.cost * (0.6 + ((daysAgo * 7 + turn * 3 + place) % 5) / 5),
      })),
    ),
  );
  const today = [
    ...[9.1, 10.3, 11.6].map((hour, turn) => ({ ...people[0], daysAgo: 0, hour, cost: 6 + turn })),
    ...[9.5, 11.2, 12.4, 13.1].map((hour) => ({ ...people[1], daysAgo: 0, hour, cost: 2 })),
    ...[8.2, 13.3].map((hour) => ({ ...people[2], daysAgo: 0, hour, cost: 1.2 })),
  ];
  return [...past, ...today];
}
