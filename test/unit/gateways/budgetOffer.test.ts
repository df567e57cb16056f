import { describe, expect, it } from 'vitest';
import { MockBackend } from '../../../src/adapters/mockModel.ts';
import { admit, type AdmittedCall } from '../../../src/gateways/corporateLlm/admission.ts';
import { BudgetExceeded } from '../../../src/gateways/budgetRefusals.ts';
import { budgetOffer } from '../../../src/gateways/corporateLlm/budgetOffer.ts';
import { everybody } from '../../../src/ledger/budgetFold.ts';
import { ModelCatalogue, type CatalogueOptions } from '../../../src/pricing/modelCatalogue.ts';
import { kinshipOf, kinships, modelKind } from '../../../src/pricing/modelFamily.ts';

function catalogue(options: Partial<CatalogueOptions> = {}): ModelCatalogue {
  const defaults = { mapping: {}, prices: {}, unknownPrice: 'refuse', region: 'us-east-1' };
  return new ModelCatalogue({ ...defaults, ...options });
}

function admitted(known: ModelCatalogue, modelId: string): AdmittedCall {
  const request = { prompt: 'Why?', auditReason: 'JIRA-1 a test', modelId };
  return admit('call', request, { catalogue: known, backend: new MockBackend() });
}

/** What is offered where a cap leaves this share of the worst case. */
function offered(modelId: string, share: bigint, known = catalogue()) {
  const call = admitted(known, modelId);
  const left = (call.worstCase * share) / 100n;
  return { call, left, offer: budgetOffer(call, { left, leftForOtherModels: left }, known) };
}

describe('what is offered when a call doesn’t fit', () => {
  const asked = [
    ...catalogue().names(),
    ...catalogue()
      .callable()
      .map(({ modelId }) => modelId),
  ];

  it.each(asked)('for %s: its family, its vendor, others, each of them fitting', (name) => {
    for (const share of [90n, 50n, 10n, 1n]) {
      const { call, left, offer } = offered(name, share);
      const ranks = offer.models.map(({ name: other, modelId }) =>
        kinships.indexOf(kinshipOf(modelKind(call.model), modelKind({ modelId, name: other }))),
      );
      expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
      for (const { modelId, worstCase } of offer.models) {
        expect(worstCase).toBeLessThanOrEqual(left);
        expect(modelId).not.toBe(call.model.modelId);
      }
      expect(new Set(offer.models.map(({ modelId }) => modelId)).size).toBe(offer.models.length);
    }
  });

  it('names the shorter answer first, then a smaller model of the family, and no other vendor before it', () => {
    const { call, left, offer } = offered('claude-opus', 25n);
    expect(offer.models[0]?.name).toBe('claude-haiku');
    const { hint } = new BudgetExceeded(
      call.worstCase,
      { cap: { ...everybody, limit: left }, left, timeZone: 'UTC' },
      offer,
    );
    expect(hint).toMatch(/^Alternatives: an answer of at most \d+ tokens, claude-haiku \(/);
    expect(hint).not.toContain('nova');
  });

  it('finds a smaller model of the family that has no friendly name', () => {
    const { offer } = offered('claude-haiku', 20n);
    expect(offer.models[0]?.modelId).toBe('us.anthropic.claude-haiku-5-5');
    expect(offer.models.map(({ name }) => name)).toContain('nova-micro');
    expect(offered('qwen.qwen3-coder-480b-a35b-v1:0', 50n).offer.models[0]?.modelId).toMatch(/^qwen\./);
  });

  it('takes the question to no other geography that nobody named', () => {
    const known = catalogue({
      region: 'eu-west-1',
      mapping: { anywhere: 'global.anthropic.claude-haiku-5-5' },
    });
    const { offer } = offered('eu.anthropic.claude-opus-4-8', 50n, known);
    expect(offer.models.length).toBeGreaterThan(2);
    for (const { name, modelId } of offer.models)
      expect(name === 'anywhere' || modelId.startsWith('eu.')).toBe(true);
  });

  it('offers other models where only the cap of this one is used up, and none that costs more', () => {
    const known = catalogue();
    const call = admitted(known, 'claude-haiku');
    const { maxTokens, models } = budgetOffer(call, { left: 0n, leftForOtherModels: 1_000_000_000n }, known);
    expect(maxTokens).toBeNull();
    expect(models.length).toBeGreaterThan(0);
    for (const { worstCase } of models) expect(worstCase).toBeLessThanOrEqual(call.worstCase);
  });
});
