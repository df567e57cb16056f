import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { countrySpecs, isValidIBAN } from 'ibantools';
import type { Rule } from './rule.ts';

type Offsets = [start: number, end: number][];

/** The countries' codes: https://www.itu.int/pub/T-SP-E.164D */
const countryCode =
  '(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[1-368]|2[2-6]\\d|29\\d|3[578]\\d|42\\d|5[09]\\d|6[7-9]\\d|8[0578]\\d|9[679]\\d)';

/** How telephone numbers are written. */
const phoneForms = [
  // International: ITU-T E.123
  String.raw`(?:\+|00)${countryCode}(?:[ .\-/]?(?:\d{1,5}|\(\d{1,5}\))){2,6}`,
  // North America: neither area nor exchange begin with 0 or 1
  String.raw`(?:\+?1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}`,
  // With the area's code in brackets, or with the trunk prefix 0 and a group of at least three digits
  String.raw`\(0\d{1,4}\)[ \-/]?\d{3,}(?:[ -]?\d{2,}){0,3}`,
  String.raw`\(\d{2,4}\) ?\d{3,4}[ -]\d{3,4}`,
  String.raw`0[1-9]\d{0,3}[ \-/](?:\d{2,4}[ -]){0,2}\d{3,8}(?:[ -]\d{2,4}){0,2}`,
  // In pairs of digits, as in France
  String.raw`(?!(?:0\d[ .]){3})0[1-9]\d{0,3}(?:[ .]\d{2}){3,4}(?!\d|[ .]\d)`,
];
const date = /^\d{4}-\d{4}$|^0?\d[-/. ]\d\d?[-/. ]\d{4}$|^\d{4}[-/. ]\d\d?[-/. ]\d\d?$/;

