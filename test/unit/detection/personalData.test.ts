import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findingsIn } from '../../../src/detection/detect.ts';

/** The kinds and the values that are personal data. */
function personalDataIn(text: string): string[] {
  return findingsIn({ text }, [])
    .filter((finding) => finding.class === 'personal_data')
    .map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`);
}

describe('personal data', () => {
  it.each([
    ['an e-mail address', 'to ada.lovelace+x@mail.example.org.', 'EMAIL ada.lovelace+x@mail.example.org'],
    ['one in a country whose domain is also a kind of file', 'to ada@example.md', 'EMAIL ada@example.md'],
    ['one of an international domain', 'an grüße@müller.example!', 'EMAIL grüße@müller.example'],
    ['a card', 'card 4111 1111 1111 1111 expires', 'CARD 4111 1111 1111 1111'],
    ['a card of American Express', '3782-822463-10005', 'CARD 3782-822463-10005'],
    ['a card after other digits', '12 5555555555554444', 'CARD 5555555555554444'],
    ['an IBAN', 'DE89 3704 0044 0532 0130 00 and more', 'IBAN DE89 3704 0044 0532 0130 00'],
    ['an IBAN with letters', 'GB82WEST12345698765432', 'IBAN GB82WEST12345698765432'],
    ['a social security number', 'SSN 536-90-4399.', 'SSN 536-90-4399'],
    ['a German tax id', 'Steuer-ID: 86 095 742 719', 'TAX_ID 86 095 742 719'],
    [
      'a passport',
      'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10',
      'PASSPORT P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10',
    ],
    ['an IPv4 address', 'from 93.184.216.34:443', 'IP 93.184.216.34'],
    ['an IPv6 address', 'from [2a02:8108:1:22::5]', 'IP 2a02:8108:1:22::5'],
    ['an international telephone number', 'call +49 30 901820', 'PHONE +49 30 901820'],
    ['one of North America', '(212) 555-0123', 'PHONE (212) 555-0123'],
    ['one after its name', 'Mobile: 69 987 88 37', 'PHONE 69 987 88 37'],
  ])('%s is found', (_what, text, found) => {
    expect(personalDataIn(text)).toEqual([found]);
  });

  it.each([
    ['a card whose check digit is wrong', '4111 1111 1111 1112'],
    ['a number no issuer has', '9111111111111119'],
    ['an integer of 64 bits', '4047724406247136402 6247352273768386516'],
    ['numbers in a row', '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17'],
    ['an IBAN whose check digits are wrong', 'DE88 3704 0044 0532 0130 00'],
    ['an IBAN of the wrong length', 'DE89 3704 0044 0532 0130'],
    [
      'social security numbers that nobody has',
      '000-12-3456 666-12-3456 912-12-3456 123-00-4567 123-45-0000',
    ],
    ['a German tax id whose check digit is wrong', 'Steuer-ID: 86 095 742 718'],
    ['a tax id without its name', '86095742719'],
    [
      'addresses of nobody',
      '127.0.0.1 10.1.2.3 192.168.0.1 169.254.1.1 192.0.2.7 0.0.0.0 ::1 fe80::1:2:3 2001:db8::1:2',
    ],
    [
      'versions',
      'v1.2.3.4, version 10.11.12.13, billiard==3.6.4.0, 1.2.3.4.5, C99 7.18.1.2, Chrome/116.0.0.0',
    ],
    [
      'code',
      'std::vector<fade::bed> icon@2x.png git@github.com:x/y.git @scope/name@1.2.3 react@17.0.2.production.min.js',
    ],
    ['dates and times', '2026-11-30T00:21:54Z 30.11.2026 01/02/2026 01-02-2026'],
    ['constants', '+2147483647 00110011 0x7fffffff 1e10 3.14159265358979'],
  ])('%s is none', (_what, text) => {
    expect(personalDataIn(text)).toEqual([]);
  });

  it.each([
    ['Visa', '4', 16],
    ['an old Visa', '4', 13],
    ['Mastercard', '55', 16],
    ['a newer Mastercard', '2221', 16],
    ['American Express', '34', 15],
    ['Discover', '6011', 16],
    ['Diners Club', '36', 14],
    ['JCB', '3528', 16],
    ['UnionPay', '62', 16],
    ['Maestro', '6759', 12],
  ])('any number of %s is found with its check digit, and with no other', (_issuer, prefix, length) => {
    const account = fc.string({
      unit: fc.constantFrom(...Array.from('0123456789')),
      minLength: length - prefix.length - 1,
      maxLength: length - prefix.length - 1,
    });
    fc.assert(
      fc.property(account, (digits) => {
        const found = Array.from('0123456789', (check) => `${prefix}${digits}${check}`).filter((number) =>
          personalDataIn(`it is ${number}.`).includes(`CARD ${number}`),
        );
        expect(found).toEqual([`${prefix}${digits}${luhnDigit(`${prefix}${digits}`)}`]);
      }),
    );
  });
});

function luhnDigit(digits: string): string {
  const sum = Array.from(digits)
    .reverse()
    .map((digit, place) => (place % 2 === 0 ? 2 * Number(digit) : Number(digit)))
    .reduce((total, value) => total + (value > 9 ? value - 9 : value), 0);
  return String((10 - (sum % 10)) % 10);
}
