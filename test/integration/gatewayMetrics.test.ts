import { describe, expect, it, onTestFinished } from 'vitest';
import type { Core } from '../../src/core/core.ts';
import { capabilitiesJson } from '../../src/gateways/capabilities.ts';
import { HistoryIndex } from '../../src/history/historyIndex.ts';
import type { ModelUse } from '../../src/history/modelUse.ts';
import { gatewayOnMock, gatewayOnStandIn } from '../support/gateways.ts';

const sonnet = 'us.anthropic.claude-sonnet-4-6';
const retrying = {
  TIDYLLM_RETRY_ATTEMPTS: '3',
  TIDYLLM_RETRY_BASE_DELAY_MS: '1',
  TIDYLLM_RETRY_MAX_DELAY_MS: '5',
};
const caching = { TIDYLLM_CACHE_ENABLED: 'true', TIDYLLM_CACHE_MAX_TEMPERATURE: '1' };

async function ask(core: Core, prompt: string, modelId = 'claude-sonnet') {
  return core.registry.calls().execute({ prompt, modelId, auditReason: 'JIRA-1 figures', maxTokens: 50 });
}

async function recorded(core: Core, since?: string): Promise<ModelUse[]> {
  const index = new HistoryIndex(core.journal.directory);
  onTestFinished(() => index.close());
  return index.ask(() => index.modelUse({ since }));
}

describe('what calls came to by back-end and model', () => {
  it('counts attempts, repeats, cache hits and savings, recorded and in this process', async () => {
    const { core, standIn } = await gatewayOnStandIn({ ...retrying, ...caching });
    standIn.behave = (_call, index) => (index === 0 ? { refusal: 'throttled' } : {});
    const answer = await ask(core, 'Why is the sky blue?');
    await ask(core, 'Why is the sky blue?');
    await ask(core, 'Why?', 'no-such-model');
    const [use, refused] = await recorded(core);
    expect(use).toMatchObject({
      ...{ backend: 'bedrock', model: sonnet, calls: 3, attempts: 2, repeats: 1 },
      outcomes: { success: 2, refused: 0, failed: 1, cancelled: 0, incomplete: 0, orphaned: 0 },
      ...{ cacheHits: 1, hitRate: 0.5, saved: answer.cost },
    });
    expect(use?.processingTimeMs?.p50).toBeLessThanOrEqual(Math.ceil(answer.processingTimeMs));
    expect(use?.timeToFirstTokenMs?.p95).toBeLessThanOrEqual(Math.ceil(answer.timeToFirstTokenMs ?? 0));
    expect(refused).toMatchObject({ model: 'no-such-model', calls: 1, attempts: 0, hitRate: null });
    expect(refused?.processingTimeMs).toBeNull();
    const live = core.registry.metrics();
    expect(live).toEqual([
      expect.objectContaining({
        ...{ service: `bedrock ${sonnet}`, attempts: 2, failures: 1, cacheHits: 1, hitRate: 0.5 },
        circuit: 'closed',
      }),
    ]);
    expect(live[0]?.processingTimeMs).toBeGreaterThan(0);
    expect(await recorded(core, '9999-01-01')).toEqual([]);
  });

  it('show a paused model as paused in the process that paused it', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_RETRY_PAUSE_AFTER_FAILURES: '1' });
    standIn.behave = () => ({ refusal: 'internal' });
    await ask(core, 'Why is the sky blue?');
    expect(core.registry.metrics()).toMatchObject([{ attempts: 1, failures: 1, circuit: 'open' }]);
  });
});

describe('capabilities', () => {
  it('are those of each level that runs', async () => {
    const { core } = await gatewayOnMock({ ...retrying, ...caching });
    const [corporate, processing, workflow] = core.registry.listServices();
    expect(corporate?.capabilities).toMatchObject({ providers: ['mock'], mlflowEnabled: true });
    expect(processing?.capabilities).toEqual({
      backends: ['bedrock', 'mock'],
      models: corporate?.capabilities?.['models'],
      cacheEnabled: true,
      retryEnabled: true,
    });
    expect(workflow?.capabilities).toEqual({
      operations: ['analyze', 'optimize', 'fix', 'validate', 'run'],
      optimizationLevel: 1,
      performanceThreshold: 0.1,
      complianceMode: true,
      dagManagerEnabled: true,
      flowAgreementsEnabled: true,
      requiresKnowledgeResources: true,
      knowledgeResources: [],
    });
    const document = capabilitiesJson(processing?.capabilities ?? {});
    expect(document).toMatchObject({ cache_enabled: true, retry_enabled: true });
    // The list of a policy must not be lent out.
    expect(document['backends']).not.toBe(processing?.capabilities?.['backends']);
  });
});
