import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

const reason = 'JIRA-1 compare models';
const compare = ['compare', '--reason', reason];

interface Machine {
  environment: Record<string, string>;
  home: string;
  standIn: BedrockStandIn;
}

async function onStandIn(extra: Record<string, string> = {}): Promise<Machine> {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const home = temporaryFolder();
  const aws = { AWS_ACCESS_KEY_ID: 'AKIASTANDIN', AWS_SECRET_ACCESS_KEY: 'secret' };
  const environment = { ...isolatedEnvironment(home), ...aws, TIDYLLM_USER: 'ada', ...extra };
  return { home, standIn, environment: { ...environment, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url } };
}

interface Document {
  group: string | null;
  reason: string;
  results: { model: string; success: boolean; cost_usd: string; error: { code: string } | null }[];
  cost_usd: string;
}

async function compared(args: readonly string[], { environment }: Pick<Machine, 'environment'>) {
  const { code, document, stderr } = await tidyllmJson([...compare, ...args], { environment });
  return { code, stderr, document: document as unknown as Document };
}

describe('tidyllm compare', () => {
  test('takes a comma too many for no model', async () => {
    const { code, document } = await compared(
      ['--models', 'nova-pro,,nova-lite, ', 'hello'],
      await onStandIn(),
    );
    expect(code).toBe(0);
    expect(document.results.map(({ model }) => model)).toEqual(['nova-pro', 'nova-lite']);
  });

  test('prints the contract’s document with --json', async () => {
    const machine = await onStandIn();
    const { code, document } = await compared(['--models', 'claude-sonnet, nova-lite', 'hello'], machine);
    expect(code).toBe(0);
    expect(document).toMatchObject({
      group: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      reason,
      results: [
        {
          model: 'claude-sonnet',
          model_used: 'us.anthropic.claude-sonnet-4-6',
          success: true,
          content: expect.stringContaining('stand-in for Amazon Bedrock') as string,
          processing_time_ms: expect.any(Number) as number,
          time_to_first_token_ms: expect.any(Number) as number,
          token_usage: { input_tokens: 2, output_tokens: 38, total_tokens: 40 },
          cost_usd: '0.000634',
          cache_hit: false,
          error: null,
          audit_trail: { call_id: expect.any(String) as string, sequence: expect.any(Number) as number },
        },
        { model: 'nova-lite', model_used: 'us.amazon.nova-lite-v1:0', success: true },
      ],
    });
    const micro = document.results.map(({ cost_usd }) => Math.round(Number(cost_usd) * 1e6));
    expect(Math.round(Number(document.cost_usd) * 1e6)).toBe(micro.reduce((sum, cost) => sum + cost, 0));
  });

  test('has a record for each answer, which names the comparison', async () => {
    const machine = await onStandIn();
    const { document } = await compared(['--models', 'nova-pro,nova-lite', 'hello'], machine);
    const listed = await tidyllmJson(['audit', 'list'], machine);
    const calls = listed.document['records'] as { call_id: string; reason: string }[];
    expect(calls.map((call) => call.reason)).toEqual([reason, reason]);
    const shown = await tidyllm(['audit', 'show', calls[0]?.call_id ?? ''], machine);
    expect(shown.stdout).toContain(`"comparison_id": "${document.group}"`);
  });

  test('prints the answers in the order of the models, then one table', async () => {
    const machine = await onStandIn();
    machine.standIn.behave = ({ modelId }) => ({ firstTokenDelayMs: modelId.includes('nova-pro') ? 300 : 0 });
    const args = [...compare, '--models', 'nova-pro,nova-lite,claude-haiku', '--max-tokens', '3', '-'];
    const { code, stdout, stderr } = await tidyllm(args, { ...machine, stdin: 'hello' });
    expect(code).toBe(0);
    expect(stdout.match(/^── \S+/gm)).toEqual(['── nova-pro', '── nova-lite', '── claude-haiku']);
    expect(stdout).toMatch(/^model +outcome +time +first token +output tokens +cost +record$/m);
    expect(stdout).toMatch(/^nova-lite +success .* 3 +\$0\.0\d+ +#\d+$/m);
    expect(stderr).toMatch(/^3 models, at most \$0\.\d+ together\.$/m);
    const bodies = machine.standIn.calls.map(({ body }) => body.inferenceConfig?.maxTokens);
    expect(bodies).toEqual([3, 3, 3]);
  });

  test('goes on when a model fails, and ends with the code of the first failure', async () => {
    const machine = await onStandIn();
    machine.standIn.behave = ({ modelId }) => (modelId.includes('nova-pro') ? { refusal: 'denied' } : {});
    const models = 'claude-sonnet,no-such-model,nova-pro';
    const { code, document, stderr } = await compared(['--models', models, 'hello'], machine);
    expect(code).toBe(5);
    expect(document.results.map(({ model, success }) => [model, success])).toEqual([
      ['claude-sonnet', true],
      ['no-such-model', false],
      ['nova-pro', false],
    ]);
    expect(stderr).toContain('no-such-model will be refused: Model ID not recognized: "no-such-model".');
  });

  test('marks cached answers, and asks again with --no-cache', async () => {
    const machine = await onStandIn({ TIDYLLM_CACHE_ENABLED: 'true' });
    const args = ['--models', 'nova-pro,nova-lite', 'hello'];
    await compared(args, machine);
    const { document } = await compared(args, machine);
    expect(document).toMatchObject({ cost_usd: '0', results: [{ cache_hit: true }, { cache_hit: true }] });
    const { stdout } = await tidyllm([...compare, ...args], machine);
    expect(stdout).toMatch(/^nova-pro +success .* cached \$0 +#\d+$/m);
    const asked = await compared(['--no-cache', ...args], machine);
    expect(asked.document).toMatchObject({ results: [{ cache_hit: false }, { cache_hit: false }] });
    expect(machine.standIn.calls).toHaveLength(4);
  });

  test.each([
    ['a blank reason', 4, ['--reason', ' ', '--models', 'nova-pro,nova-lite'], 'audit_reason_missing'],
    ['two names of one model', 2, ['--models', 'claude-sonnet,claude-3-sonnet'], 'invalid_request'],
    ['one model', 2, ['--models', 'nova-lite'], 'invalid_request'],
  ])('refuses %s with exit code %i, and sends nothing', async (_what, exitCode, args, error) => {
    const machine = await onStandIn();
    const { code, document } = await compared([...args, 'hello'], machine);
    expect(code).toBe(exitCode);
    for (const result of document.results)
      expect(result).toMatchObject({ success: false, error: { code: error } });
    expect(document.results.length).toBeGreaterThan(0);
    expect(machine.standIn.calls).toEqual([]);
  });

  test('refuses the whole with exit code 3 if the day can’t pay for it, and sends nothing', async () => {
    const machine = await onStandIn();
    writeFileSync(join(machine.home, 'settings.yaml'), 'budget: { daily_limit_usd: "0.01" }\n');
    const { code, document } = await compared(['--models', 'claude-sonnet,nova-lite', 'hello'], machine);
    expect(code).toBe(3);
    expect(document).toMatchObject({ group: null, cost_usd: '0', error: { code: 'budget_exceeded' } });
    expect(document.results.map(({ error }) => error?.code)).toEqual(['budget_exceeded', 'budget_exceeded']);
    expect(machine.standIn.calls).toEqual([]);
  });

  test('stops every call when it is interrupted, and settles them', async () => {
    const machine = await onStandIn();
    const { standIn, environment } = machine;
    let interrupt = (): void => undefined;
    standIn.behave = (_call, _index, underWay) => {
      if (underWay === 2) interrupt();
      return { firstTokenDelayMs: 60_000 };
    };
    const { code, stdout } = await tidyllm(
      ['--json', ...compare, '--models', 'nova-pro,nova-lite', 'hello'],
      { environment, started: (child) => (interrupt = () => void child.kill('SIGINT')) },
    );
    expect(code).toBe(130);
    const { results } = JSON.parse(stdout) as { results: { status: string }[] };
    expect(results.map(({ status }) => status)).toEqual(['cancelled', 'cancelled']);
    const { document } = await tidyllmJson(['budget'], { environment });
    expect(document['reserved_usd']).toBe('0');
  });
});
