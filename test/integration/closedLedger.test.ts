import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import { ledgerIdHex, recordHash } from '../../src/ledger/chain.ts';
import { segmentNames } from '../../src/ledger/journal.ts';
import { MerkleTree } from '../../src/ledger/merkleTree.ts';
import { keyIdOf, signCheckpoint, Signer } from '../../src/ledger/signing.ts';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn, isolatedEnvironment } from '../support/gateways.ts';
import { storedRecords } from '../support/ledgers.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { patience } from '../support/patience.ts';

// Each runs many commands, and others run beside it.
vi.setConfig({ testTimeout: 120_000 });

type Environment = Record<string, string>;

/** A home whose settings anchor every record in a file elsewhere, and that calls the stand-in. */
async function anchoredHome(): Promise<{ environment: Environment; ledger: string; anchor: string }> {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const home = temporaryFolder();
  const anchor = join(temporaryFolder(), 'anchors.txt');
  const environment = {
    ...isolatedEnvironment(home),
    AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
  };
  writeFileSync(
    join(home, 'settings.yaml'),
    `audit:\n  anchor: { file: ${anchor}, every_records: 1, every_minutes: 1 }\n`,
  );
  return { environment, ledger: join(home, 'ledger', 'live'), anchor };
}

const ask = (environment: Environment) =>
  tidyllm(['chat', '--user', 'ada', '--reason', 'JIRA-1 attack', 'hello'], { environment });

async function asked(environment: Environment, calls: number): Promise<void> {
  for (let call = 0; call < calls; call += 1) expect((await ask(environment)).code).toBe(0);
}

/** Every front door of the command refuses, and says the same. */
async function expectClosed(environment: Environment, said: string, every = false): Promise<void> {
  const doors = [
    ['chat', '--reason', 'JIRA-1 attack', 'hello'],
    ['budget'],
    ['flow', 'run', '[Cost Analysis]'],
    ['budget', 'raise', '--limit', '2000', '--reason', 'JIRA-1 attack'],
    ['audit', 'verify'],
    ['status'],
    ['health'],
    ['doctor'],
  ];
  for (const door of every ? doors : [['budget'], ['audit', 'verify']]) {
    const { code, stdout, stderr } = await tidyllm(door, { environment });
    expect.soft(code, door.join(' ')).not.toBe(0);
    expect.soft(`${stdout}${stderr}`.replaceAll(/\s+/g, ' '), door.join(' ')).toContain(said);
  }
}

