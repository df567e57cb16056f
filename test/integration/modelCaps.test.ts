import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { Core } from '../../src/core/core.ts';
import { budgetRaise } from '../../src/cli/budget.ts';
import { gatewayOnMock, gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { independently } from '../support/independentVerifier.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { recordsOf } from '../support/records.ts';

const sonnet = 'anthropic.claude-sonnet-4-6';
const account = 'arn:aws:bedrock:us-east-1:123456789012';
const application = `${account}:application-inference-profile/a1b2c3`;
const other = `${account}:application-inference-profile/d4e5f6`;
const bases = `models: { "${application}": { base: us.${sonnet} }, mine: { base: ${sonnet} } }
bedrock: { model_mapping: { mine: "${other}", renamed: global.${sonnet} } }
prices: { "${other}": { input: "3", output: "15" } }\n`;

const spellings = [
  ...['claude-sonnet', `us.${sonnet}`, `global.${sonnet}`, sonnet, 'mine', 'renamed', application, other],
  `${account}:inference-profile/us.${sonnet}`,
  `arn:aws:bedrock:us-east-1::foundation-model/${sonnet}`,
];

async function composed(settings: string, opened: { home: string }): Promise<Core> {
  const file = join(opened.home, 'settings.yaml');
  writeFileSync(file, settings);
  process.env['TIDYLLM_SETTINGS'] = file;
  const core = await compose({ environment: process.env, user: 'ada' });
  onTestFinished(() => core.dispose());
  return core;
}

async function gateway(budget: string): Promise<TestGateway> {
  const opened = await gatewayOnStandIn();
  return { ...opened, core: await composed(`${bases}budget: { ${budget} }\n`, opened) };
}

function ask(core: Core, modelId: string, maxTokens = 1000) {
  const corporate = core.registry.calls();
  return corporate.execute({ prompt: 'hi', auditReason: 'JIRA-1 cap', modelId, maxTokens });
}

describe('a cap of a model', () => {
  it.each(spellings)('written for %s holds however the model is called', async (capped) => {
    const { core, standIn } = await gateway(`per_model_usd: { "${capped}": 0.00001 }`);
    for (const called of spellings)
      expect((await ask(core, called)).error?.code, called).toBe('budget_exceeded');
    expect((await ask(core, 'nova-lite')).success).toBe(true);
    expect(standIn.calls).toHaveLength(1);
  });

  it('that one spelling has used up refuses every other, and is raised by any', async () => {
    const { core } = await gateway(`per_model_usd: { default: 0.02 }`);
    expect((await ask(core, application)).success).toBe(true);
    const keys = (await core.budget()).caps.map(({ key }) => key);
    expect(keys).toEqual(['', sonnet]);
    for (const called of spellings)
      expect((await ask(core, called, 1333)).error?.code, called).toBe('budget_exceeded');
    for (const [index, called] of spellings.entries()) {
      const options = { limit: String(1 + index), model: called, reason: 'JIRA-1 more' };
      expect(await budgetRaise(core, options, { json: false } as never)).toBe(0);
    }
    for (const called of spellings) expect((await ask(core, called, 1333)).success, called).toBe(true);
    const { directory } = core.journal;
    expect(await verifyLedger({ directory, mode: null })).toMatchObject({ ok: true });
    expect(independently(directory)).toContain('records intact');
  });

  it('of a profile that only AWS knows holds for its model from the first call', async () => {
    const opened = await gatewayOnStandIn();
    process.env['AWS_ENDPOINT_URL_BEDROCK'] = opened.standIn.url;
    const model = `arn:aws:bedrock:us-east-1::foundation-model/${sonnet}`;
    opened.standIn.profiles = { listed: [], models: { [application]: [model] } };
    const core = await composed(`budget: { per_model_usd: { "${application}": 0.00001 } }\n`, opened);
    expect((await ask(core, `us.${sonnet}`)).error?.code).toBe('budget_exceeded');
    expect((await ask(core, application)).error?.code).toBe('budget_exceeded');
  });

  it('holds for simulated calls as well', async () => {
    const core = await composed(
      `${bases}budget: { per_model_usd: { ${sonnet}: 0.00001 } }\n`,
      await gatewayOnMock(),
    );
    for (const called of spellings)
      expect((await ask(core, called)).error?.code, called).toBe('budget_exceeded');
  });
});

it('the record of a call has the key of its cap where that is not the id of its model', async () => {
  const { core } = await gateway('');
  await ask(core, application);
  expect(await recordsOf(core, 'RESERVE')).toMatchObject([{ model_id: application, model_key: sonnet }]);
  await ask(core, 'amazon.nova-lite-v1:0');
  expect((await recordsOf(core, 'RESERVE')).at(-1)).not.toHaveProperty('model_key');
});