/** Personal data that its form, and where there are check digits they, make sure. */
export const personalDataRules: readonly Rule[] = [
  {
    rule: 'email',
    class: 'personal_data',
    kind: 'EMAIL',
    // From its sign, which is rare: a search from the letters before takes ten times as long.
    pattern: /@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,63}/dgu,
    pick: emails,
  },
  {
    rule: 'iban',
    class: 'personal_data',
    kind: 'IBAN',
    pattern: /(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}/dgi,
    pick: ibans,
  },
  {
    rule: 'card',
    class: 'personal_data',
    kind: 'CARD',
    pattern: /(?<![\w.]|\d[ -])\d(?:[ -]?\d){11,30}(?!\w|\.\d)/dg,
    pick: cards,
  },
  {
    rule: 'us-ssn',
    class: 'personal_data',
    kind: 'SSN',
    // Never given out: https://www.ssa.gov/employer/randomizationfaqs.html
    pattern:
      /(?<![\w-]|\d[. ])(?!000|666|9)\d{3}(?:-(?!00)\d\d-| (?!00)\d\d )(?!0000)\d{4}(?![\w-]|[. ]\d)/dg,
    // Both were printed in advertisements.
    pick: (found) => (/078.05.1120|219.09.9999/.test(found) ? [] : whole(found)),
  },
  {
    rule: 'german-tax-id',
    class: 'personal_data',
    kind: 'TAX_ID',
    pattern: /(?<![\w.])[1-9]\d ?\d{3} ?\d{3} ?\d{3}(?!\w|\.\d)/dg,
    pick: (found, before) =>
      /(?:steuer|tax|\bTIN\b|idnr)[^]{0,30}$/i.test(before) && isGermanTaxId(found.replaceAll(' ', ''))
        ? whole(found)
        : [],
  },
  {
    rule: 'passport-mrz',
    class: 'personal_data',
    kind: 'PASSPORT',
    pattern: /(?<![A-Z0-9<])P[A-Z<][A-Z<]{42}\r?\n[A-Z0-9<]{28}[A-Z0-9<]{14}[\d<]\d(?![A-Z0-9<])/dg,
    pick: (found) => (isPassport(found.slice(-44)) ? whole(found) : []),
  },
  {
    rule: 'ipv4',
    class: 'personal_data',
    kind: 'IP',
    pattern: /(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\w)/dg,
    pick: (found, before) =>
      isIPv4(found) && !nobodyV4.check(found, 'ipv4') && !section.test(found) && !version.test(before)
        ? whole(found)
        : [],
  },
  {
    rule: 'ipv6',
    class: 'personal_data',
    kind: 'IP',
    pattern: /(?<![\w:.])[\da-f]{1,4}(?::[\da-f]{0,4}){2,7}(?![\w:]|\.\w)/dgi,
    // Names in code such as "fade::bed" pass for short ones.
    pick: (found) =>
      isIPv6(found) &&
      /\d/.test(found) &&
      found.split(':').filter(Boolean).length > 2 &&
      !nobodyV6.check(found, 'ipv6')
        ? whole(found)
        : [],
  },
  {
    rule: 'phone',
    class: 'personal_data',
    kind: 'PHONE',
    pattern: new RegExp(
      `(?<![\\w.+/-]|\\d[ :])(?:${phoneForms.join('|')})(?:x\\d{1,5})?(?![\\w.\\-]?\\d)`,
      'dg',
    ),
    pick: (found) => (isPhone(found) ? whole(found) : []),
  },
  {
    rule: 'named-phone',
    class: 'personal_data',
    kind: 'PHONE',
    // In the writing of any country, in groups, after or before words that say what it is.
    pattern:
      /\b(?:phone|mobile|cell|tel|telefon|telephone|handy|fax|(?:answering|call|contact|dial|reach|ring|text)(?: me| us| him| her| them)?(?: back)?(?: at| on)?)\b[^\d\n+(]{0,20}(\(?\d[\d()]{0,8}[ \-/][\d ()\-/]{3,16}\d)(?![\w.]?\d)|(?<![\w.+/-])(\(?\d[\d()]{0,8}[ \-/][\d ()\-/]{3,16}\d)(?=[ -]\(?(?:office|mobile|cell|fax|home)\b)/dgi,
    pick: (found) => (digitsIn(found) >= 7 && digitsIn(found) <= 15 && !date.test(found) ? whole(found) : []),
  },
];

function whole(found: string): Offsets {
  return [[0, found.length]];
}

/** By its digits, of which E.164 allows 15: +1 needs ten more, and bits are none. */
function isPhone(found: string): boolean {
  const [number = ''] = found.replace(/^00|[^\dx]/g, '').split('x');
  const most = /^(?:\+|00)1/.test(found) ? number.length === 11 : number.length <= 15;
  return number.length >= 8 && most && /[2-9]/.test(number) && !date.test(found);
}

function digitsIn(found: string): number {
  return found.replace(/\D/g, '').length;
}

function emails(found: string, before: string): Offsets {
  const user = /[\p{L}\p{N}_%+-][\p{L}\p{N}._%+-]*$/u.exec(before)?.[0] ?? '';
  return user === '' || noAddress.test(user + found) ? [] : [[-user.length, found.length]];
}

/** A user of a git server, a picture's file for finer screens (`icon@2x.png`), a package's (`react@17.0.2.min.js`). */
const noAddress = /^git@|@(?:[1-4]x\.\w+$|\d+\.\d+\.\d+[.-])/i;

/** Addresses that identify nobody: RFC 6890 (private, loopback, link-local …), RFC 5737 and RFC 3849 (documentation). */
const nobodyV4 = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  nobodyV4.addSubnet(network, bits, 'ipv4');

/** A section of a standard, an object identifier or a version such as 7.18.1.2 and 116.0.0.0, or a network. */
const section = /^(?:(?:1?\d|20)\.){3}(?:1?\d|20)$|\.0\.0$/;

/** What stands before a version of four numbers. */
const version = /(?:\b(?:v|ver|version|release)\W{0,3}|[=<>~^!]=\s?|[~^])$/i;

/** Apart: the first of these networks holds all of IPv4. */
const nobodyV6 = new BlockList();
for (const [network, bits] of [
  ['::', 8],
  ['2001:db8::', 32],
  ['3fff::', 20],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
] as const)
  nobodyV6.addSubnet(network, bits, 'ipv6');

/** A country's IBANs have one length, so that text after one isn't taken for more of it. */
function ibans(found: string): Offsets {
  const length = countrySpecs[found.slice(0, 2).toUpperCase()]?.chars ?? Infinity;
  let end = 0;
  for (let characters = 0; characters < length; end += 1) {
    if (end >= found.length) return [];
    if (found[end] !== ' ') characters += 1;
  }
  const followed = /^[A-Z0-9]/i.test(found.slice(end));
  return !followed && isValidIBAN(found.slice(0, end).replaceAll(' ', '').toUpperCase()) ? [[0, end]] : [];
}

/** Issuers' prefixes and lengths: ISO/IEC 7812, https://en.wikipedia.org/wiki/Payment_card_number */
const cardNumber = new RegExp(
  `^(?:${[
    '4(?:\\d{12}|\\d{15}|\\d{18})',
    '5[1-5]\\d{14}',
    '2(?:22[1-9]|2[3-9]\\d|[3-6]\\d\\d|7[01]\\d|720)\\d{12}',
    '3[47]\\d{13}',
    '3(?:0[0-5]|[689]\\d)\\d{11}',
    '(?:1800|2131)\\d{11}',
    '35(?:2[89]|[3-8]\\d)\\d{12,15}',
    '6(?:011|4[4-9]\\d|5\\d\\d)\\d{12,15}',
    '62\\d{14,17}',
    // Maestro
    '(?:50(?:18|20|38)|5[6-8]\\d\\d|6304|6390|6759|676[1-3])\\d{8,15}',
  ].join('|')})$`,
);

/** As cards print them. A number of more than 16 digits has groups or a name: most integers of 64 bits have 19. */
const cardGroups = /^(?:\d{12,16}|\d{4}([ -])\d{6}\1\d{4,5}|(?:\d{4}([ -]))(?:\d{4}\2){1,3}\d{1,4})$/;

/** Groups of digits that are a card's number together, wherever they begin. */
function cards(found: string, before: string): Offsets {
  const isNamed = /(?:card|visa|credit|karte|payment)[^]{0,60}$/i.test(before);
  const groups = [...found.matchAll(/\d+/g)].map(
    ({ 0: { length }, index }) => [index, index + length] as const,
  );
  for (const [start] of groups)
    for (const [, end] of groups.toReversed()) {
      const number = found.slice(start, Math.max(start, end));
      const digits = number.replace(/\D/g, '');
      if ((isNamed || cardGroups.test(number)) && cardNumber.test(digits) && passesLuhn(digits))
        return [[start, end]];
    }
  return [];
}

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const doubled = Number(digits.at(-1 - place)) * (place % 2 === 1 ? 2 : 1);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** § 139b AO: of the first ten digits one comes twice or three times, and the last is ISO 7064's mod 11,10. */
function isGermanTaxId(digits: string): boolean {
  const counts = Array.from('0123456789', (digit) => digits.slice(0, 10).split(digit).length - 1);
  const repeated = counts.filter((count) => count > 1);
  if (repeated.length !== 1 || Math.max(...counts) > 3) return false;
  let product = 10;
  for (const digit of digits.slice(0, 10)) {
    const sum = (Number(digit) + product) % 10 || 10;
    product = (2 * sum) % 11;
  }
  return (11 - product) % 10 === Number(digits.at(-1));
}

/** The second line of a passport's machine-readable zone (ICAO Doc 9303-4): number, birth, expiry and all have check digits. */
function isPassport(line: string): boolean {
  const [number, birth, expiry] = [line.slice(0, 10), line.slice(13, 20), line.slice(21, 28)];
  return [number, birth, expiry, number + birth + expiry + line.slice(28)].every((field) => {
    const digit = checkDigit(field.slice(0, -1));
    return digit === Number(field.at(-1));
  });
}

/** ICAO Doc 9303-3, 4.9: weights 7, 3, 1; a letter is ten and more, a filler nothing. */
function checkDigit(field: string): number {
  const values = Array.from(field, (one) => (one === '<' ? 0 : parseInt(one, 36)));
  return values.reduce((sum, value, place) => sum + value * ([7, 3, 1][place % 3] ?? 0), 0) % 10;
}