describe('with an anchor', () => {
  it('a ledger that begins behind all that was anchored is no work of retention', async () => {
    const { environment, ledger } = await anchoredHome();
    await asked(environment, 1);
    const signer = new Signer(readFileSync(join(environment['TIDYLLM_HOME'] ?? '', 'signing.pem'), 'utf8'));
    const [own] = storedRecords(ledger);
    if (own?.kind !== 'header') throw new TypeError('no header');
    const id = ledgerIdHex(own.ledger_id);
    const tree = new MerkleTree();
    for (let record = 0; record < 100; record += 1) tree.add('ab'.repeat(32));
    const enrolled = [{ key_id: keyIdOf(id, signer.publicKey), public_key: signer.publicKey }];
    const carried = { days: [], enrolled, first_segment: 2, last_day: null, open: [], policy: [] };
    const header = {
      ...{
        ...own,
        seq: 101,
        segment: 2,
        prev: 'cd'.repeat(32),
        carried: { ...carried, tree: tree.subtrees },
      },
      checkpoint: signCheckpoint(id, { size: 100, root: tree.root() }, signer),
    };
    const body = canonicalize(header) ?? '';
    rmSync(join(ledger, '00000001.journal'));
    const hash = recordHash(id, header.prev, Buffer.from(body));
    writeFileSync(join(ledger, '00000002.journal'), `${hash} ${body}\n`);
    expect((await ask(environment)).stderr).toContain('its records begin at 101');
    expect((await tidyllm(['audit', 'verify'], { environment })).code).toBe(7);
    const reopen = ['audit', 'reopen', '--reason', 'JIRA-2 anchors were away'];
    expect((await tidyllm(reopen, { environment })).code).toBe(0);
    await asked(environment, 1);
  });

  it('a ledger that was removed is missed: no call is made until a person decides', async () => {
    const { environment, ledger, anchor } = await anchoredHome();
    await asked(environment, 2);
    const kept = readFileSync(anchor, 'utf8');
    rmSync(ledger, { recursive: true });
    const { code, stderr } = await ask(environment);
    expect(code).toBe(7);
    expect(stderr).toContain('another ledger,');
    await expectClosed(environment, 'was anchored at record');
    expect(readFileSync(anchor, 'utf8')).toBe(kept);
    const shrugged = await tidyllm(['audit', 'reopen'], { environment });
    expect(shrugged.code).toBe(4);
    expect((await ask(environment)).code).toBe(7);
    const reopened = await tidyllmJson(['audit', 'reopen', '--reason', 'JIRA-2 disk was replaced'], {
      environment,
    });
    expect(reopened.code).toBe(0);
    await asked(environment, 1);
    // What follows is anchored from the first record on.
    expect(readFileSync(anchor, 'utf8').length).toBeGreaterThan(kept.length);
    const { document, code: verified } = await tidyllmJson(['audit', 'verify'], { environment });
    expect([verified, document['ok']]).toEqual([0, true]);
    const { document: shown } = await tidyllmJson(['audit', 'show', String(reopened.document['sequence'])], {
      environment,
    });
    expect(JSON.stringify(shown)).toContain('JIRA-2 disk was replaced');
  });

  it('an older copy that was put back is missed what came after it', async () => {
    const { environment, ledger } = await anchoredHome();
    await asked(environment, 1);
    const copy = join(temporaryFolder(), 'copy');
    cpSync(ledger, copy, { recursive: true });
    await asked(environment, 1);
    const whole = join(temporaryFolder(), 'whole');
    cpSync(ledger, whole, { recursive: true });
    rmSync(ledger, { recursive: true });
    cpSync(copy, ledger, { recursive: true });
    expect((await ask(environment)).code).toBe(7);
    await expectClosed(environment, 'its end was cut off');
    // It can't go on as it is.
    const stubborn = await tidyllm(['audit', 'reopen', '--reason', 'JIRA-2 go on'], { environment });
    expect(stubborn.code).toBe(7);
    // The right copy can.
    rmSync(ledger, { recursive: true });
    cpSync(whole, ledger, { recursive: true });
    await asked(environment, 1);
  });

  it('another ledger in its place is found when the anchor is next written, in the same process', async () => {
    const { core, home } = await gatewayOnStandIn({});
    await core.dispose();
    const anchor = join(temporaryFolder(), 'anchors.txt');
    writeFileSync(join(home, 'settings.yaml'), `audit: { anchor: { file: ${anchor}, every_records: 1 } }\n`);
    const again = await compose({ environment: process.env, user: 'ada' });
    onTestFinished(() => again.dispose());
    const call = () => again.registry.calls().execute({ prompt: 'hello', auditReason: 'JIRA-1 attack' });
    expect((await call()).success).toBe(true);
    await again.anchoring.publish();
    // Somebody anchors more of this ledger than it has.
    const notes = readFileSync(anchor, 'utf8');
    writeFileSync(anchor, `${notes}\n${notes.replace(/^(tidyllm\/ledger\/.*\n)\d+/m, '$1999')}`);
    await expect(again.anchoring.publish()).rejects.toThrow('its end was cut off');
    expect((await call()).error?.code).toBe('ledger_damaged');
  });

  it('a ledger that was written anew up to the same length is another one', async () => {
    const { environment, ledger, anchor } = await anchoredHome();
    await asked(environment, 1);
    rmSync(ledger, { recursive: true });
    const notes = readFileSync(anchor, 'utf8');
    rmSync(anchor);
    await asked(environment, 3);
    writeFileSync(anchor, notes);
    expect((await ask(environment)).code).toBe(7);
    await expectClosed(environment, 'another ledger,');
  });
});

