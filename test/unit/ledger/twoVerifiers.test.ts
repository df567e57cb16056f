import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { ForgedLedger, type AnyRecord } from '../../support/forgedLedger.ts';
import {
  keysInMemory,
  ledgerDefaults,
  openLedger,
  reserveInput,
  settleInput,
  testSigner,
} from '../../support/ledgers.ts';
import { independently } from '../../support/independentVerifier.ts';
import { endRunInput, startRunInput } from '../../support/inputs.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const dayMs = 86_400_000;
const runId = '00000000-0000-4000-8000-000000000001';

/** Two days: a call of each, a run with one, and one that cost too much and was acknowledged. */
async function ledger(): Promise<string> {
  const folder = temporaryFolder();
  const start = Date.parse('2026-01-01T10:00:00Z');
  const clock = { now: start };
  const written = openLedger(folder, {
    now: () => clock.now,
    running: () => ({ boot: runId, running_ms: clock.now - start }),
    signingKeys: keysInMemory(testSigner),
    overrides: ['TIDYLLM_BUDGET_DAILY_LIMIT_USD=900'],
  });
  await written.reserve('first', reserveInput(600n));
  await written.settle('first', settleInput(250n));
  clock.now += dayMs;
  await written.startRun(runId, startRunInput(500n));
  const flow = { run_id: runId, agreement: 'cost_check', cost_limit_micro_usd: '500' };
  await written.reserve('of the run', { ...reserveInput(100n), flow });
  await written.settle('of the run', settleInput(90n));
  await written.endRun(runId, endRunInput());
  await written.reserve('dear', reserveInput(100n));
  await written.settle('dear', settleInput(170n));
  await written.acknowledgeOverruns({ userId: 'ada', reason: 'JIRA-1 seen' });
  await written.reserve('last', reserveInput(600n));
  await written.settle('last', settleInput(250n));
  await written.raiseCap(
    { scope: 'ledger', key: '', limit: 2_000_000n },
    { userId: 'ada', reason: 'JIRA-2 more' },
  );
  const found = { kind: 'clock_ahead', detail: 'the clock is 900 minutes ahead' } as const;
  await written.reopen(found, { userId: 'ada', reason: 'JIRA-3 it slept' }, { setAside: false });
  await written.dispose();
  return folder;
}

const last = (found: ForgedLedger, kind: string): AnyRecord => found.ofKind(kind).at(-1) ?? {};

function remove(found: ForgedLedger, kind: string): void {
  for (const segment of found.segments)
    segment.lines = segment.lines.filter(({ record }) => record['kind'] !== kind);
}

/** What somebody may change who has the keys, and what is said of it. */
const forgeries: Record<string, [change: (found: ForgedLedger) => void, said: RegExp]> = {
  'a key that takes the place of another unasked': [
    (found) => {
      const { forger } = found;
      const key = { key_id: found.keyId(forger), public_key: forger.publicKey };
      const replaces = last(found, 'key')['key_id'];
      found.add({ ...last(found, 'key'), ...key, replaces, endorsement: 'AAAA' }, ['endorsement']);
    },
    /did not sign/,
  ],
  'a key that is enrolled again': [(found) => found.add({ ...last(found, 'key') }), /enrol/],
  'a reservation on another day': [(found) => (last(found, 'RESERVE')['day'] = '2026-01-03'), /another day/],
  'a reservation on a day that is over': [(found) => (last(found, 'RESERVE')['day'] = '2026-01-01'), /day/],
  'an overrun of another cost': [(found) => (last(found, 'OVERRUN')['cost_micro_usd'] = '101'), /OVERRUN/],
  'an overrun that nobody had': [
    (found) => found.add({ ...last(found, 'OVERRUN'), call_id: 'last' }),
    /OVERRUN/,
  ],
  'a reservation on a day that is blocked': [(found) => remove(found, 'acknowledgement'), /overrun/],
  'an acknowledgement of nothing': [
    (found) => found.add({ ...last(found, 'acknowledgement') }),
    /acknowledge/,
  ],
  'a call in a run of somebody else': [
    (found) => (found.ofKind('RESERVE')[1]!['user_id'] = 'grace'),
    /no such run/,
  ],
  'a call in a run of another agreement': [
    (found) =>
      (found.ofKind('RESERVE')[1]!['flow'] = {
        run_id: runId,
        agreement: 'other',
        cost_limit_micro_usd: '500',
      }),
    /no such run/,
  ],
  'a reservation above the cap': [
    (found) => (last(found, 'RESERVE')['reserved_micro_usd'] = '1000000'),
    /cap/,
  ],
  'a cap that was another before': [
    (found) => (last(found, 'policy_change')['from_micro_usd'] = '5'),
    /before/,
  ],
  'a cost that is none': [
    (found) => (last(found, 'SETTLE')['cost_micro_usd'] = '007'),
    /cost_micro_usd|fields/,
  ],
  'a field that nobody knows': [(found) => (last(found, 'SETTLE')['more'] = 1), /fields/],
  'a field that is missing': [(found) => delete last(found, 'RESERVE')['reason'], /reason|fields/],
  'retention of what is not there': [
    (found) => found.add({ ...last(found, 'acknowledgement'), kind: 'retention' }),
    /fields|first_segment/,
  ],
};

