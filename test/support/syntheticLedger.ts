import { mkdirSync } from 'node:fs';
import { dayOf } from '../../src/ledger/day.ts';
import { Journal, segmentNames } from '../../src/ledger/journal.ts';
import type { LedgerState } from '../../src/ledger/ledgerState.ts';
import type {
  CallDescription,
  LedgerMode,
  RecordDraft,
  SettledOutcome,
  TokenCounts,
} from '../../src/ledger/records.ts';
import { enrolmentText, keyIdOf, policyText, type Signer } from '../../src/ledger/signing.ts';
import { testSigner } from './ledgers.ts';

const dailyLimit = 10n ** 15n;
const instance = '00000000-0000-4000-8000-000000000000';
const flushEvery = 2_000;

export const noTokens: TokenCounts = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_write_5m_input_tokens: 0,
  cache_write_1h_input_tokens: 0,
};

export interface JournalWriterOptions {
  directory: string;
  mode?: LedgerMode;
  timeZone?: string;
  signer?: Signer;
}

/** Writes a ledger that verifies, at times and with calls of one's own choice, without its lock and its clock. */
export class JournalWriter {
  readonly #journal: Journal;
  readonly #timeZone: string;
  readonly #signer: Signer;
  #staged = 0;

  constructor({ directory, mode = 'live', timeZone = 'UTC', signer = testSigner }: JournalWriterOptions) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#journal = new Journal({ directory, mode }, true);
    this.#timeZone = timeZone;
    this.#signer = signer;
  }

  get state(): LedgerState {
    return this.#journal.state;
  }

  /** The first records of a ledger: its header, its key and its cap. */
  async begin(time: string): Promise<void> {
    await this.#journal.repairTail(time, this.#signer);
    const { ledgerId } = this.state;
    const { publicKey } = this.#signer;
    const key_id = keyIdOf(ledgerId, publicKey);
    const change = {
      scope: 'ledger',
      key: '',
      day: null,
      from_micro_usd: null,
      to_micro_usd: dailyLimit.toString(),
      user_id: 'ada',
      reason: 'set by settings.yaml',
      key_id,
    } as const;
    this.add(time, {
      kind: 'key',
      call_id: null,
      key_id,
      public_key: publicKey,
      user_id: 'ada',
      proof: this.#signer.sign(enrolmentText(ledgerId, key_id)),
      replaces: null,
      endorsement: null,
    });
    const signature = this.#signer.sign(policyText(ledgerId, change));
    this.add(time, { ...change, kind: 'policy_change', call_id: null, signature });
  }

  add(time: string, ...drafts: RecordDraft[]): void {
    this.#journal.stage(drafts, time);
    this.#staged += drafts.length;
  }

  /** RESERVE and, unless `dispatch` says otherwise, DISPATCH. */
  reserve(time: string, callId: string, call: CallDescription, amount: bigint, dispatch = true): void {
    this.add(time, {
      ...call,
      kind: 'RESERVE',
      call_id: callId,
      instance,
      ...this.#day(time),
      reserved_micro_usd: amount.toString(),
      region: 'us-east-1',
      price_key: call.model_id ?? call.model,
      input_tokens_bound: 4096,
      max_tokens: 4096,
      temperature: 0.7,
      request_hmac: null,
    });
    if (dispatch) this.add(time, { kind: 'DISPATCH', call_id: callId });
  }

  settle(
    time: string,
    callId: string,
    settled: { outcome: SettledOutcome; cost: bigint; estimated: boolean; tokens: TokenCounts; ms: number },
  ): void {
    const { outcome, cost, estimated, tokens, ms } = settled;
    const ending = this.#endingOf(callId);
    const { reserved } = this.#open(callId);
    this.add(time, {
      ...ending,
      kind: 'SETTLE',
      outcome,
      cost_micro_usd: cost.toString(),
      estimated,
      tokens,
      unit_prices: estimated
        ? null
        : {
            above_input_tokens: 0,
            input: '3',
            output: '15',
            cache_read: '0.3',
            cache_write_5m: '3.75',
            cache_write_1h: '6',
          },
      processing_time_ms: ms,
      time_to_first_token_ms: Math.floor(ms / 4),
      stop_reason: outcome === 'success' ? 'end_turn' : null,
      error_code: outcome === 'success' ? null : outcome === 'cancelled' ? 'cancelled' : 'stream_incomplete',
      response_hmac: null,
    });
    if (cost <= reserved) return;
    const amounts = { reserved_micro_usd: reserved.toString(), cost_micro_usd: cost.toString() };
    this.add(time, { ...amounts, kind: 'OVERRUN', call_id: callId, day: ending.day });
    const seen = { user_id: 'ada', reason: 'JIRA-7 seen' };
    this.add(time, { ...seen, kind: 'acknowledgement', call_id: null, day: ending.day });
  }

  void(time: string, callId: string, outcome: 'failed' | 'cancelled' | 'orphaned', ms: number): void {
    const error_code = outcome === 'failed' ? 'access_denied' : null;
    const ended = { outcome, processing_time_ms: ms, error_code };
    this.add(time, { ...this.#endingOf(callId), ...ended, kind: 'VOID' });
  }

  expire(time: string, callId: string): void {
    const cost_micro_usd = this.#open(callId).reserved.toString();
    const charged = { outcome: 'orphaned', cost_micro_usd, estimated: true } as const;
    this.add(time, { ...this.#endingOf(callId), ...charged, kind: 'EXPIRED_CHARGED' });
  }

  refuse(time: string, callId: string, call: CallDescription, errorCode: string): void {
    const refused = { ...this.#day(time), outcome: 'refused', error_code: errorCode, cap: null } as const;
    this.add(time, { ...call, ...refused, kind: 'REFUSE', call_id: callId });
  }

  adjust(time: string, day: string, modelId: string, difference: bigint): void {
    this.add(time, {
      kind: 'ADJUST',
      call_id: null,
      day,
      model_id: modelId,
      token_class: 'input',
      recorded_micro_usd: '1000000',
      billed_micro_usd: (1_000_000n + difference).toString(),
      difference_micro_usd: difference.toString(),
      source: 'bill.csv',
      source_sha256: '0'.repeat(64),
      user_id: 'ada',
      reason: 'JIRA-8 bill of the month',
    });
  }

  /** Writes what was added. */
  async flush(): Promise<void> {
    this.#staged = 0;
    await this.#journal.flush();
  }

  /** Begins the next segment when the policy day of `time` is another or the segment is full. */
  async rotate(time: string): Promise<void> {
    await this.flush();
    await this.#journal.rotate(time, this.#timeZone, this.#signer);
  }

  /** Keeps what waits to be written small. */
  async flushNowAndThen(time: string): Promise<void> {
    if (this.#staged >= flushEvery) await this.rotate(time);
  }

  async close(): Promise<void> {
    await this.flush();
    this.#journal.close();
  }

  #day(time: string): { day: string; timezone: string } {
    return { day: dayOf(new Date(time), this.#timeZone), timezone: this.#timeZone };
  }

  #open(callId: string) {
    const call = this.state.fold.open.get(callId);
    if (!call) throw new Error(`call ${callId} is not open`);
    return call;
  }

  #endingOf(callId: string): { call_id: string; day: string; opening_hash: string } {
    const { day, hash } = this.#open(callId);
    return { call_id: callId, day, opening_hash: hash };
  }
}

export interface SyntheticLedgerOptions extends JournalWriterOptions {
  /** At least as many records as this. */
  records: number;
  /** Over how many days before `end` the calls are spread. */
  days?: number;
  end?: Date;
  /** Reasons to choose from; 20,000 when left out. */
  reasons?: number;
  seed?: number;
  /** Gets the records written so far, now and then. */
  onProgress?: (records: number) => void;
}

const models = [
  ['claude-sonnet', 'us.anthropic.claude-sonnet-4-6'],
  ['claude-haiku', 'us.anthropic.claude-haiku-4-5-20251001-v1:0'],
  ['claude-opus', 'us.anthropic.claude-opus-4-6-v1'],
  ['nova-pro', 'us.amazon.nova-pro-v1:0'],
] as const;
const users = ['ada', 'grace', 'linus', 'margaret', 'edsger', 'barbara', 'ken', 'radia'];
const verbs = ['fix', 'explain', 'review', 'draft', 'test', 'rename', 'measure', 'document'];
const things = [
  'the flaky log-in test',
  'a retry helper',
  'the release notes',
  'the price table',
  'Größenänderung im Bericht',
  'a slow query',
  'the parser of settings',
  'the tooltip',
];

/** Writes a ledger of many calls as a busy team makes them; the same options give the same calls. */
export async function writeSyntheticLedger(
  options: SyntheticLedgerOptions,
): Promise<{ records: number; calls: number; segments: number }> {
  const { records, days = 120, end = new Date(), reasons = 20_000, seed = 1, onProgress } = options;
  const random = randomFrom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const writer = new JournalWriter(options);
  let clock = end.getTime() - days * 86_400_000;
  const now = (): string => new Date(Math.min(clock, end.getTime())).toISOString();
  await writer.begin(now());
  const open: string[] = [];
  let calls = 0;
  const endOne = (): void => {
    const callId = open.splice(below(open.length), 1)[0] ?? '';
    const kind = random();
    const input = 200 + below(6000);
    const output = 50 + below(1500);
    const tokens: TokenCounts = {
      input_tokens: input,
      output_tokens: output,
      cache_read_input_tokens: random() < 0.3 ? below(20_000) : 0,
      cache_write_5m_input_tokens: random() < 0.1 ? below(4000) : 0,
      cache_write_1h_input_tokens: 0,
    };
    const settled = { cost: BigInt(3 * input + 15 * output), tokens, ms: 300 + below(20_000) };
    if (kind < 0.93) writer.settle(now(), callId, { ...settled, outcome: 'success', estimated: false });
    else if (kind < 0.96) writer.settle(now(), callId, { ...settled, outcome: 'cancelled', estimated: true });
    else if (kind < 0.97)
      writer.settle(now(), callId, { ...settled, outcome: 'incomplete', estimated: true });
    else if (kind < 0.99) writer.void(now(), callId, 'failed', settled.ms);
    else writer.expire(now(), callId);
  };
  while (writer.state.head.sequence < records) {
    // Nights and week-ends are quiet.
    const at = new Date(clock);
    const busy = at.getUTCHours() >= 7 && at.getUTCHours() < 18 && at.getUTCDay() % 6 !== 0;
    // A call makes about 2.9 records.
    const left = Math.max((records - writer.state.head.sequence) / 2.9, 1);
    const gap = Math.max(end.getTime() - clock, 0) / (left + 1);
    clock += -Math.log(1 - random()) * gap * (busy ? 0.4 : 4);
    const [model, model_id] = models[Math.floor(random() ** 2 * models.length)] ?? models[0];
    const reason = below(reasons);
    const project = below(6);
    const call: CallDescription = {
      user_id: users[Math.floor(random() ** 2 * users.length)] ?? 'ada',
      reason: `JIRA-${reason} ${verbs[reason % verbs.length] ?? ''} ${things[reason % 7 === 0 ? 4 : below(things.length)] ?? ''}`,
      model,
      model_id,
      backend: 'bedrock',
      priority: 'normal',
      workspace: `/home/team/project-${project}`,
      branch: `JIRA-${Math.floor(reason / 100)}-work`,
      command: random() < 0.7 ? 'chat' : 'cli',
    };
    const callId = `${below(2 ** 32)
      .toString(16)
      .padStart(8, '0')}-0000-4000-8000-${calls.toString(16).padStart(12, '0')}`;
    calls += 1;
    if (random() < 0.03) writer.refuse(now(), callId, call, 'budget_exceeded');
    else {
      writer.reserve(now(), callId, call, 500_000n);
      open.push(callId);
    }
    // Some calls run side by side.
    while (open.length > 0 && random() < 0.9) endOne();
    await writer.flushNowAndThen(now());
    if (calls % 10_000 === 0) onProgress?.(writer.state.head.sequence);
  }
  while (open.length > 0) endOne();
  const total = writer.state.head.sequence;
  await writer.close();
  return { records: total, calls, segments: segmentNames(options.directory).length };
}

/** Numbers in [0, 1) from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
