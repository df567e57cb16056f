import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ledgerIdIn } from '../../src/ledger/readJournal.ts';
import { segmentNames } from '../../src/ledger/journal.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** A home whose mock back-end has made `calls` calls. */
async function home(
  calls: number,
): Promise<{ folder: string; environment: Record<string, string>; ledger: string }> {
  const folder = temporaryFolder();
  const environment = isolatedEnvironment(folder);
  for (let call = 0; call < calls; call += 1) await ask(environment);
  return { folder, environment, ledger: join(folder, 'ledger', 'simulated') };
}

const ask = (environment: Record<string, string>) =>
  tidyllm(['chat', '--reason', 'JIRA-1 anchor it', 'hello'], { environment });

function repository(): string {
  const folder = temporaryFolder();
  const git = (...parameters: string[]) =>
    execFileSync('git', ['-C', folder, ...parameters], { stdio: 'pipe' });
  git('init', '-q');
  git('config', 'user.email', 'ada@example.com');
  git('config', 'user.name', 'Ada');
  git('commit', '-q', '--allow-empty', '-m', 'first');
  return folder;
}

/** Cuts the last `records` records off: a journal that verifies as it lies. */
function cutOff(ledger: string, records: number): void {
  const path = join(ledger, segmentNames(ledger).at(-1) ?? '');
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  writeFileSync(path, `${lines.slice(0, -records).join('\n')}\n`);
}

describe('audit anchor', () => {
  it('keeps the head in a file, against which a shortened ledger is found out', async () => {
    const { folder, environment, ledger } = await home(2);
    const file = join(folder, 'elsewhere', 'anchors.txt');
    expect((await tidyllm(['audit', 'anchor', '--to', file], { environment })).code).toBe(0);
    await ask(environment);
    const { document, code } = await tidyllmJson(['audit', 'verify', '--anchor', file], { environment });
    expect([code, document['ok'], document['anchors']]).toEqual([0, true, 1]);
    cutOff(ledger, 6);
    expect((await tidyllm(['audit', 'verify'], { environment })).code).toBe(0);
    const cut = await tidyllmJson(['audit', 'verify', '--anchor', file], { environment });
    expect(cut.code).toBe(7);
    expect(cut.document).toMatchObject({ ok: false, first_fault: { kind: 'anchor_mismatch' } });
  });

  it('is in a folder for this user alone, and runs no hook of a repository', async () => {
    const { folder, environment } = await home(1);
    const file = join(folder, 'elsewhere', 'anchors.txt');
    const before = process.umask(0);
    try {
      expect((await tidyllm(['audit', 'anchor', '--to', file], { environment })).code).toBe(0);
    } finally {
      process.umask(before);
    }
    expect(statSync(join(folder, 'elsewhere')).mode & 0o777).toBe(0o700);
    const hooked = repository();
    const ran = join(folder, 'ran');
    const hook = join(hooked, '.git', 'hooks', 'reference-transaction');
    writeFileSync(hook, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
    expect((await tidyllm(['audit', 'anchor', '--to', hooked], { environment })).code).toBe(0);
    expect(existsSync(ran)).toBe(false);
  });

  it('keeps the head in the notes of a repository', async () => {
    const { environment, ledger } = await home(1);
    const folder = repository();
    for (let anchor = 0; anchor < 2; anchor += 1) {
      expect(await tidyllm(['audit', 'anchor', '--to', folder], { environment })).toMatchObject({ code: 0 });
      await ask(environment);
    }
    const { document } = await tidyllmJson(['audit', 'verify', '--anchor', folder], { environment });
    expect(document).toMatchObject({ ok: true, anchors: 2 });
    cutOff(ledger, 6);
    expect((await tidyllm(['audit', 'verify', '--anchor', folder], { environment })).code).toBe(7);
  });

  it('without an anchor says how to name one', async () => {
    const { environment } = await home(1);
    const { code, stderr } = await tidyllm(['audit', 'anchor'], { environment });
    expect(code).toBe(2);
    expect(stderr).toContain('audit.anchor.file');
  });

  it('that fails is named', async () => {
    const { folder, environment } = await home(1);
    mkdirSync(join(folder, 'folder'));
    const { code, stderr } = await tidyllm(['audit', 'anchor', '--to', join(folder, 'folder')], {
      environment,
    });
    expect(code).toBe(7);
    expect(stderr).toContain(join(folder, 'folder'));
  });
});

describe('audit verify', () => {
  it('says when there is no checkpoint to verify against', async () => {
    const { folder, environment } = await home(1);
    const { code, stderr } = await tidyllm(['audit', 'verify', '--anchor', join(folder, 'none')], {
      environment,
    });
    expect(code).toBe(7);
    expect(stderr).toContain('no checkpoint');
  });
});

describe('audit head', () => {
  it('prints the contract’s document, whose checkpoint is an anchor by itself', async () => {
    const { folder, environment } = await home(1);
    const { document } = await tidyllmJson(['audit', 'head'], { environment });
    expect(document).toEqual({
      sequence: expect.any(Number) as number,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      ledger: ledgerIdIn(join(folder, 'ledger', 'simulated')),
      checkpoint: expect.stringContaining('tidyllm/ledger/') as string,
      key_id: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
      public_key: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) as string,
    });
    const file = join(folder, 'head.txt');
    writeFileSync(file, String(document['checkpoint']));
    const verified = await tidyllmJson(['audit', 'verify', '--anchor', file], { environment });
    expect(verified.document).toMatchObject({ ok: true, anchors: 1 });
  });

  it('of a ledger that does not exist yet is empty', async () => {
    const { environment } = await home(0);
    const { code, document } = await tidyllmJson(['audit', 'head'], { environment });
    expect(code).toBe(0);
    expect(document).toMatchObject({ sequence: 0, hash: null, checkpoint: null });
  });
});

describe('audit rotate-key', () => {
  it('lets a new key sign, and what the old one signed still verifies', async () => {
    const { folder, environment } = await home(1);
    const file = join(folder, 'anchors.txt');
    await tidyllm(['audit', 'anchor', '--to', file], { environment });
    expect((await tidyllm(['audit', 'rotate-key'], { environment })).code).toBe(0);
    await tidyllm(['audit', 'anchor', '--to', file], { environment });
    const { document } = await tidyllmJson(['audit', 'verify', '--anchor', file], { environment });
    expect(document).toMatchObject({ ok: true, anchors: 2 });
  });
});
