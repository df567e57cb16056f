import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conformToConverse } from '../../../src/adapters/converse/rules.ts';
import { GatewayError } from '../../../src/errors.ts';
import type { AdmittedCall } from '../../../src/gateways/corporateLlm/admission.ts';
import type { LlmRequest } from '../../../src/gateways/modelCalls.ts';
import { countTokens } from '../../standIn/converse/count.ts';
import { refusalOf } from '../../standIn/converse/refusal.ts';
import { admitted, wireOf } from '../../support/admittedCalls.ts';
import { report, times } from '../../support/nightly.ts';
import { richRequest } from '../../support/richRequests.ts';

const models = [
  'us.anthropic.claude-sonnet-4-6',
  'us.anthropic.claude-opus-4-8',
  'us.anthropic.claude-opus-4-5-20251101-v1:0',
  'us.amazon.nova-pro-v1:0',
  'us.amazon.nova-2-lite-v1:0',
  'us.meta.llama4-maverick-17b-instruct-v1:0',
  'us.mistral.pixtral-large-2502-v1:0',
  'qwen.qwen3-32b-v1:0',
  'openai.gpt-oss-120b-1:0',
];
/** What a random request comes to for a model, if need be without what not all take; null where it is refused all the same. */
function attempt(request: LlmRequest, modelId: string): AdmittedCall | null {
  const { reasoning, outputSchema, toolChoice, ...usual } = request;
  for (const one of [request, { ...usual, ...(outputSchema && { outputSchema }) }, usual]) {
    try {
      return admitted(one, modelId);
    } catch (error) {
      if (!GatewayError.is(error, 'invalid_request')) throw error;
    }
  }
  return null;
}

/** The nightly run asks many thousands of times. */
const timeout = 120_000;

describe('random rich requests', () => {
  it.each(models)(
    'that are let through to %s are never refused by the service, nor cost more than held',
    (modelId) => {
      let passed = 0;
      let most = 0;
      let least = Infinity;
      fc.assert(
        fc.property(richRequest, (request) => {
          const call = attempt(request, modelId);
          if (!call) return;
          passed += 1;
          const wire = wireOf(call.call);
          expect(refusalOf(modelId, wire)).toBeNull();
          // What is beyond its context the service refuses, and doesn't bill.
          const counted = Math.min(countTokens(modelId, wire), call.model.maxInputTokens ?? Infinity);
          expect(counted).toBeLessThanOrEqual(call.inputTokensBound);
          most = Math.max(most, call.inputTokensBound / counted);
          least = Math.min(least, call.inputTokensBound / counted);
        }),
        { numRuns: times(120, 3000) },
      );
      expect(passed).toBeGreaterThan(20);
      report(
        `bound of ${modelId}`,
        `${passed} requests, ${least.toFixed(2)} to ${most.toFixed(2)} times the tokens counted`,
      );
    },
    timeout,
  );

  it.each(models)(
    'are the same after a second time, so that what was sent can be sent again: %s',
    (modelId) => {
      fc.assert(
        fc.property(richRequest, (request) => {
          const found = attempt(request, modelId);
          if (!found) return;
          const { call, model } = found;
          // What reasoning came to stands in the fields of the model.
          const { reasoning: _reasoning, ...content } = call.content;
          const again = conformToConverse({ ...call, content }, model).call.content;
          expect(again).toEqual(content);
        }),
        { numRuns: times(60, 1500) },
      );
    },
    timeout,
  );
});
