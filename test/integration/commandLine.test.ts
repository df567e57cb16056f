import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ledgerIdIn } from '../../src/ledger/readJournal.ts';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { command, tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { journalPath } from '../support/ledgers.ts';
import { temporaryFolder } from '../support/temporary.ts';

const reason = ['--reason', 'JIRA-1 test the command'];

function simulated(extra: Record<string, string> = {}): {
  environment: Record<string, string>;
  home: string;
} {
  const home = temporaryFolder();
  return { home, environment: { ...isolatedEnvironment(home), TIDYLLM_USER: 'ada', ...extra } };
}

async function onStandIn(extra: Record<string, string> = {}): Promise<{
  environment: Record<string, string>;
  home: string;
  standIn: BedrockStandIn;
}> {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const { home, environment } = simulated(extra);
  writeFileSync(
    join(home, 'aws-credentials'),
    '[work]\naws_access_key_id = AKIASTANDIN\naws_secret_access_key = secret\n[old]\naws_access_key_id = EXPIRED\naws_secret_access_key = secret\n',
  );
  return {
    home,
    standIn,
    environment: {
      ...environment,
      AWS_PROFILE: 'work',
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
      ...extra,
    },
  };
}

describe('tidyllm chat', () => {
  it('prints exactly the contract’s document with --json', async () => {
    const { environment, home } = await onStandIn();
    const { code, document } = await tidyllmJson(['chat', ...reason, 'hello'], { environment });
    expect(code).toBe(0);
    expect(document).toEqual({
      content: expect.stringContaining('stand-in for Amazon Bedrock') as string,
      success: true,
      status: 'success',
      model_used: 'us.anthropic.claude-sonnet-4-6',
      backend: 'bedrock',
      processing_time_ms: expect.any(Number) as number,
      time_to_first_token_ms: expect.any(Number) as number,
      token_usage: {
        input_tokens: 2,
        output_tokens: 38,
        cache_read_input_tokens: 0,
        cache_write_input_tokens: 0,
        total_tokens: 40,
      },
      // 2 × 3.3 + 38 × 16.5 = 633.6, rounded up
      cost_usd: '0.000634',
      cost_estimated: false,
      cost_estimated_because: null,
      stop_reason: 'end_turn',
      message: { role: 'assistant', content: document['content'] },
      tool_calls: [],
      adjustments: [],
      cache_hit: false,
      compliance: {
        decision: 'allow',
        findings: [],
        answer_findings: [],
        exceptions: [],
        use_class: null,
        late: false,
      },
      attempts: 1,
      attempt_group: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      fallback_from: null,
      simulated: false,
      error: null,
      audit_trail: {
        call_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        sequence: 7,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        ledger: ledgerIdIn(join(home, 'ledger', 'live')),
      },
      gateway_tracked: true,
    });
  });

  it('streams the answer to stdout and its cost to stderr', async () => {
    const { environment } = await onStandIn();
    const { code, stdout, stderr } = await tidyllm(['chat', ...reason, 'hello'], { environment });
    expect(code).toBe(0);
    expect(stdout).toContain('This answer comes from a stand-in');
    expect(stderr).toContain('$0.000634 · #7');
  });

  it('says SIMULATED on the mock, and keeps its money in a ledger of its own', async () => {
    const { environment, home } = simulated();
    const { code, stdout, stderr } = await tidyllm(['chat', ...reason, 'hello'], { environment });
    expect(code).toBe(0);
    expect(stdout).toContain('SIMULATED');
    expect(stderr).toContain('SIMULATED: No AWS credentials were found.');
    expect(readFileSync(journalPath(join(home, 'ledger', 'simulated')), 'utf8')).toContain(
      '"mode":"simulated"',
    );
    const { document } = await tidyllmJson(['budget'], { environment });
    expect(document).toMatchObject({ scopes: [{ scope: 'ledger', key: 'simulated' }] });
  });

  it('gives the same simulated answer to the same question', async () => {
    const { environment } = simulated();
    const [one, two] = await Promise.all(
      [1, 2].map(() => tidyllmJson(['chat', ...reason, 'hello'], { environment })),
    );
    expect(one?.document['content']).toBe(two?.document['content']);
  });

  it('reads the prompt from standard input and sends files along', async () => {
    const { environment, home, standIn } = await onStandIn();
    const file = join(home, 'login.test.ts');
    writeFileSync(file, 'expect(1).toBe(1)');
    await tidyllm(['chat', ...reason, '--file', file, '-'], { environment, stdin: 'why is it flaky?' });
    const prompt = standIn.calls[0]?.body.messages?.[0]?.content?.[0]?.text;
    expect(prompt).toContain('login.test.ts:\n```\nexpect(1).toBe(1)');
    expect(prompt).toContain('why is it flaky?');
  });

  it.each<[string, string[], number, string]>([
    ['no reason', ['chat', 'hello'], 4, 'audit_reason_missing'],
    ['a blank reason', ['chat', '--reason', '  ', 'hello'], 4, 'audit_reason_missing'],
    ['an unknown model', ['chat', ...reason, '--model', 'claude-sonet', 'hello'], 5, 'model_not_recognized'],
    ['an unknown mode', ['chat', ...reason, '--mode', 'oracle', 'hello'], 2, 'invalid_request'],
    ['a number that is none', ['chat', ...reason, '--max-tokens', '0x10', 'hello'], 2, 'invalid_request'],
    ['a bad temperature', ['chat', ...reason, '--temperature', 'warm', 'hello'], 2, 'invalid_request'],
    ['a missing file', ['chat', ...reason, '--file', '/nowhere/x', 'hello'], 2, 'invalid_request'],
    ['a refused request', ['chat', ...reason, '@stand-in:denied'], 6, 'access_denied'],
    ['an answer cut half-way', ['chat', ...reason, '@stand-in:cut'], 6, 'stream_incomplete'],
    [
      'a back-end that is not allowed',
      ['--backend', 'openai', 'chat', ...reason, 'hello'],
      6,
      'backend_not_allowed',
    ],
    [
      'a profile that does not exist',
      ['--profile', 'nobody', 'chat', ...reason, 'hello'],
      6,
      'credentials_missing',
    ],
    ['an expired login', ['--profile', 'old', 'chat', ...reason, 'hello'], 6, 'credentials_expired'],
    [
      'another region’s model',
      ['--region', 'eu-central-1', 'chat', ...reason, 'hello'],
      5,
      'model_not_in_region',
    ],
  ])('with %s prints the whole document with its error', async (_name, args, exitCode, errorCode) => {
    const { environment } = await onStandIn();
    const { code, document } = await tidyllmJson(args, { environment });
    expect(code).toBe(exitCode);
    expect(document).toMatchObject({
      success: false,
      error: { code: errorCode, message: expect.any(String) as string },
    });
    expect(Object.keys(document)).toHaveLength(24);
  });

  it('sends nothing without a reason', async () => {
    const { environment, standIn } = await onStandIn();
    const { code, stderr } = await tidyllm(['chat', 'hello'], { environment });
    expect(code).toBe(4);
    expect(stderr).toContain('An audit reason is needed.');
    expect(standIn.calls).toHaveLength(0);
  });

  it('over the cap is refused with what would fit', async () => {
    const { environment, standIn } = await onStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.01' });
    const { code, stderr } = await tidyllm(['chat', ...reason, 'hello'], { environment });
    expect(code).toBe(3);
    expect(stderr).toMatch(/Alternatives: an answer of at most \d+ tokens/);
    expect(standIn.calls).toHaveLength(0);
  });

  it('stopped with Ctrl-C ends with 130, charged and recorded', async () => {
    const { environment, standIn } = await onStandIn();
    const { code, document } = await tidyllmJson(['chat', ...reason, '@stand-in:stall'], {
      environment,
      started: (child) => {
        void expect
          .poll(() => standIn.calls.length)
          .toBe(1)
          .then(() => child.kill('SIGINT'));
      },
    });
    expect(code).toBe(130);
    expect(document).toMatchObject({ status: 'cancelled', cost_estimated: true, gateway_tracked: true });
  });
});

describe('tidyllm budget and audit', () => {
  it('report what the calls cost, one entry a call, newest first', async () => {
    const { environment } = await onStandIn();
    await tidyllm(['chat', ...reason, 'hello'], { environment });
    await tidyllm(['chat', 'no reason'], { environment });
    const { document: budget } = await tidyllmJson(['budget'], { environment });
    expect(budget).toEqual({
      day: new Date().toISOString().slice(0, 10),
      timezone: 'UTC',
      limit_usd: '1000',
      spent_usd: '0.000634',
      reserved_usd: '0',
      remaining_usd: '999.999366',
      status: 'ok',
      scopes: [{ scope: 'ledger', key: 'live', limit_usd: '1000', spent_usd: '0.000634', reserved_usd: '0' }],
    });
    const { document: list } = await tidyllmJson(['audit', 'list', '--limit', '1'], { environment });
    expect(list).toMatchObject({ records: [{ outcome: 'refused', cost_usd: '0' }], next_cursor: '8' });
    const { document: next } = await tidyllmJson(['audit', 'list', '--cursor', '8'], { environment });
    const records = next['records'] as Record<string, unknown>[];
    expect(Object.keys(records[0] ?? {}).sort()).toEqual(
      [
        'call_id',
        'sequence',
        'time',
        'user_id',
        'account',
        'caller_arn',
        'model',
        'backend',
        'reason',
        'outcome',
        'token_usage',
        'cost_usd',
        'cost_estimated',
        'processing_time_ms',
        'cache_hit',
        'workspace',
        'branch',
        'hash',
      ].sort(),
    );
    expect(next).toMatchObject({
      records: [{ outcome: 'success', user_id: 'ada', sequence: 7 }],
      next_cursor: null,
    });
    const show = await tidyllmJson(['audit', 'show', String(records[0]?.['call_id'])], { environment });
    expect(show.document['records']).toHaveLength(4);
  });

  it('verify an intact ledger, and exit with 7 at the first fault of a changed one', async () => {
    const { environment, home } = await onStandIn();
    await tidyllm(['chat', ...reason, 'hello'], { environment });
    const intact = await tidyllmJson(['audit', 'verify'], { environment });
    expect(intact.code).toBe(0);
    expect(intact.document).toMatchObject({ ok: true, records: 7, segments: 1, first_fault: null });
    const path = journalPath(join(home, 'ledger', 'live'));
    writeFileSync(path, readFileSync(path, 'utf8').replace('JIRA-1', 'JIRA-2'));
    const changed = await tidyllmJson(['audit', 'verify'], { environment });
    expect(changed.code).toBe(7);
    expect(changed.document).toMatchObject({
      ok: false,
      first_fault: { segment: '00000001.journal', line: 4, sequence: 4, kind: 'hash_mismatch' },
    });
    const refused = await tidyllmJson(['chat', ...reason, 'hello'], { environment });
    expect(refused.code).toBe(7);
    expect(refused.document).toMatchObject({ gateway_tracked: false, error: { code: 'ledger_damaged' } });
  });

  it('never pass a damaged ledger off as a complete one', async () => {
    const { environment, home } = await onStandIn();
    for (const question of ['one', 'two']) await tidyllm(['chat', ...reason, question], { environment });
    const path = journalPath(join(home, 'ledger', 'live'));
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"cost_micro_usd":"\d+"/, '"cost_micro_usd":"1"'));
    for (const args of [['audit', 'list'], ['audit', 'show', '7'], ['status']]) {
      expect((await tidyllmJson(args, { environment })).code).toBe(7);
    }
  });

  it('verify without changing anything, a torn tail included', async () => {
    const { environment, home } = await onStandIn();
    await tidyllm(['chat', ...reason, 'hello'], { environment });
    const path = journalPath(join(home, 'ledger', 'live'));
    appendFileSync(path, 'torn');
    const { code, document } = await tidyllmJson(['audit', 'verify'], { environment });
    expect(code).toBe(7);
    expect(document).toMatchObject({ first_fault: { kind: 'unterminated_tail', line: 8 } });
    expect(readFileSync(path, 'utf8').endsWith('torn')).toBe(true);
  });

  it.each([
    ['--for-user', ''],
    ['--for-user', ' '],
    ['--workspace', ''],
  ])('raise no cap of nobody: %s "%s"', async (option, name) => {
    const { environment, home } = simulated();
    const args = ['budget', 'raise', '--limit', '60', option, name, ...reason];
    const { code, document } = await tidyllmJson(args, { environment });
    expect(code).toBe(2);
    expect(document).toMatchObject({ error: { code: 'invalid_request' } });
    expect(existsSync(journalPath(join(home, 'ledger', 'simulated')))).toBe(false);
  });

  it('raise no cap and erase nothing without a reason', async () => {
    const { environment } = simulated();
    for (const args of [
      ['budget', 'raise', '--limit', '60'],
      ['audit', 'erase', '--subject', 'ada', '--yes'],
    ]) {
      const { code, document } = await tidyllmJson(args, { environment });
      expect(code).toBe(4);
      expect(document).toMatchObject({
        error: { code: 'audit_reason_missing', message: 'An audit reason is needed.' },
      });
    }
  });

  it('say so when there is no such call', async () => {
    const { environment } = simulated();
    expect((await tidyllm(['audit', 'show', 'nobody'], { environment })).code).toBe(2);
  });
});

