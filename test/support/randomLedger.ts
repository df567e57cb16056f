import { GatewayError } from '../../src/errors.ts';
import type { CapOf } from '../../src/ledger/capSettings.ts';
import type { AdjustInput } from '../../src/ledger/contract.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { SigningKeyStore } from '../../src/ledger/signingKey.ts';
import { Signer } from '../../src/ledger/signing.ts';
import type { Caller, Note } from '../../src/ledger/records.ts';
import { capsOf, endRunInput, reserveInput, settleInput, startRunInput } from './inputs.ts';
import { keysInMemory, ledgerDefaults } from './ledgers.ts';

const hourMs = 3_600_000;
const zones = ['UTC', 'America/New_York', 'Asia/Kathmandu'];
const users = ['ada', 'grace', 'zoë "q" \\ 😀'];
const folders = [null, '/work/a', 'C:\\work'];
const callers = [
  {},
  { account: 'ada' },
  { account: 'root', caller_arn: 'arn:aws:iam::123456789012:user/ada' },
  { account: 'root', caller_arn: 'arn:aws:sts::123456789012:assumed-role/Developer/ada' },
];
const raisable = [
  { scope: 'ledger', key: '' },
  { scope: 'user', key: 'ada' },
  { scope: 'user', key: 'account:root' },
] as const;
const models = [
  { model: 'claude-sonnet', model_id: 'us.anthropic.claude-sonnet-4-6', model_key: 'claude-sonnet-4-6' },
  { model: 'sonnet', model_id: 'us.anthropic.claude-sonnet-4-6', model_key: 'claude-sonnet-4-6' },
  { model: 'nova-pro', model_id: 'amazon.nova-pro-v1:0' },
];
const adjustment: Omit<AdjustInput, 'day'> = {
  ...{ model_id: 'amazon.nova-pro-v1:0', token_class: 'input', recorded_micro_usd: '10' },
  ...{ billed_micro_usd: '7', difference_micro_usd: '-3', source: 'bill.csv', source_sha256: '0'.repeat(64) },
  ...{ user_id: 'ada', reason: 'JIRA-2 bill' },
};

const notes: readonly Note[] = [
  { topic: 'request.content', data: { images: 2, tools: ['search'] } },
  {
    topic: 'later',
    data: { kind: 'SETTLE', cost_micro_usd: '900', day: '2026-03-27', call_id: null, deep: [[{}]] },
  },
  { topic: 'a.b_c.9', data: { text: 'zoë "q" \\ 😀 \u2028', yes: true, no: null, most: -(2 ** 53 - 1) } },
];

const plain = capsOf(1_000n);
const capped = capsOf(1_000n, ...users.map((key) => ({ scope: 'user', key, limit: 700n }) as const), {
  scope: 'user',
  key: 'account:root',
  limit: 600n,
});

interface World {
  readonly ledger: Ledger;
  readonly random: () => number;
  readonly clock: { now: number };
  /** Of the settings, which change. */
  readonly caps: { of: CapOf };
  /** Calls that may be ended, with the run that they are of. */
  readonly open: Map<string, string | null>;
  readonly runs: Map<string, Caller & { user_id: string; workspace: string | null }>;
}

const pick = <T>(random: () => number, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)] as T;

function someNotes(random: () => number): Note[] {
  return notes.filter(() => random() < 0.2);
}

