import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Core } from '../../src/core/core.ts';
import { HistoryIndex } from '../../src/history/historyIndex.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { machine, type Machine } from '../support/awsMachine.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { runCommand } from '../support/flowRuns.ts';
import { gatewayOnMock, isolatedEnvironment } from '../support/gateways.ts';
import { independently } from '../support/independentVerifier.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const account = userInfo().username;
const role = 'arn:aws:sts::111122223333:assumed-role/Developer';
const arn = `${role}/ada@example.com`;
const keys = { AWS_ACCESS_KEY_ID: 'AKIAENVIRONMENT', AWS_SECRET_ACCESS_KEY: 'secret' };

/** The core of a machine whose caller AWS knows, with these caps of users. */
async function capped(caps: string, user = 'ada', on?: Machine): Promise<{ core: Core; on: Machine }> {
  const here = on ?? (await machine());
  here.write('settings.yaml', `budget: { per_user_usd: { ${caps} } }\n`);
  const settings = { TIDYLLM_SETTINGS: join(here.home, 'settings.yaml') };
  return { core: await here.start({ ...keys, ...settings }, { user }), on: here };
}

function ask(core: Core, userId?: string, maxTokens = 1333) {
  const gateway = core.registry.calls();
  const request = { prompt: 'hi', auditReason: 'JIRA-1 callers', maxTokens };
  return gateway.execute({ ...request, ...(userId !== undefined && { userId }) });
}

async function expectIntact(core: Core): Promise<void> {
  const { directory } = core.journal;
  expect(await verifyLedger({ directory, mode: null })).toMatchObject({ ok: true });
  expect(independently(directory)).toContain('records intact');
}

describe('account and ARN', () => {
  it('stand beside the claimed name in what a call, a refusal and a run begin with', async () => {
    const { start } = await machine();
    const core = await start(keys);
    await ask(core, 'somebody else');
    await ask(core, 'a\u200bda');
    await runCommand(core, '[Performance Test] calls=1');
    const whose = { account, caller_arn: arn };
    expect(await recordsOf(core, 'RESERVE')).toMatchObject([{ user_id: 'somebody else', ...whose }, whose]);
    expect(await recordsOf(core, 'REFUSE')).toMatchObject([whose]);
    expect(await recordsOf(core, 'flow_start')).toMatchObject([whose]);
    const index = new HistoryIndex(core.journal.directory);
    const { calls } = await index.ask(() => index.page({ userId: 'somebody else' }, 10, null));
    index.close();
    expect(calls).toMatchObject([{ account, callerArn: arn }]);
    await expectIntact(core);
  });

  it('are left out where they aren’t known, and are in lists and exports where they are', async () => {
    const environment = { ...isolatedEnvironment(temporaryFolder()), TIDYLLM_USER: 'ada' };
    await tidyllmJson(['chat', '--reason', 'JIRA-1 callers', 'hello'], { environment });
    const { document } = await tidyllmJson(['audit', 'list'], { environment });
    expect(document['records']).toMatchObject([{ user_id: 'ada', account, caller_arn: null }]);
    const { core } = await gatewayOnMock();
    await ask(core);
    expect((await recordsOf(core, 'RESERVE'))[0]).not.toHaveProperty('caller_arn');
  });
});

describe('a cap', () => {
  it.each([
    ['an account', `account:${account}`],
    ['an ARN', arn],
    ['the role of a session', role],
  ])('on %s holds whatever name is claimed, and is raised by it', async (_what, key) => {
    const { core, on } = await capped(`${JSON.stringify(key)}: 0.02`);
    expect((await ask(core, 'ada', 1000)).success).toBe(true);
    for (const name of ['ada', 'grace', 'nobody in particular'])
      expect((await ask(core, name)).error, name).toMatchObject({ code: 'budget_exceeded' });
    expect(on.bedrock.calls).toHaveLength(1);
    expect((await core.budget()).caps.map((cap) => cap.key)).toEqual(['', key]);
    await core.raiseCap({ scope: 'user', key, limit: 1_000_000n }, 'JIRA-2 more');
    expect((await ask(core, 'grace')).success).toBe(true);
    await expectIntact(core);
  });

  it('on an account holds for the run of an agreement', async () => {
    const { core, on } = await capped(`${JSON.stringify(`account:${account}`)}: 0.000001`);
    const { error } = await runCommand(core, '[Performance Test] calls=1');
    expect(error).toMatchObject({ code: 'budget_exceeded' });
    expect(on.bedrock.calls).toEqual([]);
    await expectIntact(core);
  });

  it('for all other users is none for accounts and ARNs, which have their users', async () => {
    const { core } = await capped('default: 0.02');
    expect((await ask(core, 'ada', 1000)).success).toBe(true);
    expect((await ask(core, 'grace', 1000)).success).toBe(true);
    expect((await core.budget()).scopes.filter(({ scope }) => scope === 'user')).toHaveLength(2);
  });

  it('on an ARN lets no call be made while AWS doesn’t say who calls', async () => {
    const here = await machine();
    await here.identity.close();
    const { core } = await capped(`${JSON.stringify(arn)}: 5`, 'ada', here);
    expect((await ask(core)).error).toMatchObject({ code: 'credentials_missing' });
    expect((await runCommand(core, '[Performance Test] calls=1')).error).not.toBeNull();
    expect(here.bedrock.calls).toEqual([]);
  });
});
