import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { signingKeyFile } from '../../src/ledger/signingKey.ts';
import { tidyllmJson, type Finished } from '../support/commandLine.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { independently } from '../support/independentVerifier.ts';
import { openLedger } from '../support/ledgers.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const key = `AKIA${'Z7QX2MNB'.repeat(2)}`;
const token = `ghp_${'a1B2c3D4e5F6g7H8i9J0'.repeat(2).slice(0, 36)}`;

interface Machines extends TestGateway {
  /** Runs the command as ada, who asks. */
  asAda: (...args: string[]) => Promise<Finished & { document: Record<string, unknown> }>;
  /** Runs it as grace, on a machine of hers. */
  asGrace: (...args: string[]) => Promise<Finished & { document: Record<string, unknown> }>;
  /** A file that both can read. */
  file: string;
}

/** Two people with a home each; grace may approve. */
async function twoMachines(compliance: object = {}): Promise<Machines> {
  const gateway = await gatewayOnStandIn();
  const environment = { ...(process.env as Record<string, string>) };
  const gracesHome = temporaryFolder();
  const graces = { ...environment, TIDYLLM_HOME: gracesHome, XDG_STATE_HOME: join(gracesHome, 'state') };
  const run = (of: Record<string, string>, user: string) => (args: string[]) =>
    tidyllmJson(['--user', user, ...args], { environment: of });
  const [ada, grace] = [run(environment, 'ada'), run(graces, 'grace')];
  const { document } = await grace(['compliance', 'key']);
  const approvers = [{ name: 'grace', public_key: document['public_key'] }];
  for (const home of [gateway.home, gracesHome])
    writeFileSync(join(home, 'settings.yaml'), stringify({ compliance: { ...compliance, approvers } }));
  return {
    ...gateway,
    asAda: (...args) => ada(args),
    asGrace: (...args) => grace(args),
    file: join(temporaryFolder(), 'request.json'),
  };
}

async function approvedBy({ asGrace, asAda, file }: Machines): Promise<Record<string, unknown>> {
  const approved = await asGrace(
    'compliance',
    'exception',
    'approve',
    file,
    '--reason',
    'seen it',
    '--out',
    file,
  );
  expect(approved.document).toMatchObject({ decision: { decision: 'approved', approver: 'grace' } });
  const imported = await asAda('compliance', 'exception', 'import', file);
  expect(imported.document).toMatchObject({ state: 'approved' });
  return imported.document;
}

describe('a call that policy kept back', () => {
  it('goes once another person has signed, as long as the exception lasts, and no other call does', async () => {
    const machines = await twoMachines();
    const { core, asAda, file, standIn, home } = machines;
    const chat = (text: string) => asAda('chat', text, '--reason', 'JIRA-1 rotate the key');
    expect((await chat(`Use ${key}`)).code).toBe(8);
    const ask = ['compliance', 'exception', 'request', '--reason', 'the key is a sample', '--out', file];
    const { document: request } = await asAda(...ask);
    const [rule] = (request['terms'] as { allows: string[] }).allows;
    expect(request).toMatchObject({ state: 'waiting', user_id: 'ada' });
    expect((await chat(`Use ${key}`)).code).toBe(8);
    await approvedBy(machines);

    const { code, document } = await chat(`Use ${key}`);
    expect(code).toBe(0);
    expect(document['compliance']).toMatchObject({ decision: 'allow', exceptions: [request['id']] });
    expect(JSON.stringify(standIn.calls)).toContain(key);
    expect((await chat(`Use ${key} and ${token}`)).code).toBe(8);
    const notes = (await recordsOf(core, 'note')).filter(({ topic }) => topic === 'compliance.request');
    expect(notes.map(({ data }) => [data['exceptions'], data['blocked']])).toEqual([
      [undefined, [rule]],
      [undefined, [rule]],
      [[request['id']], undefined],
      [undefined, ['rule:service-token']],
    ]);
    const report = await asAda('compliance', 'report', '--level', 'enterprise');
    expect(report.document).toMatchObject({
      chain_verified: true,
      exceptions: [{ id: request['id'], calls: 1 }],
    });
    const { call_id: callId } = document['audit_trail'] as { call_id: string };
    expect(JSON.stringify((await asAda('audit', 'show', callId)).document)).toContain(String(request['id']));
    expect(independently(core.journal.directory)).toMatch(/^\d+ records intact, head /);

    // Two days pass; then the clock is set back.
    const { directory } = core.journal;
    const later = openLedger(directory, {
      signingKeys: signingKeyFile(home),
      now: () => Date.now() + 2 * 86_400_000,
    });
    await later.refuse('later', { ...refusal, reason: 'in two days' });
    expect((await chat(`Use ${key}`)).code).toBe(8);
    const { document: listed } = await asAda('compliance', 'exception', 'list');
    expect(listed['requests']).toMatchObject([{ id: request['id'], state: 'expired' }]);
  });

  it('is asked for only by rules that there are', async () => {
    const { asAda } = await twoMachines();
    const ask = ['compliance', 'exception', 'request', '--reason', 'a sample', '--rule'];
    const { code, document } = await asAda(...ask, 'emial');
    expect(code).toBe(2);
    expect(document).toMatchObject({
      error: { message: 'There is no rule "emial".', hint: 'Did you mean email?' },
    });
  });

  it('is asked for by a region or geography, beside the region that calls go to', async () => {
    const { asAda } = await twoMachines();
    expect((await asAda('chat', `Use ${key}`, '--reason', 'first')).code).toBe(8);
    const ask = ['compliance', 'exception', 'request', '--reason', 'a sample'];
    const { document } = await asAda(...ask, '--place', 'eu', '--place', 'eu-west-1');
    expect(document['terms']).toMatchObject({ allows: ['region:eu', 'region:eu-west-1'] });
  });

  it('is asked for on a new ledger once its refusal is recorded', async () => {
    const { asAda } = await twoMachines();
    const ask = ['compliance', 'exception', 'request', '--rule', 'aws-key', '--reason', 'a sample'];
    expect((await asAda(...ask)).document['error']).toMatchObject({
      message: 'A request is signed for one ledger, and this one has no record yet.',
      hint: expect.stringContaining('Make a call first: a refused one is enough.') as string,
    });
    expect((await asAda('chat', `Use ${key}`, '--reason', 'first')).code).toBe(8);
    expect((await asAda(...ask)).document).toMatchObject({ state: 'waiting' });
  });

  it('stays back after an exception was revoked', async () => {
    const machines = await twoMachines();
    const { asAda, file } = machines;
    const ask = ['compliance', 'exception', 'request', '--rule', 'aws-access-token', '--reason', 'a sample'];
    expect((await asAda('chat', `Use ${key}`, '--reason', 'first')).code).toBe(8);
    const { id } = (await asAda(...ask, '--out', file)).document as { id: string };
    await approvedBy(machines);
    await asAda('compliance', 'exception', 'revoke', id, '--reason', 'done with it');
    expect((await asAda('chat', `Use ${key}`, '--reason', 'again')).code).toBe(8);
  });

  it('stays back where the requester approves, or the file was altered', async () => {
    const machines = await twoMachines();
    const { asAda, asGrace, file } = machines;
    await asAda('chat', `Use ${key}`, '--reason', 'first');
    const { id } = (await asAda('compliance', 'exception', 'request', '--reason', 'a sample', '--out', file))
      .document as { id: string };
    const own = await asAda('compliance', 'exception', 'approve', id, '--reason', 'mine');
    expect(own.document['error']).toMatchObject({ code: 'invalid_request' });
    writeFileSync(file, readFileSync(file, 'utf8').replace('"a sample"', '"a sample!"'));
    const altered = await asGrace(
      'compliance',
      'exception',
      'approve',
      file,
      '--reason',
      'ok',
      '--out',
      file,
    );
    expect(altered.document['error']).toMatchObject({
      message: expect.stringContaining('its signature is not that of the requester') as string,
    });
  });

  it('of a denied model goes by an exception for that model', async () => {
    const machines = await twoMachines({ models_denied: ['claude-haiku'] });
    const { asAda, file } = machines;
    const chat = () => asAda('chat', 'hello', '-m', 'claude-haiku', '--reason', 'JIRA-2 compare');
    expect((await chat()).code).toBe(8);
    await asAda('compliance', 'exception', 'request', '--reason', 'compare once', '--out', file);
    await approvedBy(machines);
    expect((await chat()).code).toBe(0);
  });
});

