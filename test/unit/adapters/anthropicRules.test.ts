import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conformToAnthropic } from '../../../src/adapters/anthropic/rules.ts';
import { anthropicWire } from '../../../src/adapters/anthropic/wire.ts';
import { GatewayError } from '../../../src/errors.ts';
import { admit, type AdmittedCall } from '../../../src/gateways/corporateLlm/admission.ts';
import type { LlmRequest } from '../../../src/gateways/modelCalls.ts';
import { ModelCatalogue } from '../../../src/pricing/modelCatalogue.ts';
import { refusalOf } from '../../standIn/anthropic/refusal.ts';
import type { MessagesRequest } from '../../standIn/anthropic/request.ts';
import { times } from '../../support/nightly.ts';
import { richRequest } from '../../support/richRequests.ts';

const catalogue = new ModelCatalogue({
  ...{ offer: 'anthropic', mapping: {}, prices: {}, unknownPrice: 'refuse', region: 'global' },
});
const backend = { conform: conformToAnthropic };

/** What a random request comes to, if need be without what not all models take; null where it is refused all the same. */
function attempt(request: LlmRequest, modelId: string): AdmittedCall | null {
  const { reasoning: _reasoning, outputSchema: _schema, toolChoice: _choice, ...usual } = request;
  for (const one of [request, usual]) {
    try {
      return admit('call', { modelId, ...one }, { catalogue, backend });
    } catch (error) {
      if (!GatewayError.is(error, 'invalid_request')) throw error;
    }
  }
  return null;
}

describe('random rich requests', () => {
  it.each(['claude-sonnet-4-6', 'claude-opus-4-8', 'claude-haiku-4-5', 'claude-sonnet-5'])(
    'that are let through to %s are never refused by the service',
    (modelId) => {
      let passed = 0;
      fc.assert(
        fc.property(richRequest, (request) => {
          const call = attempt(request, modelId)?.call;
          if (!call) return;
          passed += 1;
          const body = JSON.parse(JSON.stringify(anthropicWire.body(call))) as MessagesRequest;
          expect(refusalOf(body)).toBeNull();
        }),
        { numRuns: times(120, 3000) },
      );
      expect(passed).toBeGreaterThan(20);
    },
    120_000,
  );
});
