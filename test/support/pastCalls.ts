import { randomUUID } from 'node:crypto';
import { Ledger } from '../../src/ledger/ledger.ts';
import { noTokens } from './syntheticLedger.ts';
import { capsOf, installedKeys, ledgerDefaults, reserveInput, settleInput } from './ledgers.ts';
import type { LedgerMode, TokenCounts } from '../../src/ledger/records.ts';

export const models = {
  haiku: 'us.anthropic.claude-haiku-4-5-20251001-v1:0',
  sonnet: 'us.anthropic.claude-sonnet-4-6',
  nova: 'us.amazon.nova-pro-v1:0',
};

export interface PastCall {
  /** Days before today, and the time of day in UTC: `10:05`. */
  daysAgo: number;
  at?: string;
  model?: keyof typeof models;
  user?: string;
  workspace?: string;
  /** Micro-USD. */
  cost?: number;
  input?: number;
  output?: number;
  cacheRead?: number;
  estimated?: boolean;
  /** How long it took. */
  ms?: number;
  /** Null settles it; an error code releases it as failed, `died` leaves it to whoever comes next. */
  error?: string | null;
}

/** The policy day so many days ago, in UTC. */
export function dayAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
}

/** Writes calls of earlier days with the real ledger, in the order in which they are told. */
export class PastCalls {
  readonly ledger: Ledger;
  #now = 0;

  constructor(directory: string, mode: LedgerMode = 'live') {
    const of = { directory, mode, signingKeys: installedKeys(directory), capOf: capsOf(1_000_000_000_000n) };
    this.ledger = new Ledger({ ...ledgerDefaults, ...of, now: () => this.#now });
  }

  /** Sets its clock. */
  at(daysAgo: number, time: string): void {
    this.#now = Date.parse(`${dayAgo(daysAgo)}T${time}:00.000Z`);
  }

  /** Makes a call and gives its id. */
  async make(call: PastCall): Promise<string> {
    const { daysAgo, at = '10:00', model = 'haiku', user = 'ada', workspace = null } = call;
    const { cost = 0, estimated = false, ms = 100, error = null } = call;
    const callId = randomUUID();
    this.at(daysAgo, at);
    const { granted } = await this.ledger.reserve(callId, {
      ...reserveInput(BigInt(Math.max(cost, 1_000_000))),
      ...{ model: `claude-${model}`, model_id: models[model], user_id: user, workspace },
    });
    if (!granted) throw new Error('The call was refused.');
    this.#now += ms;
    if (error === 'died') return callId;
    if (error !== null) {
      const ended = { outcome: 'failed', processing_time_ms: ms, error_code: error } as const;
      await this.ledger.void(callId, ended);
      return callId;
    }
    const tokens: TokenCounts = {
      ...noTokens,
      ...{ input_tokens: call.input ?? 100, output_tokens: call.output ?? 10 },
      cache_read_input_tokens: call.cacheRead ?? 0,
    };
    const settled = { ...settleInput(BigInt(cost)), estimated, tokens, processing_time_ms: ms };
    await this.ledger.settle(callId, settled);
    return callId;
  }

  async makeAll(calls: readonly PastCall[]): Promise<void> {
    for (const call of calls) await this.make(call);
  }

  /** Lets go of the ledger, as a process does that ends. */
  end(): Promise<void> {
    return this.ledger.dispose();
  }
}
