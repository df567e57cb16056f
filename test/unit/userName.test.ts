import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { userNameFault, userNameOf } from '../../src/userName.ts';

/** Spellings of one user, of which a cap holds for all. */
const same: Record<string, string[]> = {
  ada: ['ada', 'Ada', 'ADA', ' ada', 'ada\n', '\tada\r\n', 'ａｄａ', 'ＡＤＡ', '𝐚𝐝𝐚', '𝔸𝔻𝔸', 'ⓐⓓⓐ'],
  'ada@example.com': ['Ada@Example.COM', 'ADA@EXAMPLE.COM'],
  zoë: ['zoë', 'zoe\u0308', 'ZOË', 'ZOE\u0308'],
  strasse: ['straße', 'STRASSE', 'STRAẞE', 'Straſſe'],
  'ada lovelace': ['Ada Lovelace', 'ada  lovelace', 'ADA   LOVELACE'],
  ας: ['ΑΣ', 'ας', 'ασ'],
  fikret: ['ﬁkret', 'FIKRET'],
  'uid 1000': ['uid 1000'],
};

describe('a user’s name', () => {
  it.each(Object.entries(same))('is %j however it is written', (name, spellings) => {
    for (const spelling of spellings) expect(userNameOf(spelling)).toBe(name);
    expect(userNameOf(userNameOf(name))).toBe(userNameOf(name));
  });

  it('with any character that nobody sees is refused, wherever it stands', () => {
    const hidden = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;
    let tried = 0;
    for (let point = 0; point < 0x110000; point += 1) {
      if (point >= 0xd800 && point <= 0xdfff) continue;
      const character = String.fromCodePoint(point);
      if (!hidden.test(character)) continue;
      tried += 1;
      expect(userNameFault(`a${character}da`)).toMatch(/an invisible character, U\+/);
      if (!'\t\r\n'.includes(character)) {
        expect(userNameFault(`${character}ada`)).not.toBeNull();
        expect(userNameFault(`ada${character}`)).not.toBeNull();
      }
    }
    expect(tried).toBeGreaterThan(4_000);
  });

  it.each([
    ['a space that is none', 'ada\u00a0lovelace', /U\+00A0/],
    ['an ideographic space', 'ada\u3000lovelace', /U\+3000/],
    ['an empty braille pattern', 'ada\u2800', /U\+2800/],
    ['half a character', 'ada\ud800', /U\+D800/],
    ['Cyrillic among Latin letters', 'аda', /Latin and Cyrillic/],
    ['Greek among Latin letters', 'adα', /Latin and Greek/],
    ['Cherokee among Latin letters', 'aᎪa', /Latin and Cherokee/],
    ['fillers alone', '\u3164\u115f', /U\+3164/],
    ['nothing', '  ', /empty/],
    ['what an account is called', 'Account:root', /account or an ARN/],
    ['an ARN', 'arn:aws:iam::123456789012:user/ada', /account or an ARN/],
    ['too much', 'a'.repeat(201), /200/],
  ])('of %s is refused', (_what, name, why) => {
    expect(userNameFault(name)).toMatch(why);
    expect(() => userNameOf(name)).toThrow(GatewayError);
  });

  it.each([
    'zoë',
    '李小龍',
    'たなか さん',
    '김철수',
    'иван',
    'أحمد',
    'o’neill',
    "o'neill",
    'łukasz-2',
    'dom\\ada',
  ])('%s is one', (name) => expect(userNameOf(name)).toBe(name));
});
