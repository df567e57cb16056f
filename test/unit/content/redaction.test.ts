import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Redactor } from '../../../src/content/redaction.ts';

function redact(text: string): string {
  return new Redactor([]).redact(text);
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const mixed = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const from = (characters: string, length: number, more = length): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from(characters)), minLength: length, maxLength: more });

function luhnDigit(digits: string): string {
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits.at(-1 - place)) * (place % 2 === 0 ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return String((10 - (sum % 10)) % 10);
}

function ibanOf(country: string, account: string): string {
  const numeric = `${account}${country}00`.replace(/[A-Z]/g, (letter) => String(parseInt(letter, 36)));
  return `${country}${String(98n - (BigInt(numeric) % 97n)).padStart(2, '0')}${account}`;
}

/** Values that must never be stored, each made anew. */
const values: Record<string, fc.Arbitrary<string>> = {
  'aws key': from(letters, 16).map((rest) => `AKIA${rest}`),
  'GitHub token': from(mixed, 36).map((rest) => `ghp_${rest}`),
  'Slack token': from('0123456789', 12).map((rest) => `xoxb-${rest}-abcdef`),
  'Anthropic key': from(mixed, 40).map((rest) => `sk-ant-${rest}`),
  JWT: fc
    .tuple(from(mixed, 20, 60), from(mixed, 20, 90), from(mixed, 43))
    .map((parts) => `eyJ${parts.join('.')}`),
  'private key': from(mixed, 64, 300).map(
    (body) => `-----BEGIN RSA PRIVATE KEY-----\n${body}\n-----END RSA PRIVATE KEY-----`,
  ),
  email: fc.emailAddress().filter((email) => /^[\w.+%-]+@/.test(email)),
  card: fc.tuple(fc.constantFrom('4', '51', '37', '6011'), from('0123456789', 15)).map(([brand, rest]) => {
    const digits = `${brand}${rest}`.slice(0, brand === '37' ? 14 : 15);
    return `${digits}${luhnDigit(digits)}`.replace(/(.{4})(?=.)/g, '$1 ');
  }),
  IBAN: from('0123456789', 18).map((account) => ibanOf('DE', account)),
  'IBAN in groups': from('0123456789', 18).map((account) =>
    ibanOf('DE', account).replace(/(.{4})(?=.)/g, '$1 '),
  ),
  // Addresses that are anybody's, such as 10.0.0.1 and ::1, identify nobody.
  IPv4: fc.ipV4().map((address) => address.replace(/^\d+/, '93').replace(/\d+$/, '34')),
  IPv6: from('0123456789abcdef', 4).map((group) => `2a02:${group}:1:22:333:4444:5:${group}`),
  phone: fc
    .tuple(fc.constantFrom('+49 ', '+1 ', '0044 '), from('0123456789', 3), from('0123456789', 7))
    .map(([country, area, number]) => `${country}${area} ${number}`),
};

const surroundings = fc.constantFrom(
  ['', ''],
  ['call me: ', ' please'],
  ['(', ')'],
  ['"', '"'],
  ['line one\n', '\nline two'],
  ['<', '>'],
);

describe('redaction', () => {
  it.each(Object.entries(values))('takes every %s out of any place', (_kind, value) => {
    fc.assert(
      fc.property(value, surroundings, fc.lorem(), (secret, [before = '', after = ''], words) => {
        const redacted = redact(`${words} ${before}${secret}${after} ${words}`);
        expect(redacted).not.toContain(secret);
        expect(redacted).toMatch(/\[[a-z ]+\]/);
        // The last characters alone give away no less than the whole.
        expect(redacted).not.toContain(secret.slice(-8));
      }),
    );
  });

  it('takes many values out of one text, and finds nothing more when done again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(...Object.values(values)), { maxLength: 8 }),
        fc.lorem(),
        (secrets, words) => {
          const redacted = redact(secrets.map((secret) => `${words} ${secret}`).join('\n'));
          for (const secret of secrets) expect(redacted).not.toContain(secret);
          expect(redact(redacted)).toBe(redacted);
        },
      ),
    );
  });

  it.each([
    ['password = "tr0ub4dor&3-x"', 'password = "[secret]"'],
    ["api_key: 'q8Zx-77Lm-42Pw'", "api_key: '[secret]'"],
    ['AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzz', 'AWS_SECRET_ACCESS_KEY=[secret]'],
    ['{"client_secret":"a1B2c3D4e5F6g7"}', '{"client_secret":"[secret]"}'],
    ['postgres://ada:Lovelace1815@db/x', 'postgres://ada:[secret]@db/x'],
    ['Authorization: Bearer abcDEF123456ghiJKL', 'Authorization: Bearer [token]'],
    [
      'https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/c1c2c3c4c5c6',
      'https://hooks.slack.com/services/[token]',
    ],
  ])('of %s keeps what isn’t the value', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });

  it.each([
    'const token: string = readToken();',
    'apiKey: process.env.API_KEY,',
    'function password(input: HTMLInputElement): void {',
    'std::vector<int> of a::b::c',
    'version 1.2.3 of 2026-11-22T10:20:30Z took 1234567890 ns',
    'order 4111 1111 1111 1112 is no card, DE00 0000 0000 0000 0000 00 no account',
    'commit 3f2504e04f8964b1 changed 12 files, +340 -12',
    'npm run build && git push origin main',
  ])('leaves "%s" alone', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('takes a value out wherever it comes again, also in a later text', () => {
    const redactor = new Redactor([]);
    expect(redactor.redact('secret = "x9!kQ2#mZ7"; print(x9!kQ2#mZ7)')).toBe(
      'secret = "[secret]"; print([secret])',
    );
    expect(redactor.redact('You wrote x9!kQ2#mZ7.')).toBe('You wrote [secret].');
  });

  it('takes out what the settings’ own patterns find, and leaves their marks alone', () => {
    const redactor = new Redactor([
      { id: 'employee', pattern: '\\bE-\\d{6}\\b|employee', class: 'personal_data' },
      { id: 'project', pattern: 'bluebird', class: 'secret' },
    ]);
    expect(redactor.redact('the employee E-123456 of bluebird')).toBe(
      'the [employee] [employee] of [secret]',
    );
    expect(redactor.redact('E-123456!')).toBe('[employee]!');
  });

  it('withholds texts whose search by a pattern of the settings does not end', () => {
    const redactor = new Redactor([{ id: 'endless', pattern: '(a+)+!', class: 'secret' }]);
    const long = `${'a'.repeat(60)}?`;
    expect(redactor.redact(long)).toBe('[not kept: it could not be searched in time]');
    expect(redactor.redact('words')).toBe('[not kept: it could not be searched in time]');
  });

  it('takes out what only the name beside a value makes a password', () => {
    expect(new Redactor([]).redact('hunter7-blue', 'password')).toBe('[secret]');
    expect(new Redactor([]).redact('hunter7-blue', 'title')).toBe('hunter7-blue');
  });

  it('takes time that grows with the text, not with its square', () => {
    const time = (length: number): number => {
      const text = 'a1 b2@ c-3 12 34 56 AB12 ://x:y '.repeat(length / 32);
      const startedAt = performance.now();
      redact(text);
      return performance.now() - startedAt;
    };
    // The quickest of some: other work on the machine only adds.
    const quickest = (length: number): number => Math.min(...[1, 2, 3, 4, 5, 6].map(() => time(length)));
    expect(quickest(1_000_000)).toBeLessThan(50 * quickest(100_000));
  });
});
