import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson, type Finished } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { independently } from '../support/independentVerifier.ts';
import { endRunInput, reserveInput, startRunInput } from '../support/inputs.ts';
import { PastCalls } from '../support/pastCalls.ts';
import { rewriteRecord } from '../support/rewriteLedger.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** What a terminal would act on, or nobody would see, in every form that UTF-8 has for it. */
const attacks = {
  'an escape sequence': '\u001b[2J\u001b[H999 records intact',
  'a sequence with an eight-bit introducer': '\u009b2J\u009bH999 records intact',
  'a title of the window': '\u001b]0;owned\u0007',
  'an eight-bit title': '\u009d0;owned\u009c',
  'a device control string': '\u0090+q544e\u009c',
  'a return': '999 records intact\rDAMAGED',
  backspaces: 'cost\b\b\b\bfree',
  'a deletion': 'a\u007fb',
  'a turned text': 'abc\u202etxt.exe',
  'an isolate': '\u2067abc\u2069',
  'a mark of direction': 'a\u200fb\u061cc',
  'no width': 'a\u200bd\u2060a',
  'a line separator': 'one\u2028two\u2029three',
  'a filler': 'a\u3164\u115f\u1160\uffa0b',
  'a soft hyphen': 'a\u00adb',
  'a tag': 'a\u{e0041}\u{e007f}b',
  'a selector': 'a\ufe00\u{e0100}b',
  'a byte order mark': 'a\ufeffb',
} as const;
const hostile = Object.values(attacks).join(' ');