it('a ledger that was let go on elsewhere is not let in by its own record', async () => {
  const { environment, ledger, anchor } = await anchoredHome();
  await asked(environment, 1);
  // Another home of the same key, which nothing anchors, begins anew with a reason of its own.
  const second = temporaryFolder();
  cpSync(join(environment['TIDYLLM_HOME'] ?? '', 'signing.pem'), join(second, 'signing.pem'));
  const other = { ...environment, TIDYLLM_HOME: second };
  await asked(other, 1);
  const prepared = join(second, 'ledger', 'live');
  writeFileSync(join(prepared, 'closed.json'), 'x');
  const begun = await tidyllm(['audit', 'reopen', '--new-ledger', '--reason', 'only a test of mine'], {
    environment: other,
  });
  expect(begun.code).toBe(0);
  rmSync(ledger, { recursive: true });
  cpSync(prepared, ledger, { recursive: true });
  expect((await ask(environment)).code).toBe(7);
  await expectClosed(environment, 'another ledger,');
  expect(existsSync(anchor)).toBe(true);
});

describe('a record that was changed', () => {
  /** One byte of a reason, in a segment of two. */
  async function twoSegments(): Promise<{ environment: Environment; ledger: string }> {
    const { environment, ledger } = await anchoredHome();
    rmSync(join(environment['TIDYLLM_HOME'] ?? '', 'settings.yaml'));
    await asked(environment, 2);
    return { environment, ledger };
  }

  function change(ledger: string, segment: number): { restore: () => void } {
    const path = join(ledger, segmentNames(ledger).at(segment) ?? '');
    const before = readFileSync(path);
    const changed = Buffer.from(before);
    const at = changed.indexOf('JIRA-1 attack');
    changed[at] = 'K'.charCodeAt(0);
    writeFileSync(path, changed);
    return { restore: () => writeFileSync(path, before) };
  }

  it('closes every door of every process, until it is whole again and a person has decided', async () => {
    const { environment, ledger } = await twoSegments();
    const { restore } = change(ledger, -1);
    await expectClosed(environment, 'the hash does not fit', true);
    const size = readdirSync(ledger).filter((name) => name.endsWith('.journal')).length;
    expect((await tidyllm(['audit', 'reopen', '--reason', 'JIRA-2 so what'], { environment })).code).toBe(7);
    restore();
    // Whole again, but nobody has decided.
    expect((await ask(environment)).code).toBe(7);
    const reopened = await tidyllm(['audit', 'reopen', '--reason', 'JIRA-2 from the backup'], {
      environment,
    });
    expect(reopened.code).toBe(0);
    await asked(environment, 1);
    expect(readdirSync(ledger).filter((name) => name.endsWith('.journal'))).toHaveLength(size);
  });

  it('under a process that has read it is found by a verification elsewhere, and closes that process too', async () => {
    const { core } = await gatewayOnStandIn({});
    const call = () => core.registry.calls().execute({ prompt: 'hello', auditReason: 'JIRA-1 attack' });
    expect((await call()).success).toBe(true);
    const { restore } = change(core.journal.directory, -1);
    const environment = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => /^(AWS|TIDYLLM)_/.test(name)),
    ) as Environment;
    expect((await tidyllm(['audit', 'verify'], { environment })).code).toBe(7);
    const path = join(core.journal.directory, segmentNames(core.journal.directory).at(-1) ?? '');
    const before = readFileSync(path);
    const refused = await call();
    expect(refused.error).toMatchObject({ code: 'ledger_damaged' });
    expect(readFileSync(path)).toEqual(before);
    const {
      corporate_llm: { state },
    } = await core.registry.healthCheck(AbortSignal.timeout(patience));
    expect(state).toBe('failed');
    restore();
    expect((await call()).error?.code).toBe('ledger_damaged');
    await core.reopenLedger('JIRA-2 from the backup', { newLedger: false });
    expect((await call()).success).toBe(true);
  });

  it('is set aside for a new ledger, which says so, when a person decides that', async () => {
    const { environment, ledger } = await twoSegments();
    change(ledger, -1);
    await tidyllm(['audit', 'verify'], { environment });
    const { document, code } = await tidyllmJson(
      ['audit', 'reopen', '--new-ledger', '--reason', 'JIRA-2 no backup'],
      { environment },
    );
    expect(code).toBe(0);
    expect(existsSync(String(document['set_aside']))).toBe(true);
    await asked(environment, 1);
    expect((await tidyllm(['audit', 'verify'], { environment })).code).toBe(0);
    const { stdout } = await tidyllm(['audit', 'show', String(document['sequence'])], { environment });
    expect(stdout).toContain('JIRA-2 no backup');
    expect(stdout).toContain(String(document['set_aside']));
  });

  it('is a finding of the security test, which runs although nothing can be recorded', async () => {
    const { environment, ledger } = await twoSegments();
    change(ledger, -1);
    const before = readFileSync(join(ledger, segmentNames(ledger).at(-1) ?? ''));
    const cwd = temporaryFolder();
    for (const run of ['not seen before', 'seen before']) {
      const { document } = await tidyllmJson(['flow', 'run', '[Security Test]'], { environment, cwd });
      const result = document['result'] as { findings: { id: string }[] };
      expect(
        result.findings.map(({ id }) => id),
        run,
      ).toContain('chain_broken');
      expect(document, run).toMatchObject({ execution_mode: 'real', audit_trail: null, error: null });
    }
    expect(readFileSync(join(ledger, segmentNames(ledger).at(-1) ?? ''))).toEqual(before);
  });
});

