import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

const ask = ['chat', '--reason', 'JIRA-1 keys', 'hello'];

/** A home with one call on the stand-in of Bedrock. */
async function homeWithCall() {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const home = temporaryFolder();
  const environment = {
    ...isolatedEnvironment(home),
    ...{ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret', TIDYLLM_USER: 'ada' },
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
  };
  expect((await tidyllm(ask, { environment })).code).toBe(0);
  const { document: head } = await tidyllmJson(['audit', 'head'], { environment });
  return { home, environment, standIn, head };
}

/** Puts a ledger that another key began in the place of this one. */
async function writeAnew(home: string, environment: Record<string, string>): Promise<void> {
  rmSync(join(home, 'ledger'), { recursive: true });
  renameSync(join(home, 'signing.pem'), join(home, 'kept.pem'));
  await tidyllm(ask, { environment });
}

it('a ledger written anew under another key is intact, and refused by --key and by audit.pinned_key', async () => {
  const { home, environment, standIn, head } = await homeWithCall();
  const keys = [String(head['key_id']), String(head['public_key'])];
  for (const key of keys)
    expect((await tidyllm(['audit', 'verify', '--key', key], { environment })).code).toBe(0);
  await writeAnew(home, environment);
  expect((await tidyllm(['audit', 'verify'], { environment })).code).toBe(0);
  for (const key of keys) {
    const { code, document } = await tidyllmJson(['audit', 'verify', '--key', key], { environment });
    expect(code).toBe(7);
    expect(document).toMatchObject({ ok: false, first_fault: { kind: 'wrong_key', line: 2 } });
  }
  const pinned = join(home, 'pinned.yaml');
  writeFileSync(pinned, `audit: { pinned_key: ${keys[1] ?? ''} }\n`);
  const calls = standIn.calls.length;
  for (const args of [ask, ['budget'], ['budget', 'raise', '--limit', '9000', '--reason', 'JIRA-2 more']]) {
    const { code, document } = await tidyllmJson(['--settings', pinned, ...args], { environment });
    expect(code).toBe(7);
    expect(JSON.stringify(document)).toContain('audit.pinned_key');
  }
  expect((await tidyllm(['--settings', pinned, 'audit', 'verify'], { environment })).code).toBe(7);
  expect(standIn.calls).toHaveLength(calls);
});

it('an installation whose key the ledger doesn’t know makes no call and says what to do', async () => {
  const { home, environment, standIn } = await homeWithCall();
  rmSync(join(home, 'signing.pem'));
  const { code, document } = await tidyllmJson(ask, { environment });
  expect(code).toBe(7);
  expect(document['error']).toMatchObject({
    code: 'ledger_unavailable',
    hint: expect.stringContaining('signing.pem') as string,
  });
  expect(standIn.calls).toHaveLength(1);
  expect((await tidyllm(['audit', 'verify'], { environment })).code).toBe(0);
});

it('a workspace may ask for a key where its user asks for none, and for no other', async () => {
  const { home, environment, head } = await homeWithCall();
  const project = temporaryFolder();
  const other = 'A'.repeat(43) + '=';
  mkdirSync(join(project, '.tidyllm'));
  writeFileSync(join(project, '.tidyllm', 'settings.yaml'), `audit: { pinned_key: ${other} }\n`);
  expect((await tidyllm(ask, { environment, cwd: project })).code).toBe(7);
  const own = join(home, 'own.yaml');
  writeFileSync(own, `audit: { pinned_key: ${String(head['public_key'])} }\n`);
  expect((await tidyllm(['--settings', own, ...ask], { environment, cwd: project })).code).toBe(0);
});

it.each(['xyz', '1234567', 'A'.repeat(44)])('--key %s is refused as no key', async (key) => {
  const { code, stderr } = await tidyllm(['audit', 'verify', '--key', key], {
    environment: isolatedEnvironment(temporaryFolder()),
  });
  expect(code).toBe(2);
  expect(stderr).toContain('audit head --json');
});
