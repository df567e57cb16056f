import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import { blocksOf, type ChatMessage } from '../../src/content/messages.ts';
import type { LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import type { DirectStandIn } from '../standIn/direct/server.ts';
import { openAiKey, startOpenAiStandIn } from '../standIn/openAi/openAiStandIn.ts';
import { isolatedEnvironment, setEnvironment } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';
import { startMlflow, type Server } from '../support/servers.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** The name of the endpoint in MLflow, which is the name of the model here. */
const endpoint = 'team-endpoint';
let mlflow: Server;
let standIn: DirectStandIn;

/** Makes something in MLflow's gateway and returns what it answers. */
async function make(path: string, asked: object): Promise<Record<string, Record<string, string>>> {
  const response = await fetch(`${mlflow.url}/api/3.0/mlflow/gateway/${path}/create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(asked),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, Record<string, string>>;
}

beforeAll(async () => {
  [mlflow, standIn] = await Promise.all([startMlflow(), startOpenAiStandIn()]);
  const { secret } = await make('secrets', {
    secret_name: 'stand-in',
    secret_value: { api_key: openAiKey },
    provider: 'openai',
    auth_config: { api_base: `${standIn.url}/v1` },
  });
  const { model_definition: model } = await make('model-definitions', {
    ...{ name: 'stand-in', secret_id: secret?.['secret_id'], provider: 'openai', model_name: 'gpt-4o' },
  });
  const config = {
    ...{ model_definition_id: model?.['model_definition_id'], linkage_type: 'PRIMARY', weight: 1 },
  };
  await make('endpoints', { name: endpoint, model_configs: [config], usage_tracking: true });
}, 120_000);

afterAll(async () => {
  await Promise.all([mlflow.kill(), standIn.close()]);
});

async function gateway() {
  const home = temporaryFolder();
  const settings = [
    ...['ai:', '  backends: [mlflow]', 'mlflow:', `  tracking_uri: ${mlflow.url}`],
    ...['models:', `  ${endpoint}:`, '    base: gpt-4o'],
  ];
  writeFileSync(join(home, 'settings.yaml'), `${settings.join('\n')}\n`);
  setEnvironment(isolatedEnvironment(home));
  const core = await compose({ environment: process.env, user: 'ada' });
  onTestFinished(() => core.dispose());
  standIn.calls.length = 0;
  const ask = (request: LlmRequest): Promise<LlmResponse> =>
    core.registry
      .calls()
      .execute({ auditReason: 'JIRA-1 mlflow', modelId: endpoint, maxTokens: 2000, ...request });
  return { core, ask };
}

it.each([true, false])(
  'a call goes through MLflow’s gateway to the model behind it (stream: %s)',
  async (stream) => {
    const { core, ask } = await gateway();
    const response = await ask({ prompt: '@stand-in:text=Grüße', stream });
    expect(response).toMatchObject({
      ...{ error: null, success: true, backend: 'mlflow', content: 'Grüße', stopReason: 'end_turn' },
      ...{ costEstimated: false, modelUsed: endpoint },
    });
    expect(response.cost).toBeGreaterThan(0n);
    expect(standIn.calls).toMatchObject([{ path: '/v1/chat/completions', body: { model: 'gpt-4o' } }]);
    expect(await recordsOf(core, 'RESERVE')).toMatchObject([
      { backend: 'mlflow', price_key: 'openai/gpt-4o' },
    ]);
  },
);

it('a tool loop goes through as well', async () => {
  const { ask } = await gateway();
  const tools = [{ name: 'read_file', input_schema: { type: 'object', properties: {} } }];
  const question: ChatMessage = { role: 'user', content: '@stand-in:use-tool' };
  const first = await ask({ messages: [question], tools });
  expect(first).toMatchObject({ error: null, stopReason: 'tool_use' });
  const use = blocksOf(first.message?.content ?? '').find((block) => block.type === 'tool_use');
  expect(use).toMatchObject({ name: 'read_file', input: { path: 'a b.txt' } });
  const result: ChatMessage = {
    role: 'user',
    content: [{ type: 'tool_result', tool_use_id: use?.id ?? '', content: '42' }],
  };
  const second = await ask({ messages: [question, first.message as ChatMessage, result], tools });
  expect(second).toMatchObject({ error: null, content: 'The tool said: 42' });
});

it.each([true, false])('a refusal of the provider keeps its kind on the way (stream: %s)', async (stream) => {
  const { core, ask } = await gateway();
  const response = await ask({ prompt: '@stand-in:refuse=429 rate_limit_error slow down', stream });
  expect(response).toMatchObject({
    ...{ success: false, cost: 0n },
    error: { code: 'backend_throttled', retryable: true, billing: 'none' },
  });
  expect(await core.budget()).toMatchObject({ spent: 0n, reserved: 0n });
});

it('an endpoint that MLflow doesn’t have is refused', async () => {
  const { ask } = await gateway();
  const { error } = await ask({ prompt: 'hello', modelId: 'gpt-4o' });
  expect(error).toMatchObject({ code: 'model_not_recognized' });
});

it('health tells whether the server answers', async () => {
  const { core } = await gateway();
  const health = await core.backend.checkHealth(AbortSignal.timeout(5_000));
  expect(health).toMatchObject({ state: 'healthy' });
  expect(health.evidence).not.toContain('API key');
});