describe('tidyllm status and gateways', () => {
  it('show all three gateways at work', async () => {
    const { environment } = await onStandIn();
    const { code, document } = await tidyllmJson(['status'], { environment });
    expect(code).toBe(0);
    expect(document).toMatchObject({
      verdict: 'OPERATIONAL',
      simulated: false,
      gateways: { initialized: 3, total: 3 },
      infrastructure: { bedrock: { state: 'healthy' } },
    });
    const { document: list } = await tidyllmJson(['gateways'], { environment });
    expect(list).toMatchObject({
      services: [
        { id: 'corporate_llm', state: 'initialized', health: { state: 'healthy' } },
        {
          id: 'ai_processing',
          state: 'initialized',
          depends_on: ['corporate_llm'],
          health: { state: 'healthy' },
        },
        {
          id: 'workflow_optimizer',
          state: 'initialized',
          depends_on: ['corporate_llm', 'ai_processing'],
          capabilities: { requires_knowledge_resources: true, dag_manager_enabled: true },
          health: { state: 'healthy' },
        },
      ],
      available: ['corporate_llm', 'ai_processing', 'workflow_optimizer'],
    });
    const { document: stats } = await tidyllmJson(['gateways', 'stats'], { environment });
    expect(stats).toEqual({
      ...{ total: 3, initialized: 3, failed: 0, not_installed: 0 },
      ...{ since: null, ledger: 'live', models: [] },
    });
  });

  it('are degraded, with the reason, when the back-end can’t be reached', async () => {
    const { environment, standIn } = await onStandIn();
    await standIn.close();
    const { code, document } = await tidyllmJson(['status'], { environment });
    expect(code).toBe(6);
    expect(document).toMatchObject({
      verdict: 'DEGRADED',
      infrastructure: { bedrock: { state: 'failed', error: { code: 'backend_unreachable' } } },
    });
  });
});