/** All that a terminal may get besides what can be seen. */
const acted = /[^\P{Cc}\n]|[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;

function expectHarmless({ stdout, stderr }: Finished): void {
  expect(stdout.replaceAll('\r\n', '\n')).not.toMatch(acted);
  expect(stderr).not.toMatch(acted);
}

/** A home whose ledger holds a call, a refusal and a run with hostile words wherever a record has room for them. */
async function hostileHome(): Promise<{ home: string; callId: string; environment: Record<string, string> }> {
  const home = temporaryFolder();
  const past = new PastCalls(join(home, 'ledger', 'simulated'), 'simulated');
  const callId = await past.make({ daysAgo: 0, at: '00:00', user: hostile, workspace: hostile, cost: 5 });
  const input = { ...reserveInput(1n), user_id: hostile, model: hostile, model_id: hostile, reason: hostile };
  await past.ledger.reserve('refused', { ...input, ...{ branch: hostile, amount: 10n ** 17n } });
  const note = { topic: 'request.content', data: { text: hostile } };
  await past.ledger.reserve('noted', { ...reserveInput(1n), file: hostile }, [note]);
  const runId = '00000000-0000-4000-8000-000000000001';
  await past.ledger.startRun(runId, { ...startRunInput(0n), trigger: hostile, reason: hostile });
  await past.ledger.endRun(runId, { ...endRunInput(), summary: hostile });
  await past.end();
  return { home, callId, environment: { ...isolatedEnvironment(home), TIDYLLM_USER: 'ada' } };
}

it('of a ledger stands visibly wherever the command prints it, and is the same value in JSON', async () => {
  const { home, callId, environment } = await hostileHome();
  const commands = [
    ['audit', 'list'],
    ['audit', 'show', callId],
    ['audit', 'show', callId, '--content'],
    ['audit', 'show', 'noted'],
    ['audit', 'export'],
    ['audit', 'export', '--format', 'csv'],
    ['audit', 'verify'],
    ['budget'],
    ['usage', '--by', 'user'],
    ['usage', '--by', 'workspace'],
    ['flow', 'history'],
    ['doctor'],
    ['status'],
    ['health'],
  ];
  for (const args of commands) {
    const finished = await tidyllm(args, { environment });
    expectHarmless(finished);
    expect(finished.stdout).not.toBe('');
  }
  for (const args of commands.filter(([, name]) => name !== 'export'))
    expectHarmless(await tidyllmJson(args, { environment }));
  const { records } = (await tidyllmJson(['audit', 'show', 'noted'], { environment })).document;
  expect(records).toMatchObject([
    { record: { kind: 'RESERVE', file: hostile } },
    { record: { kind: 'DISPATCH' } },
    { record: { kind: 'note', topic: 'request.content', data: { text: hostile } } },
    { record: { kind: 'EXPIRED_CHARGED' } },
  ]);
  const listed = (await tidyllmJson(['audit', 'list'], { environment })).document['records'];
  expect(listed).toContainEqual(expect.objectContaining({ user_id: hostile, workspace: hostile }));
  const { stdout } = await tidyllm(['audit', 'export'], { environment });
  const exported = stdout.split('\n').filter((line) => line !== '');
  expect(exported.map((line): unknown => JSON.parse(line))).toEqual(listed);
  const out = join(home, 'calls.csv');
  await tidyllm(['audit', 'export', '--format', 'csv', '--out', out], { environment });
  expect(readFileSync(out, 'utf8')).toContain(attacks['an isolate']);
});

it('of a damaged ledger stands visibly on the line of its fault, in both verifiers', async () => {
  const { home, environment } = await hostileHome();
  const folder = join(home, 'ledger', 'simulated');
  for (const kind of [hostile, 'x\n999 records intact, head #999']) {
    rewriteRecord(folder, 3, (record) => ({ ...record, kind }));
    const finished = await tidyllm(['audit', 'verify'], { environment });
    expectHarmless(finished);
    expect(finished.stdout).not.toMatch(/^999/m);
    expect(finished.code).toBe(7);
    expectHarmless(await tidyllmJson(['audit', 'verify'], { environment }));
    const said = independently(folder);
    expect(said).not.toMatch(acted);
    expect(said).toMatch(/^DAMAGED 00000001.journal:3: [^\n]*\n$/);
  }
});

it('of settings, agreements and file names stands visibly in what is said of them', async () => {
  const home = temporaryFolder();
  const environment = { ...isolatedEnvironment(home), TIDYLLM_USER: 'ada' };
  const name = `${hostile.replaceAll('/', '')}.yaml`;
  const file = join(home, name);
  const inYaml = JSON.stringify(hostile);
  writeFileSync(
    file,
    `budget: { ${inYaml}: 1, per_user_usd: { ${inYaml}: "1" } }\nlogging: { level: ${inYaml} }\n`,
  );
  mkdirSync(join(home, '.tidyllm'));
  writeFileSync(join(home, '.tidyllm', 'flow.yaml'), `agreements: [{ ${inYaml}: 1, trigger: ${inYaml} }]\n`);
  for (const args of [
    ['settings', 'validate', file],
    ['--settings', file, 'settings', 'show'],
    ['--settings', file, 'budget'],
    ['flow', 'validate', join(home, '.tidyllm', 'flow.yaml')],
    ['flow', 'list'],
    ['flow', 'run', hostile],
    ['chat', '--reason', 'JIRA-1', '--file', join(home, hostile), 'hello'],
    ['chat', '--reason', 'JIRA-1', '--model', hostile, 'hello'],
    ['audit', 'show', hostile],
    ['audit', 'list', '--outcome', hostile],
    [hostile],
    [`--${hostile}`],
  ]) {
    const finished = await tidyllm(args, { environment, cwd: home });
    expectHarmless(finished);
    expect(finished.stdout + finished.stderr).toContain('\\u{9b}');
    expectHarmless(await tidyllm(['--json', ...args], { environment, cwd: home }));
  }
});

it('of a model stands visibly in the answer, and is the same value in JSON', async () => {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const environment = {
    ...isolatedEnvironment(temporaryFolder()),
    ...{ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret', TIDYLLM_USER: 'ada' },
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
  };
  const answer = Object.entries(attacks)
    .map(([what, words]) => `${what}: ${words}`)
    .join('\n');
  const args = ['chat', '--reason', 'JIRA-1 output', `@stand-in:halves=${answer}`];
  const finished = await tidyllm(args, { environment });
  expectHarmless(finished);
  const lines = finished.stdout.trimEnd().split('\n');
  expect(lines).toEqual(
    Object.keys(attacks).map((what) => expect.stringMatching(`^${what}: .*\\\\u\\{`) as string),
  );
  const { document, stdout } = await tidyllmJson(args, { environment });
  expect(stdout).not.toMatch(acted);
  expect(document['content']).toBe(answer);
});