async function bothSay(folder: string): Promise<{ built: string; alone: string }> {
  const { firstFault } = await verifyLedger({ directory: folder, mode: 'live' });
  const { segment, line, detail } = firstFault ?? { segment: 'intact', line: 0, detail: '' };
  return { built: `DAMAGED ${segment}:${line}: ${detail}\n`, alone: independently(folder) };
}

describe('both verifiers', () => {
  it('take the ledger as it was written', async () => {
    const folder = await ledger();
    expect((await bothSay(folder)).built).toContain('intact');
    expect(independently(folder)).toMatch(/records intact, head #\d+ [\da-f]{64}/);
  });

  it.each(Object.entries(forgeries))('refuse %s at the same place', async (_what, [change, said]) => {
    const folder = await ledger();
    const forged = new ForgedLedger(folder, [testSigner]);
    change(forged);
    forged.write(folder);
    const { built, alone } = await bothSay(folder);
    expect(alone).toMatch(/^DAMAGED 0000000[12]\.journal:\d+: /);
    expect(alone.split(': ')[0]).toBe(built.split(': ')[0]);
    expect(alone).toMatch(said);
    expect(built).toMatch(said);
  });

  it.each<[what: string, of: string, becomes: string]>([
    ['spends less', '"spent_micro_usd":"250"', '"spent_micro_usd":"150"'],
    ['counts other calls', '"calls":1', '"calls":2'],
    ['raises a cap', '"limit_micro_usd":"1000000"', '"limit_micro_usd":"9000000"'],
    ['forgets a key', '"enrolled":[{', '"enrolled":[],"enrolled":[{'],
  ])('refuse a header that %s', async (_what, of, becomes) => {
    const folder = await ledger();
    const forged = new ForgedLedger(folder, [testSigner]);
    const header = forged.segments[1]!.lines[0]!;
    header.spelled = (body) => body.replace(of, becomes);
    forged.write(folder);
    const { built, alone } = await bothSay(folder);
    expect(alone).toMatch(/^DAMAGED 00000002\.journal:1: /);
    expect(built).toMatch(/^DAMAGED 00000002\.journal:1: /);
  });

  it('refuse segments under other names', async () => {
    const folder = await ledger();
    const [first, second, third] = [1, 2, 3].map((n) => join(folder, `0000000${n}.journal`));
    renameSync(second!, third!);
    expect(await bothSay(folder)).toMatchObject({
      built: expect.stringMatching(/^DAMAGED 00000002\.journal:1: /) as string,
      alone: expect.stringMatching(/^DAMAGED 00000002\.journal:1: /) as string,
    });
    renameSync(third!, second!);
    renameSync(first!, join(folder, '00000000.journal'));
    renameSync(second!, first!);
    expect(await bothSay(folder)).toMatchObject({
      built: expect.stringMatching(/^DAMAGED 00000000\.journal:1: /) as string,
      alone: expect.stringMatching(/^DAMAGED 00000000\.journal:1: /) as string,
    });
  });

  it.each<[what: string, line: string]>([
    ['no JSON', `${'0'.repeat(64)} {"kind`],
    ['nothing', ''],
    ['no hash', '{"kind":"DISPATCH"}'],
    ['another value', `${'0'.repeat(64)} []`],
  ])('name segment and line of a record that is %s', async (_what, line) => {
    const folder = await ledger();
    const path = join(folder, '00000002.journal');
    const lines = readFileSync(path, 'utf8').split('\n');
    lines[3] = line;
    writeFileSync(path, lines.join('\n'));
    const { built, alone } = await bothSay(folder);
    expect(alone).toMatch(/^DAMAGED 00000002\.journal:4: /);
    expect(built).toMatch(/^DAMAGED 00000002\.journal:4: /);
  });
});

describe('a model that was asked for by two names', () => {
  it('is taken up where a segment begins while a call of the first name is open', async () => {
    const folder = temporaryFolder();
    const clock = { now: Date.parse('2026-01-01T10:00:00Z') };
    const options = { now: () => clock.now };
    const ledger = openLedger(folder, options);
    await ledger.reserve('open', { ...reserveInput(10n), model: 'claude-sonnet' });
    await ledger.reserve('other', { ...reserveInput(10n), model: 'sonnet' });
    await ledger.settle('other', settleInput(5n));
    clock.now += dayMs;
    await ledger.reserve('next', reserveInput(10n));
    const opened = openLedger(folder, options);
    expect(await opened.budget()).toEqual(await ledger.budget());
    const location = { directory: folder, mode: ledgerDefaults.mode };
    expect(await verifyLedger(location, { from: '2026-01-02' })).toMatchObject({ ok: true });
  });
});