describe('a terminal', () => {
  it('whose reader went away stops the call, settles it and doesn’t crash', async () => {
    const { environment, home } = simulated();
    const pipeline = '"$NODE" "$COMMAND" chat --reason "JIRA-1 test a pipe" hello | head -c 1';
    const { stderr } = spawnSync('sh', ['-c', pipeline], {
      env: { PATH: process.env['PATH'], ...environment, NODE: process.execPath, COMMAND: command },
      encoding: 'utf8',
    });
    expect(stderr).not.toMatch(/^\s+at /m);
    const { document } = await tidyllmJson(['audit', 'list'], { environment });
    expect(document).toMatchObject({ records: [{ outcome: 'cancelled' }] });
    expect(readFileSync(journalPath(join(home, 'ledger', 'simulated')), 'utf8')).not.toContain(
      'EXPIRED_CHARGED',
    );
  });

  it('gets a document for wrong usage too when it asked for JSON', async () => {
    const { environment } = simulated();
    const { code, document } = await tidyllmJson(['gateways', 'everything'], { environment });
    expect(code).toBe(2);
    expect(document).toMatchObject({ error: { code: 'invalid_request' } });
  });

  it('is told which settings have no effect yet', async () => {
    const { environment, home } = simulated();
    writeFileSync(join(home, 'settings.yaml'), 's3: { prefix: ours/ }\nteam: { organisation: ours }\n');
    const { stderr } = await tidyllm(['budget'], { environment });
    expect(stderr).toContain('Not used by this version: s3.prefix, team');
  });
});

