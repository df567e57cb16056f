import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFlowEncoding, parseFlowEncoding } from '../../../src/flow/flowEncoding.ts';
import { testSeed } from '../../support/random.ts';

const long = 'a'.repeat(60);

describe('a FLOW encoding', () => {
  it('is taken apart', () => {
    expect(parseFlowEncoding('@cost#analysis!report@ledger')).toEqual({
      domain: 'cost',
      operation: 'analysis',
      action: 'report',
      target: 'ledger',
    });
    expect(parseFlowEncoding(`@${long}#b2!c_d@e`)).toMatchObject({
      domain: long,
      operation: 'b2',
      action: 'c_d',
    });
  });

  it.each([
    [
      '',
      0,
      0,
      'expected "@" before the domain, as in @domain#operation!action@target, but the encoding ends',
    ],
    ['cost#analysis!report@ledger', 0, 1, 'expected "@" before the domain'],
    ['@#analysis!report@ledger', 1, 0, 'the domain is missing'],
    ['@cost', 5, 0, 'expected "#" before the operation'],
    ['@cost#!report@ledger', 6, 0, 'the operation is missing'],
    ['@cost#analysis', 14, 0, 'expected "!" before the action'],
    ['@cost#analysis!report', 21, 0, 'expected "@" before the target'],
    ['@cost#analysis!report@', 22, 0, 'the target is missing'],
    ['@cost!analysis#report@ledger', 5, 1, 'expected "#" before the operation'],
    ['@cost#analysis@ledger!report', 14, 1, 'expected "!" before the action'],
    ['@cost#analysis!report@ledger@more', 28, 5, 'unexpected "@more"'],
    ['@cost#analysis!report@ledger ', 28, 1, "an encoding can't contain spaces"],
    [' @cost#analysis!report@ledger', 0, 1, 'expected "@" before the domain'],
    ['@cost#ana lysis!report@ledger', 9, 1, "an encoding can't contain spaces"],
    ['@cost#Analysis!report@ledger', 6, 1, '"A" is upper case; the operation must be lower case'],
    ['@cost#analyse-it!report@ledger', 13, 1, '"-" is not allowed in the operation'],
    ['@kosten#größe!report@ledger', 10, 1, '"ö" is not allowed in the operation'],
    ['@cost#😀!report@ledger', 6, 2, '"😀" is not allowed in the operation'],
    ['@2cost#analysis!report@ledger', 1, 1, 'the domain must start with a letter, not "2"'],
    [`@${long}a#b!c@d`, 1, 61, 'the domain is longer than 60 characters'],
  ])('%j is refused at %i, %i characters', (text, offset, length, message) => {
    expect(parseFlowEncoding(text)).toEqual({ offset, length, message: expect.stringContaining(message) });
  });

  it('comes out as it went in, and a fault stands within the text', () => {
    const part = fc.stringMatching(/^[a-z][a-z0-9_]{0,59}$/);
    const encoding = fc.record({ domain: part, operation: part, action: part, target: part });
    const seed = testSeed();
    fc.assert(
      fc.property(encoding, (one) => {
        expect(parseFlowEncoding(formatFlowEncoding(one))).toEqual(one);
      }),
      { seed },
    );
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('@', '#', '!', 'a', 'b', '_', '9', ' ', 'Z', 'é') }),
        (text) => {
          const parsed = parseFlowEncoding(text);
          if ('message' in parsed) expect(parsed.offset + parsed.length).toBeLessThanOrEqual(text.length);
          else expect(formatFlowEncoding(parsed)).toBe(text);
        },
      ),
      { seed },
    );
  });
});