it('half a write that a reader took for damage closes nothing', async () => {
  const { core } = await gatewayOnStandIn({});
  const call = () => core.registry.calls().execute({ prompt: 'hello', auditReason: 'JIRA-1 attack' });
  expect((await call()).success).toBe(true);
  const { directory } = core.journal;
  const fault = {
    segment: '00000001.journal',
    line: 3,
    sequence: 3,
    kind: 'hash_mismatch',
    detail: 'half a write',
  };
  writeFileSync(join(directory, 'closed.json'), JSON.stringify({ found: '', fault, certain: false }));
  expect((await call()).success).toBe(true);
  expect(existsSync(join(directory, 'closed.json'))).toBe(false);
});

it('what says why it is closed and can’t be read closes it', async () => {
  const { core } = await gatewayOnStandIn({});
  mkdirSync(core.journal.directory, { recursive: true });
  writeFileSync(join(core.journal.directory, 'closed.json'), 'not JSON');
  const refused = await core.registry.calls().execute({ prompt: 'hello', auditReason: 'JIRA-1 attack' });
  expect(refused.error?.message).toContain('closed.json');
});

it.skipIf(process.platform === 'win32')('this home under another name is no second one', async () => {
  const { environment } = await anchoredHome();
  await asked(environment, 1);
  const link = join(temporaryFolder(), 'home');
  symlinkSync(environment['TIDYLLM_HOME'] ?? '', link);
  const registry = join(environment['XDG_STATE_HOME'] ?? '', 'tidyllm', 'homes');
  execFileSync('mkfifo', [join(registry, 'pipe')]);
  for (const name of [link, `${link}/`]) {
    const { code, stderr } = await ask({ ...environment, TIDYLLM_HOME: name });
    expect(code).toBe(0);
    expect(stderr).not.toContain('also recorded in');
  }
});

it('a second home of the same account is told in both, while calls are recorded in the other', async () => {
  const { environment } = await anchoredHome();
  await asked(environment, 1);
  const second = temporaryFolder();
  const other = { ...environment, TIDYLLM_HOME: second };
  expect((await ask(other)).code).toBe(0);
  for (const [one, told] of [
    [environment, second],
    [other, environment['TIDYLLM_HOME'] ?? ''],
  ] as const) {
    const { stdout } = await tidyllm(['doctor'], { environment: one });
    expect(stdout).toContain(`also recorded in ${told}`);
  }
});
