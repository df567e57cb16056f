import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { budgetRaise } from '../../src/cli/budget.ts';
import { compose } from '../../src/app/compose.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import {
  gatewayOnMock,
  gatewayOnStandIn,
  isolatedEnvironment,
  type TestGateway,
} from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const spellings = ['ada', 'Ada', 'ADA', ' ada ', 'ＡＤＡ', '𝐚𝐝𝐚'];
const refused = [
  'a\u200bda',
  'ada\u3164',
  'ada\u2060',
  '\u202eada',
  'a\u{e0041}da',
  'ada\ufe0f',
  'аda',
  'adα',
  '\u115f',
];

/** The core on a stand-in of Bedrock, with these lines in its settings. */
async function governed(budget: string, user = 'someone'): Promise<TestGateway> {
  const opened = await gatewayOnStandIn();
  const file = join(opened.home, 'settings.yaml');
  writeFileSync(file, `budget: { ${budget} }\n`);
  const core = await compose({ environment: { ...process.env, TIDYLLM_SETTINGS: file }, user });
  onTestFinished(() => core.dispose());
  return { ...opened, core };
}

function ask(
  { core }: Pick<TestGateway, 'core'>,
  userId: string,
  auditReason = 'JIRA-1 names',
  maxTokens = 1333,
) {
  const gateway = core.registry.calls();
  return gateway.execute({ prompt: 'hi', auditReason, userId, maxTokens });
}

describe('a cap of a user', () => {
  it.each(spellings.filter((name) => name === name.trim()))(
    'written for %s holds for every spelling',
    async (capped) => {
      const system = await governed(`per_user_usd: { ${JSON.stringify(capped)}: 0.00001 }`);
      for (const called of spellings)
        expect((await ask(system, called)).error?.code, called).toBe('budget_exceeded');
      expect((await ask(system, 'grace')).success).toBe(true);
      expect(system.standIn.calls).toHaveLength(1);
    },
  );

  it('that one spelling has used up is raised by any, and its calls are found by any', async () => {
    const system = await governed(`per_user_usd: { Ada: 0.02 }`);
    expect((await ask(system, 'ADA', 'JIRA-1 names', 1000)).success).toBe(true);
    expect((await ask(system, 'ada')).error?.code).toBe('budget_exceeded');
    const options = { limit: '1', user: 'ＡDA', reason: 'JIRA-1 more' };
    expect(await budgetRaise(system.core, options, { json: false, quiet: true })).toBe(0);
    expect((await ask(system, 'Ada')).success).toBe(true);
    const users = (await recordsOf(system.core, 'RESERVE')).map(({ user_id }) => user_id);
    expect(users).toEqual(['ada', 'ada']);
  });

  it('holds the lower of two that are written for one user', async () => {
    const system = await governed(`per_user_usd: { Ada: 5, ADA: 0.00001 }`);
    expect((await ask(system, 'ada')).error?.code).toBe('budget_exceeded');
  });
});

describe('a name that can pass for another', () => {
  it.each(refused)(
    '%j is refused in a request, before anything is sent, and recorded as nobody’s',
    async (name) => {
      const system = await governed('daily_limit_usd: 5');
      expect((await ask(system, name)).error).toMatchObject({ code: 'invalid_request' });
      expect(system.standIn.calls).toEqual([]);
      expect(await recordsOf(system.core, 'REFUSE')).toMatchObject([{ user_id: 'someone' }]);
    },
  );

  it.each(refused)('%j is refused as --user, as TIDYLLM_USER and in settings', async (name) => {
    const environment = isolatedEnvironment(temporaryFolder());
    const args = ['chat', '--reason', 'JIRA-1 names', 'hello'];
    const told = await tidyllmJson(['--user', name, ...args], { environment });
    expect([told.code, told.document['error']]).toMatchObject([2, { code: 'invalid_request' }]);
    const variable = await tidyllmJson(args, { environment: { ...environment, TIDYLLM_USER: name } });
    expect([variable.code, variable.document['error']]).toMatchObject([2, { code: 'invalid_request' }]);
    const file = join(temporaryFolder(), 'settings.yaml');
    writeFileSync(file, `budget: { per_user_usd: { ${JSON.stringify(name)}: 1 } }\n`);
    expect((await tidyllmJson(['settings', 'validate', file], { environment })).code).toBe(2);
  });
});

it('calls are listed by any spelling of their user', async () => {
  const environment = isolatedEnvironment(temporaryFolder());
  await tidyllmJson(['--user', 'Ada', 'chat', '--reason', 'JIRA-1 names', 'hello'], { environment });
  for (const name of spellings) {
    const { document } = await tidyllmJson(['--user', name, 'audit', 'list'], { environment });
    expect(document['records']).toMatchObject([{ user_id: 'ada' }]);
  }
});

describe('a reason', () => {
  it.each([
    '\u3164\u3164\u3164',
    '\u115f\u1160\uffa0\u3164',
    '\u2800\u2800\u2800',
    '\u200b\u2060\ufeff',
    '\u{e0041}\u{e0042}\u{e0043}',
    '\ufe0f\ufe0f\ufe0f',
    '\u17b4\u17b5\u17b4',
    '---',
  ])('of %j says nothing', async (reason) => {
    const { core } = await gatewayOnMock();
    expect((await ask({ core }, 'ada', reason)).error?.code).toBe('audit_reason_missing');
  });

  it('keeps what people write and loses what nobody sees', async () => {
    const { core } = await gatewayOnMock();
    expect((await ask({ core }, 'ada', 'JIRA-1 👩‍💻 می‌خواهم\u3164\u200b\u202e x')).success).toBe(true);
    expect(await recordsOf(core, 'RESERVE')).toMatchObject([{ reason: 'JIRA-1 👩‍💻 می‌خواهم x' }]);
  });
});
