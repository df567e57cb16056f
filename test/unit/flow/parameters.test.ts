import { describe, expect, it } from 'vitest';
import type { ParameterDefinition } from '../../../src/flow/agreement.ts';
import { resolveParameters } from '../../../src/flow/parameters.ts';
import { GatewayError } from '../../../src/errors.ts';

const definitions: readonly ParameterDefinition[] = [
  { name: 'topic', type: 'text', description: 'What to write about.', default: null },
  { name: 'days', type: 'integer', description: '', default: 7, minimum: 1, maximum: 400 },
  { name: 'share', type: 'number', description: '', default: 0.5, maximum: 1 },
  { name: 'draft', type: 'boolean', description: '', default: true },
  { name: 'tone', type: 'choice', description: '', default: 'plain', values: ['plain', 'proud'] },
];
const agreement = { trigger: '[Notes]', parameters: definitions, fixed: { model: 'claude-haiku' } };

function refusal(given: Record<string, unknown>): string {
  try {
    resolveParameters(agreement, given);
  } catch (error) {
    if (GatewayError.is(error, 'invalid_request')) return error.message;
    throw error;
  }
  throw new Error('the parameters were not refused');
}

describe('the parameters of a run', () => {
  it('are those that are given, what the agreement fixes, and defaults', () => {
    expect(resolveParameters(agreement, { topic: 'cats' })).toEqual({
      ...{ model: 'claude-haiku', topic: 'cats', days: 7, share: 0.5, draft: true, tone: 'plain' },
    });
  });

  it('are of their type, also when they are given as text', () => {
    const given = { topic: 5, days: ' 30 ', share: '-1e-2', draft: 'false', tone: 'proud' };
    expect(resolveParameters(agreement, given)).toEqual({
      ...{ model: 'claude-haiku', topic: '5', days: 30, share: -0.01, draft: false, tone: 'proud' },
    });
  });

  it.each([
    [{ days: '7.5' }, 'days must be a whole number'],
    [{ days: '0x10' }, 'days must be a whole number'],
    [{ days: '' }, 'days must be a whole number'],
    [{ days: '9007199254740993' }, 'days must be a whole number'],
    [{ days: 0 }, 'days must be 1 to 400'],
    [{ share: '1.1' }, 'share must be at most 1'],
    [{ share: 'Infinity' }, 'share must be a number'],
    [{ draft: 'yes' }, 'draft must be true or false'],
    [{ tone: 'loud' }, 'tone must be one of plain, proud'],
    [{ topic: ['a'] }, 'topic must be a text, a number, true or false'],
    [{ dais: 3 }, 'dais is not a parameter; did you mean days?'],
    [{ constructor: 3 }, 'constructor is not a parameter'],
    [{ model: 'claude-opus' }, 'model is fixed to claude-haiku by the agreement'],
  ])('%j is refused', (given, message) => {
    expect(refusal({ topic: 'cats', ...given })).toContain(message);
  });

  it('are refused with everything that is wrong, and what is missing is named', () => {
    expect(refusal({ days: 'x', tone: 'y' })).toBe(
      '[Notes]: topic is required: What to write about.; days must be a whole number; tone must be one of plain, proud.',
    );
  });
});
