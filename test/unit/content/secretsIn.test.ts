import { describe, expect, it } from 'vitest';
import { secretsIn } from '../../../src/content/redaction.ts';

const key = `AKIAIOSFODNN7EXAMPLE`;

describe('secrets in a text', () => {
  it.each([
    ['an AWS key', `key = ${key}`, 'aws key', key],
    ['a password somebody made', 'db_password: "Tr0ub4dor&3x"', 'secret', 'Tr0ub4dor&3x'],
    ['a password in an address', 'url: postgres://ada:Xk92mQpl@db/x', 'secret', 'Xk92mQpl'],
    ['a word in an address', 'url: http://ada:secretpw@track.example', 'secret', 'secretpw'],
    [
      'an AWS secret key with slashes',
      'AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE12',
      'secret',
      'wJalr',
    ],
    ['a token of GitHub', `ghp_${'a1B2'.repeat(9)}`, 'token', 'ghp_'],
    [
      'a private key',
      '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----',
      'private key',
      '-----BEGIN',
    ],
  ])('%s is found by its kind and place', (_what, text, kind, value) => {
    expect(secretsIn(text)).toEqual([{ kind, index: text.indexOf(value) }]);
  });

  it.each([
    ['personal data', 'ada@example.com, 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00'],
    ['a version', '"@aws-sdk/token-providers": "^3.972.0"'],
    ['a path', 'secret_file = /run/secrets/db1/password2'],
    ['code', 'const token = readToken(parts[1], 16);'],
    ['a reference', 'password: ${DATABASE_PASSWORD_2}'],
    ['a reference in an address', 'http://ada:${PASSWORD}@db/x'],
    ['a word', 'password: correcthorse'],
  ])('%s is none', (_what, text) => {
    expect(secretsIn(text)).toEqual([]);
  });

  it('are words as well in a file of variables, where no reference stands', () => {
    const words = { words: true };
    expect(secretsIn('password: correcthorsebattery', words)).toEqual([{ kind: 'secret', index: 10 }]);
    expect(secretsIn('PASSWORD=$OTHER_PASSWORD\nPASSWORD_FILE=correcthorsebattery', words)).toEqual([]);
  });

  it('are in the order of the text', () => {
    const text = `api_key: "q7Wx-93kd-Lmz2"\n${key}\n`;
    expect(secretsIn(text).map(({ kind }) => kind)).toEqual(['secret', 'aws key']);
  });
});