describe('bad surroundings', () => {
  it('malformed settings are refused with their line and exit code 2', async () => {
    const { environment, home } = simulated();
    writeFileSync(join(home, 'settings.yaml'), 'budget:\n  daily_limit_usd: lots\n');
    const { code, stderr } = await tidyllm(['chat', ...reason, 'hello'], { environment });
    expect(code).toBe(2);
    expect(stderr).toContain('settings.yaml:2:3: budget.daily_limit_usd');
  });

  it.each(['chat', 'nothing', 'audit'])('unknown usage of %s exits with 2', async (command) => {
    const { environment } = simulated();
    expect((await tidyllm([command, '--frobnicate'], { environment })).code).toBe(2);
  });

  it.each(['AWS_ENDPOINT_URL_BEDROCK_RUNTIME', 'AWS_ENDPOINT_URL'])(
    'an address of Bedrock in %s that is none is named, with exit code 2',
    async (variable) => {
      for (const address of ['nonsense', 'localhost:8080']) {
        const { environment } = await onStandIn({
          AWS_ENDPOINT_URL_BEDROCK_RUNTIME: '',
          [variable]: address,
        });
        const { code, document } = await tidyllmJson(['status'], { environment });
        expect(code).toBe(2);
        expect(document).toMatchObject({
          error: { code: 'settings_invalid', message: expect.stringContaining(variable) as string },
        });
      }
    },
  );

  it('a home that is a file is named, with exit code 7', async () => {
    const { environment, home } = simulated();
    const file = join(home, 'file');
    writeFileSync(file, '');
    const { code, stderr } = await tidyllm(['chat', ...reason, 'hello'], {
      environment: { ...environment, TIDYLLM_HOME: join(file, 'home') },
    });
    expect(code).toBe(7);
    expect(stderr).toContain(join(file, 'home'));
  });

  it('a lock that can’t be opened is named, with exit code 7, and nothing is sent', async () => {
    const { environment, home, standIn } = await onStandIn();
    mkdirSync(join(home, 'ledger', 'live', 'lock.db'), { recursive: true });
    const { code, stderr } = await tidyllm(['chat', ...reason, 'hello'], { environment });
    expect(code).toBe(7);
    expect(stderr).toContain(join(home, 'ledger', 'live'));
    expect(standIn.calls).toHaveLength(0);
  });

  it('a journal that can’t be opened is named, with exit code 7, and nothing is sent', async () => {
    const { environment, home, standIn } = await onStandIn();
    mkdirSync(journalPath(join(home, 'ledger', 'live')), { recursive: true });
    const { code, document } = await tidyllmJson(['chat', ...reason, 'hello'], { environment });
    expect(code).toBe(7);
    expect(document).toMatchObject({ gateway_tracked: false, error: { code: 'ledger_damaged' } });
    expect(standIn.calls).toHaveLength(0);
  });
});

