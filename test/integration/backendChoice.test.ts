import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { Core } from '../../src/core/core.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { anthropic, compatible, directServices, gatewayOn } from '../support/directGateways.ts';
import { isolatedEnvironment, setEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

const keys = {
  anthropic: { ANTHROPIC_API_KEY: 'sk-ant' },
  openai: { OPENAI_API_KEY: 'sk-oai' },
  compatible: { TIDYLLM_AI_COMPATIBLE_ENDPOINT: 'http://127.0.0.1:9/v1' },
  bedrock: { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret' },
  mlflow: { MLFLOW_TRACKING_URI: 'http://127.0.0.1:9' },
};
type Configured = keyof typeof keys;

async function chosen(allowed: readonly string[], configured: readonly Configured[]): Promise<Core> {
  const home = temporaryFolder();
  writeFileSync(join(home, 'settings.yaml'), `ai:\n  backends: [${allowed.join(', ')}]\n`);
  setEnvironment({
    ...isolatedEnvironment(home),
    ...{ ANTHROPIC_API_KEY: '', OPENAI_API_KEY: '', COMPATIBLE_API_KEY: '', MLFLOW_TRACKING_URI: '' },
    ...Object.fromEntries(configured.flatMap((id) => Object.entries<string>(keys[id]))),
  });
  const core = await compose({ environment: process.env, user: 'ada' });
  onTestFinished(() => core.dispose());
  return core;
}

describe('the back-end', () => {
  const all = ['mock', 'mlflow', 'bedrock', 'compatible', 'openai', 'anthropic'];

  it.each<[Configured[], string]>([
    [['mlflow', 'bedrock', 'compatible', 'openai', 'anthropic'], 'anthropic'],
    [['mlflow', 'bedrock', 'compatible', 'openai'], 'openai'],
    [['mlflow', 'bedrock', 'compatible'], 'compatible'],
    [['mlflow', 'bedrock'], 'bedrock'],
    [['mlflow'], 'mlflow'],
    [[], 'mock'],
  ])('is the first that is configured, in a fixed order: of %j it is %s', async (configured, expected) => {
    expect((await chosen(all, configured)).backend.id).toBe(expected);
  });

  it('is never one that policy doesn’t allow', async () => {
    const { backend, simulatedBecause } = await chosen(
      ['bedrock', 'mock'],
      ['anthropic', 'openai', 'mlflow'],
    );
    expect(backend.id).toBe('mock');
    expect(simulatedBecause).toBe('No AWS credentials were found.');
  });

  it('is simulated for every reason for which others are not used', async () => {
    const { simulatedBecause } = await chosen(['anthropic', 'bedrock', 'mock'], []);
    expect(simulatedBecause).toBe('No API key for Anthropic was found. No AWS credentials were found.');
  });

  it('is configured by a kept key as well, after that of the environment', async () => {
    const gateway = await gatewayOn(anthropic, { ANTHROPIC_API_KEY: '' });
    const asked: string[] = [];
    const apiKey = (service: string): Promise<string> => {
      asked.push(service);
      return Promise.resolve(anthropic.key);
    };
    const core = await compose({ environment: process.env, user: 'ada', apiKey });
    onTestFinished(() => core.dispose());
    const request = { prompt: 'hello', modelId: anthropic.model, auditReason: 'JIRA-1 kept key' };
    expect(await core.registry.calls().execute(request)).toMatchObject({ success: true });
    expect(gateway.standIn.calls[0]?.headers['x-api-key']).toBe(anthropic.key);
    expect(new Set(asked)).toEqual(new Set(['anthropic']));
  });

  it('is the first allowed one where none is configured and nothing may be simulated', async () => {
    expect((await chosen(['openai', 'bedrock'], [])).backend.id).toBe('openai');
  });
});

describe.each(directServices.map((service) => [service.name, service] as const))(
  '%s in use',
  (name, service) => {
    it.each(['status', 'health'])('is what %s tells, with where it is', async (command) => {
      const { standIn } = await gatewayOn(service);
      const { document, code } = await tidyllmJson([command], {
        environment: process.env as Record<string, string>,
      });
      const services = (document['infrastructure'] ?? document['services']) as Record<string, unknown>;
      expect({ code, ...services }).toMatchObject({
        code: 0,
        answering_service: { id: service.id, healthy: true, state: 'healthy' },
        bedrock: { state: 'not_configured', evidence: `Calls go to ${name}.` },
      });
      expect(JSON.stringify(services)).toContain(standIn.url);
      expect(JSON.stringify(document)).not.toContain(service.key);
    });

    it('is what doctor tells, and not being reached is a reason', async () => {
      const { standIn } = await gatewayOn(service);
      await standIn.close();
      const { document, code } = await tidyllmJson(['doctor'], {
        environment: process.env as Record<string, string>,
      });
      expect(code).toBe(6);
      const text = JSON.stringify(document);
      expect(text).toContain(`${name} can’t be reached`);
    });
  },
);

it('names of models are those of the back-end: the mapping of Bedrock doesn’t count elsewhere', async () => {
  const own = {
    ...anthropic,
    settings: (url: string) => `${anthropic.settings(url)}  model_mapping:\n    ours: claude-haiku-4-5\n`,
  };
  const { ask } = await gatewayOn(
    own,
    {},
    'bedrock:\n  model_mapping:\n    mine: us.anthropic.claude-opus-4-8\n',
  );
  expect((await ask({ prompt: 'hello', modelId: 'mine' })).error).toMatchObject({
    code: 'model_not_recognized',
  });
  expect(await ask({ prompt: 'hello', modelId: 'ours' })).toMatchObject({ modelUsed: 'claude-haiku-4-5' });
});

it('what the models of a compatible server stand for is known, and can be capped', async () => {
  const caps = 'budget:\n  per_model_usd:\n    gpt-4o: 0.000001\n    gpt-for: 1\n';
  const { core, ask } = await gatewayOn(compatible, {}, `  other:\n    base: nonexisting\n${caps}`);
  expect(core.loaded.warnings.map(({ message }) => message)).toEqual([
    'budget.per_model_usd: model "gpt-for" is unknown, so its cap has no effect',
    'models."other".base: model "nonexisting" is unknown',
  ]);
  expect((await ask({ prompt: 'hello' })).error?.code).toBe('budget_exceeded');
});