function idFrom(random: () => number): string {
  const digits = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** What is done in a ledger, each as often as it stands here. */
const acts: ((world: World) => Promise<unknown>)[] = [
  ...[reserve, reserve, reserve, reserve, settle, settle, settle, release],
  ...[startRun, startRun, endRun, endRun, goOn, goOn, tomorrow],
  ({ ledger, random }) =>
    ledger.raiseCap(
      {
        ...pick(random, raisable),
        limit: 1_500n,
      },
      { userId: 'ada', reason: 'JIRA-3 more' },
    ),
  ({ ledger }) => ledger.acknowledgeOverruns({ userId: 'ada', reason: 'JIRA-4 seen' }),
  async ({ ledger }) => ledger.adjust([{ ...adjustment, day: (await ledger.budget()).day }], Infinity),
  ({ ledger }) =>
    ledger.tombstone({ subject_sha256: '1'.repeat(64), items: 2, user_id: 'ada', reason: 'JIRA-5 erased' }),
  ({ ledger }) => ledger.rotateKey(),
];

async function reserve({ ledger, random, caps, open, runs }: World): Promise<void> {
  const id = idFrom(random);
  const [run = null, of] = random() < 0.5 ? pick(random, [...runs, []]) : [];
  const asked = of ?? {
    user_id: pick(random, users),
    workspace: pick(random, folders),
    ...pick(random, callers),
  };
  const flow = { run_id: run ?? '', agreement: 'cost_check', cost_limit_micro_usd: '500' };
  caps.of = random() < 0.7 ? capped : plain;
  const { granted } = await ledger.reserve(
    id,
    {
      ...reserveInput(BigInt(1 + Math.floor(random() * 300))),
      ...{ ...asked, ...pick(random, models), ...(run !== null && { flow }) },
      ...(random() < 0.3 && { file: pick(random, ['src/main.ts', 'zoë "q".md']) }),
    },
    someNotes(random),
  );
  if (granted) open.set(id, run);
}

async function settle({ ledger, random, open }: World): Promise<void> {
  const [id] = pick(random, [...open, []]);
  if (id === undefined) return;
  open.delete(id);
  const because = random() < 0.3 ? { estimated: true, estimated_because: 'it was stopped' } : {};
  const input = { ...settleInput(BigInt(Math.floor(random() * 310))), ...because };
  await ledger.settle(id, input, someNotes(random));
}

async function release({ ledger, random, open }: World): Promise<void> {
  const [id] = pick(random, [...open, []]);
  if (id === undefined) return;
  open.delete(id);
  await ledger.void(id, { outcome: 'failed', processing_time_ms: 3, error_code: 'throttled' });
}

async function startRun({ ledger, random, caps, runs }: World): Promise<void> {
  caps.of = plain;
  const id = idFrom(random);
  const of = { user_id: pick(random, users), workspace: pick(random, folders), ...pick(random, callers) };
  const amount = BigInt(Math.floor(random() * 500));
  const { refusal } = await ledger.startRun(id, {
    ...startRunInput(amount),
    ...of,
    concurrent: true,
  });
  if (refusal) await ledger.endRun(id, { ...endRunInput(), execution_mode: 'failed', outcome: 'refused' });
  else runs.set(id, of);
}

async function endRun({ ledger, runs, open }: World): Promise<void> {
  const id = [...runs.keys()].find((run) => ![...open.values()].includes(run));
  if (id === undefined) return;
  runs.delete(id);
  await ledger.endRun(id, endRunInput());
}

function goOn({ clock, random }: World): Promise<void> {
  clock.now += Math.floor(random() * hourMs);
  // Now and then the clock is set back.
  if (random() < 0.1) clock.now -= 2 * hourMs;
  return Promise.resolve();
}

function tomorrow({ clock }: World): Promise<void> {
  clock.now += 24 * hourMs;
  return Promise.resolve();
}

/** Writes a valid ledger as chance has it, in two processes, and gives every key that signed for it. */
export async function randomLedger(directory: string, random: () => number): Promise<Signer[]> {
  const signers = [Signer.generate()];
  const kept = keysInMemory(signers[0]);
  const signingKeys: SigningKeyStore = {
    ...kept,
    replace: (next: Signer) => {
      signers.push(next);
      return kept.replace(next);
    },
  };
  const clock = { now: Date.parse('2026-03-27T20:00:00Z') };
  const caps = { of: plain };
  for (let process = 0; process < 2; process += 1) {
    const of = { directory, signingKeys, now: () => clock.now, timeZone: pick(random, zones) };
    const retentionDays = random() < 0.3 ? 1 : 400;
    const ledger = new Ledger({ ...ledgerDefaults, ...of, retentionDays, capOf: (scope) => caps.of(scope) });
    const world = { ledger, random, clock, caps, open: new Map(), runs: new Map() };
    for (let step = 15 + Math.floor(random() * 15); step > 0; step -= 1)
      await pick(
        random,
        acts,
      )(world).catch((error: unknown) => {
        if (!GatewayError.is(error, 'invalid_request')) throw error;
      });
    await ledger.dispose();
  }
  return signers;
}
