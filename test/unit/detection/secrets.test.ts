import { describe, expect, it } from 'vitest';
import { findingsIn, secretFindingsIn } from '../../../src/detection/detect.ts';
import { gitleaksFindings } from '../../../src/detection/gitleaks.ts';
import { gitleaksSamples } from '../../support/gitleaksSamples.ts';

const samples = gitleaksSamples();
const key = 'q8Zx77Lm42PwR5tK9sVb';

/** The values that are secrets. */
function secretsOf(text: string): string[] {
  return findingsIn({ text }, [])
    .filter((finding) => finding.class === 'secret')
    .map(({ start, end }) => text.slice(start, end));
}

describe('secrets', () => {
  // Without a path one can't tell a Terraform file from others: its passwords are found by other rules.
  it.each(samples.filter(([rule]) => rule !== 'hashicorp-tf-password'))(
    "are found by gitleaks' rule %s in its own samples",
    (rule, { found }) => {
      const missed = found.filter((text) => !gitleaksFindings(text).some((finding) => finding.rule === rule));
      expect(missed).toEqual([]);
    },
  );

  // Their rules look at one kind of file only, and a text has no path.
  it.each(samples.filter(([rule]) => !['freemius-secret-key', 'nuget-config-password'].includes(rule)))(
    "are not found by gitleaks' rule %s where it finds none",
    (rule, { passed }) => {
      const wrong = passed.filter((text) => gitleaksFindings(text).some((finding) => finding.rule === rule));
      expect(wrong).toEqual([]);
    },
  );

  it('are the same alone as among personal data, also in texts with escapes', () => {
    const personal = ['ada@example.com', '+49 170 1234567', '4111 1111 1111 1111', 'DE89370400440532013000'];
    const texts = samples.flatMap(([, { found, passed }]) => [...found.slice(0, 20), ...passed.slice(0, 5)]);
    for (const [index, text] of texts.entries())
      for (const made of [
        text,
        `${personal[index % personal.length] ?? ''}\\n${text}\\t`,
        JSON.stringify(text),
      ])
        expect(secretFindingsIn(made)).toEqual(
          findingsIn({ text: made }, []).filter((finding) => finding.class === 'secret'),
        );
  });

  it('give way, as they stand, to personal data in plain characters', () => {
    // The escape makes the end of a token the name of an address.
    const text = 'airtableToken=vazt7c0\\npt6u7o1q56@example.com';
    expect(secretFindingsIn(text)).toEqual([]);
    expect(findingsIn({ text }, [])).toMatchObject([{ class: 'personal_data' }]);
  });

  it('of any rule are found in all of the samples but one in a thousand', () => {
    const all = samples.flatMap(([, { found }]) => found);
    const missed = all.filter((text) => secretsOf(text).length === 0);
    expect(all.length).toBeGreaterThan(6000);
    expect(missed.length).toBeLessThan(all.length / 1000);
  });

  it.each([
    ['.netrc', 'machine api.example.com login ada password swordfish', 'swordfish'],
    ['.htpasswd', 'ada:$apr1$tp8glkbm$fjg65tI1eipoBh62aEjIy0', '$apr1$tp8glkbm$fjg65tI1eipoBh62aEjIy0'],
    ['.pgpass', 'localhost:5432:shop:ada:swordfish', 'swordfish'],
    [
      '.npmrc',
      '//registry.npmjs.org/:_authToken=26dfe8d8-889b-4380-92ff-9c3c6ea5d930',
      '26dfe8d8-889b-4380-92ff-9c3c6ea5d930',
    ],
    ['an address', 'postgres://ada@shop:Lovelace@db/x', 'Lovelace'],
    ['a connection string', 'Server=db;Database=x;User Id=sa;Password=Lovelace;Encrypt=true', 'Lovelace'],
    ['an XML element', '<Password>swordfish</Password>', 'swordfish'],
    ['an XML attribute', '<connection user="ada" password="swordfish" />', 'swordfish'],
    ['JSON', '{ "username": "ada", "dbPassword": "swordfish" }', 'swordfish'],
    ['YAML', 'db:\n  password: hunter2', 'hunter2'],
    ['an INI file', '[db]\npassword=hunter22', 'hunter22'],
    ['properties', 'spring.datasource.password=Tr0ub4dor', 'Tr0ub4dor'],
    ['a shell export', "export DB_PASSWORD='swordfish'", 'swordfish'],
    ['PHP', "define('DB_PASSWORD', 'sword fish');", 'sword fish'],
    ['Docker’s config.json', `{"auths":{"x":{"auth":"YWRhOnN3b3JkZmlzaA=="}}}`, 'YWRhOnN3b3JkZmlzaA=='],
    ['a header', `Authorization: Bearer ${key}`, key],
    [
      'a private key that is cut off',
      '-----BEGIN PRIVATE KEY-----\nMIIB',
      '-----BEGIN PRIVATE KEY-----\nMIIB',
    ],
    [
      'a JSON web token',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
    ],
  ])('are found in %s', (_where, text, secret) => {
    expect(secretsOf(text)).toEqual([secret]);
  });

  it.each([
    'password: ${DATABASE_PASSWORD_2}',
    'export TOKEN=$GITHUB_TOKEN',
    '{ "password": "Passwort", "username": "Benutzer" }',
    'https://user:pass@host and http://ada:${PASSWORD}@db/x',
    'const token = readToken(parts[1], 16);',
    'public password: string; private secret?: Uint8Array;',
    'import { apiKey2 } from "./keys"; const apiKey = settings.apiKey2;',
    'sha256 3f2504e04f8964b1c1bd1b3dd5f8a0a1d5b2f9b6c8e3d4a7f0e1c2b3a4d5e6f7',
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
  ])('are not found in %s', (text) => {
    expect(secretsOf(text)).toEqual([]);
  });

  // With the square of its length this takes half a minute.
  it('are found beside a long text of what a token begins with', { timeout: 15_000 }, () => {
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
    expect(secretsOf(`${'-eyJ'.repeat(50_000)} ${token}`)).toEqual([token]);
  });
});
