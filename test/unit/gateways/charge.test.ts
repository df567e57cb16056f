import { describe, expect, it } from 'vitest';
import type { AdmittedCall } from '../../../src/gateways/corporateLlm/admission.ts';
import { admit } from '../../../src/gateways/corporateLlm/admission.ts';
import { MockBackend } from '../../../src/adapters/mockModel.ts';
import { emptyAnswer, take, type Answer } from '../../../src/gateways/corporateLlm/answer.ts';
import { chargeOf } from '../../../src/gateways/corporateLlm/charge.ts';
import { noTokens } from '../../../src/pricing/cost.ts';
import { ModelCatalogue } from '../../../src/pricing/modelCatalogue.ts';

function admitted(prompt = 'hello'): AdmittedCall {
  const catalogue = new ModelCatalogue({
    mapping: {},
    prices: {},
    unknownPrice: 'refuse',
    region: 'us-east-1',
  });
  const request = { prompt, modelId: 'claude-sonnet', maxTokens: 1000 };
  return admit('call', request, { catalogue, backend: new MockBackend() });
}

function answer(given: Partial<Answer>): Answer {
  return { ...emptyAnswer(), stopReason: 'end_turn', ...given };
}

describe('the charge of a usage', () => {
  it.each<[string, Partial<Answer>]>([
    [
      'zero where a guardrail answered',
      { content: 'Blocked.', stopReason: 'guardrail_intervened', usage: noTokens },
    ],
    ['zero where nothing was produced', { usage: noTokens }],
    ['input alone where nothing was produced', { usage: { ...noTokens, input: 12 } }],
    ['all input from the cache', { content: 'Hi', usage: { ...noTokens, cacheRead: 9, output: 1 } }],
    ['output that was hidden', { hiddenBytes: 900, usage: { ...noTokens, input: 9, output: 200 } }],
    [
      'a run of spaces of one token',
      { content: ' '.repeat(256), usage: { ...noTokens, input: 9, output: 1 } },
    ],
  ])('is exact: %s', (_name, given) => {
    expect(chargeOf(admitted(), answer(given), null).estimatedBecause).toBeNull();
  });

  it.each<[string, Partial<Answer>]>([
    ['no output for a visible answer', { content: 'x', usage: { ...noTokens, input: 9 } }],
    ['no output for a hidden one', { hiddenBytes: 1, usage: { ...noTokens, input: 9 } }],
    ['a page in one token', { content: 'x'.repeat(1380), usage: { ...noTokens, input: 9, output: 1 } }],
    ['an answer to nothing', { content: 'x', usage: { ...noTokens, output: 1 } }],
    [
      'one token for many words',
      { content: 'one two three four five', usage: { ...noTokens, input: 9, output: 1 } },
    ],
    [
      'two usages',
      { content: 'x', usage: { ...noTokens, input: 9, output: 1 }, usageContradicted: 'two usages' },
    ],
  ])('is the bound of what arrived, and marked: %s', (_name, given) => {
    const call = admitted();
    const charge = chargeOf(call, answer(given), null);
    expect(charge.estimatedBecause).not.toBeNull();
    expect(charge.usage.input).toBe(call.inputTokensBound);
    expect(charge.cost).toBeGreaterThan(0n);
    expect(charge.cost).toBeLessThanOrEqual(call.worstCase);
  });

  it('is the larger of two where the figure in doubt is above the bound', () => {
    const usage = { ...noTokens, input: 100_000, output: 1 };
    const charge = chargeOf(
      admitted(),
      answer({ content: 'x', usage, usageContradicted: 'two usages' }),
      null,
    );
    expect(charge).toMatchObject({ usage, cost: 660_017n });
  });

  it('is the whole reservation where more came out than was allowed, and blocks no day', () => {
    const call = admitted();
    const usage = { ...noTokens, input: 2, output: 1_000_000 };
    const charge = chargeOf(call, answer({ content: 'x', usage }), null);
    expect(charge).toMatchObject({
      cost: call.worstCase,
      estimatedBecause: expect.stringContaining('allowed'),
    });
  });

  it('is of the dearer of two usages, and of parts that are more than their sum the bound', () => {
    const two = emptyAnswer();
    take(two, { type: 'text', index: 0, text: 'hello' }, 1);
    take(two, { type: 'usage', usage: { ...noTokens, input: 10, output: 300 } }, 1);
    take(two, { type: 'usage', usage: { ...noTokens, input: 1, output: 1 } }, 1);
    expect(chargeOf(admitted(), two, null).cost).toBeGreaterThanOrEqual(300n * 16n);
    const parts = emptyAnswer();
    take(parts, { type: 'text', index: 0, text: 'hello' }, 1);
    take(parts, { type: 'usage', usage: { ...noTokens, input: 2, output: 38 }, total: 1 }, 1);
    expect(chargeOf(admitted(), parts, null).estimatedBecause).toContain('in parts');
  });

  it.each(['', 'x'.repeat(65), 'two words', 'end\u001b[2J', 'ende\u0301'])(
    'keeps no stop reason such as %j',
    (reason) => {
      const kept = emptyAnswer();
      take(kept, { type: 'stop', reason }, 1);
      expect(kept.stopReason).toBe('unreadable');
    },
  );
});
