import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findingsIn } from '../../../src/detection/detect.ts';
import type { CustomPattern } from '../../../src/detection/finding.ts';

const ticket: CustomPattern = { id: 'ticket-number', pattern: 'T(\\d{4})X', class: 'personal_data' };
const word: CustomPattern = { id: 'code-word', pattern: 'project (\\p{Lu}\\p{L}+)', class: 'secret' };

/** Values that are found wherever they stand alone. */
const values = [
  'ada@mail.example.org',
  '4111 1111 1111 1111',
  'DE89370400440532013000',
  '93.184.216.34',
  '+49 30 901820',
  'AKIAIOSFODNN7EXAMPLE',
  `ghp_${'a1B2'.repeat(9)}`,
];
const filler = fc.oneof(
  fc.constantFrom(
    '😀',
    '𝔘𝔫𝔦',
    '\r\n',
    '\n',
    ' ',
    'ä',
    '{',
    '"',
    "'",
    ' İ ',
    '\u2028',
    '\ud800',
    'token = ',
    'key: "',
    '://a:',
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
);

describe('findings', () => {
  it('are where the values are, after characters of any length', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 6 }), (chosen) => {
        const text = chosen.map((value) => `😀𝔘 İ\r\n ${value} \r\n`).join('');
        expect(findingsIn({ text }, []).map(({ start, end }) => text.slice(start, end))).toEqual(chosen);
      }),
    );
  });

  it('are sorted, not empty and never overlap, and no text throws', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(filler, fc.constantFrom(...values)), { maxLength: 40 }), (parts) => {
        const text = parts.join('');
        let end = 0;
        for (const finding of findingsIn({ text }, [ticket, word])) {
          expect(finding.start).toBeGreaterThanOrEqual(end);
          expect(finding.end).toBeGreaterThan(finding.start);
          end = finding.end;
        }
        expect(end).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    'x',
    'a1 ',
    '😀',
    'token="',
    'curl ',
    'key=',
    '4',
    '1 ',
    '@a.',
    '-----BEGIN PRIVATE KEY-----',
    'a:b@',
    '<password ',
  ])('are found in a line of 1 MB of "%s"', (part) => {
    const line = `${part.repeat(1_000_000 / part.length)} ada@mail.example.org`;
    const last = findingsIn({ text: line }, []).at(-1);
    expect(last?.end).toBe(line.length);
  });

  it('are secrets before personal data, and the settings’ patterns before the built-in ones', () => {
    const text = 'postgres://ada:Lovelace@db.example.org/x project Orion T1234X';
    expect(
      findingsIn({ text }, [ticket, word]).map(({ rule, kind, start, end }) => [
        rule,
        kind,
        text.slice(start, end),
      ]),
    ).toEqual([
      ['url-password', 'SECRET', 'Lovelace'],
      ['code-word', 'SECRET', 'Orion'],
      ['ticket-number', 'TICKET_NUMBER', '1234'],
    ]);
  });
});