describe('alerts in the terminal', () => {
  const settings = (file: string, caps: string): void => {
    writeFileSync(file, `budget: { alerts: [0.5, 0.8], ${caps} }\n`);
  };

  it.each([
    ['the ledger', 'daily_limit_usd: "0.00125"', 'budget is spent: $0.000634 of $0.00125.'],
    ['the user', 'per_user_usd: { ada: "0.00125" }', 'cap of user ada is spent'],
    ['the model', 'per_model_usd: { claude-sonnet: "0.00125" }', 'cap of model claude-sonnet is spent'],
    ['the workspace', 'per_workspace_usd: { default: "0.00125" }', 'cap of workspace '],
  ])('come on stderr after the call that passed one of %s, once', async (_cap, caps, said) => {
    const { environment, home } = await onStandIn();
    settings(join(home, 'settings.yaml'), caps);
    const ask = ['chat', ...reason, '--max-tokens', '40', 'hello'];
    const first = await tidyllm(ask, { environment, cwd: home });
    expect(first.code).toBe(0);
    expect(first.stderr).toContain('50 % of today');
    expect(first.stderr).toContain(said);
    expect(first.stdout).not.toContain('of today');
    expect((await tidyllm(['budget'], { environment, cwd: home })).stderr).not.toContain('of today');
    const again = await tidyllm(ask, { environment, cwd: home });
    expect(again.code).toBe(3);
    expect(again.stderr).not.toContain('% of today');
  });

  it('don’t come for what was only held, and leave --json and --quiet alone', async () => {
    const { environment, home } = await onStandIn();
    settings(join(home, 'settings.yaml'), 'daily_limit_usd: "0.07"');
    // It holds nearly all of it, and gives it back.
    const held = await tidyllmJson(['chat', ...reason, 'hello'], { environment });
    expect(held.document).toMatchObject({ success: true });
    expect(held.stderr).not.toContain('of today');
    settings(join(home, 'settings.yaml'), 'daily_limit_usd: "0.0018"');
    const quiet = ['--quiet', 'chat', ...reason, '--max-tokens', '20', 'hello'];
    expect((await tidyllm(quiet, { environment })).stderr).toBe('');
    const json = await tidyllmJson(['chat', ...reason, '--max-tokens', '1', 'hello'], { environment });
    expect(json.stderr).toMatch(/\d % of today's budget is spent/);
  });
});
