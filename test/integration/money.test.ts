import { describe, expect, it } from 'vitest';
import type { LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { storedRecords } from '../support/ledgers.ts';

const novaLite = 'us.amazon.nova-2-lite-v1:0';

async function ask({ core }: TestGateway, request: Partial<LlmRequest>): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  return gateway.execute({ prompt: 'hello', auditReason: 'JIRA-1 prices', ...request });
}

function using(inputTokens: number, outputTokens: number): string {
  const usage = { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
  return `@stand-in:usage=${JSON.stringify(usage)}`;
}

describe('a call’s service tier', () => {
  it.each([
    // 1000 × input + 100 × output, USD per million tokens
    [undefined, 605n, novaLite],
    ['flex', 303n, `${novaLite}#flex`],
    ['priority', 1059n, `${novaLite}#priority`],
  ] as const)('%s is asked for, priced and recorded', async (serviceTier, cost, priceKey) => {
    for (const stream of [true, false]) {
      const gateway = await gatewayOnStandIn();
      const prompt = using(1000, 100);
      const request = { modelId: novaLite, prompt, stream, ...(serviceTier ? { serviceTier } : {}) };
      expect(await ask(gateway, request)).toMatchObject({ success: true, cost, costEstimated: false });
      expect(gateway.standIn.calls[0]?.body.serviceTier?.type).toBe(serviceTier);
      expect(storedRecords(gateway.core.journal.directory)).toContainEqual(
        expect.objectContaining({ kind: 'RESERVE', price_key: priceKey }),
      );
    }
  });

  it('decides how much is reserved', async () => {
    const { core } = await gatewayOnStandIn();
    const gateway = core.registry.calls();
    const request = { prompt: 'hello', modelId: novaLite, auditReason: 'JIRA-1 prices' };
    const [flex, standard, priority] = (['flex', 'standard', 'priority'] as const).map((serviceTier) =>
      gateway.worstCase({ ...request, serviceTier }),
    );
    expect(flex).toBeLessThan(standard ?? 0n);
    expect(priority).toBeGreaterThan(standard ?? 0n);
  });

  it('is charged as it was served, when Bedrock says that it was another', async () => {
    const gateway = await gatewayOnStandIn();
    const asked = { modelId: novaLite, serviceTier: 'priority' } as const;
    // Prompts of one length, for one count of tokens.
    const priority = await ask(gateway, { ...asked, prompt: '@stand-in:served=priority' });
    const standard = await ask(gateway, { ...asked, prompt: ' @stand-in:served=default' });
    expect(standard.tokenUsage).toEqual(priority.tokenUsage);
    expect(standard.cost).toBeLessThan(priority.cost);
    const settled = storedRecords(gateway.core.journal.directory).filter(({ kind }) => kind === 'SETTLE');
    expect(settled).toMatchObject([{ unit_prices: { input: '0.5775' } }, { unit_prices: { input: '0.33' } }]);
  });

  it('without a price is refused before anything is sent', async () => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, { modelId: 'claude-sonnet', serviceTier: 'priority' });
    expect(response).toMatchObject({ status: 'refused', cost: 0n, error: { code: 'price_unknown' } });
    expect(gateway.standIn.calls).toHaveLength(0);
  });
});
