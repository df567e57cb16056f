import { describe, expect, it } from 'vitest';
import { admit } from '../../../src/gateways/corporateLlm/admission.ts';
import type { LlmRequest } from '../../../src/gateways/corporateLlm/request.ts';
import { ModelCatalogue } from '../../../src/pricing/modelCatalogue.ts';

const profile = 'arn:aws:bedrock:us-east-1:1234:application-inference-profile/a1';
const catalogue = new ModelCatalogue({
  mapping: { fixed: 'us.anthropic.claude-opus-4-8', mine: profile },
  bases: { mine: { base: 'us.anthropic.claude-opus-4-8' } },
  ...{ prices: {}, unknownPrice: 'refuse', region: 'us-east-1' },
});
const withoutTemperature = ['claude-opus', 'fixed', 'mine', profile, 'us.anthropic.claude-opus-4-8'];
const withTemperature = ['claude-haiku', 'nova-lite'];

function temperatureSent(modelId: string, request: Partial<LlmRequest>): number | null {
  return admit('call', { prompt: 'hi', modelId, ...request }, catalogue).call.temperature;
}

describe('a temperature', () => {
  it.each(withoutTemperature)('that was given is refused by %s, with the way out', (model) => {
    for (const temperature of [0, 0.2, 0.7, 1])
      expect(() => temperatureSent(model, { temperature })).toThrow(
        expect.objectContaining({
          code: 'invalid_request',
          message: expect.stringContaining(
            `takes no temperature, and ${temperature} was asked for`,
          ) as string,
          hint: expect.stringContaining('--temperature none') as string,
        }),
      );
  });

  it.each(withoutTemperature)('that nobody gave is left out for %s', (model) => {
    expect(temperatureSent(model, {})).toBeNull();
    expect(temperatureSent(model, { preferredTemperature: 0.2 })).toBeNull();
    expect(temperatureSent(model, { temperature: null })).toBeNull();
  });

  it.each(withTemperature)('reaches %s as it was given, preferred or usual', (model) => {
    expect(temperatureSent(model, { temperature: 0 })).toBe(0);
    expect(temperatureSent(model, { temperature: 0.9, preferredTemperature: 0.2 })).toBe(0.9);
    expect(temperatureSent(model, { preferredTemperature: 0.2 })).toBe(0.2);
    expect(temperatureSent(model, { temperature: null, preferredTemperature: 0.2 })).toBeNull();
    expect(temperatureSent(model, {})).toBe(0.7);
  });
});