const refusal = {
  user_id: 'ada',
  model: 'm',
  model_id: 'm',
  backend: 'bedrock',
  priority: 'normal',
  workspace: null,
  branch: null,
  command: 'cli',
  outcome: 'refused',
  error_code: 'budget_exceeded',
} as const;

describe('where duties are separated', () => {
  it('a cap is raised by the approval of a second person, for its day', async () => {
    const machines = await twoMachines({ level: 'sox' });
    const { core, asAda, file } = machines;
    await asAda('chat', 'hello', '--reason', 'JIRA-1 first');
    const raise = await asAda('budget', 'raise', '--limit', '2000', '--reason', 'JIRA-3 release week');
    expect(raise.document).toMatchObject({ state: 'waiting', terms: { kind: 'budget_raise' } });
    expect((await core.budget()).limit).toBe(1_000_000_000n);
    await asAda('compliance', 'exception', 'show', String(raise.document['id']), '--out', file);
    await approvedBy(machines);
    expect((await core.budget()).limit).toBe(2_000_000_000n);
    const [change] = (await recordsOf(core, 'policy_change')).filter(({ day }) => day !== null);
    expect(change?.reason).toMatch(/^JIRA-3 release week \(request [0-9a-f]{8}, approved by grace\)$/);
  });
});

describe('a use class', () => {
  it('is asked for where policy requires one, and recorded', async () => {
    const { core, asAda } = await twoMachines({
      level: 'ai_act',
      use_classes: ['internal', 'high_risk'],
      use_class_required: true,
      use_classes_denied: ['high_risk'],
    });
    const chat = (...args: string[]) => asAda('chat', 'hello', '--reason', 'JIRA-1 ask', ...args);
    const missing = await chat();
    expect(missing.code).toBe(8);
    expect(missing.document['error']).toMatchObject({
      code: 'compliance_blocked',
      hint: expect.stringContaining('--use-class') as string,
    });
    expect((await chat('--use-class', 'high_risk')).code).toBe(8);
    expect((await chat('--use-class', 'unheard_of')).document['error']).toMatchObject({
      code: 'invalid_request',
    });
    const { code, document } = await chat('--use-class', 'internal');
    expect(code).toBe(0);
    expect(document['compliance']).toMatchObject({ use_class: 'internal' });
    const note = (await recordsOf(core, 'note')).find(({ data }) => data['use_class'] === 'internal');
    expect(note?.data['controls']).toMatchObject({
      passed: expect.arrayContaining(['ai_act.26']) as string[],
    });
    const vector = await asAda('embed', 'text', '--reason', 'JIRA-1 embed', '--use-class', 'internal');
    expect(vector.code).toBe(0);
  });
});
