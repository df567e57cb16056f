import { describe, expect, it } from 'vitest';
import { visibleJson, visibleLine, visibleText } from '../../src/visibleText.ts';

const hidden = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/u;

/** Every character that is a control or can't be seen, of all there are. */
const unseen = Array.from({ length: 0x110000 }, (_, point) => point)
  .filter((point) => (point < 0xd800 || point > 0xdfff) && hidden.test(String.fromCodePoint(point)))
  .map((point) => String.fromCodePoint(point));

const named = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`;

describe('every character that nobody sees', () => {
  it('is among thousands', () => {
    expect(unseen.length).toBeGreaterThan(4_000);
    expect(unseen).toEqual(expect.arrayContaining(['\u001b', '\u009b', '\u007f', '\u202e', '\u3164']));
  });

  it('is named where text is shown, but for line ends and tabs', () => {
    for (const character of unseen) {
      const shown = '\n\t'.includes(character) ? character : named(character);
      expect(visibleText(`a${character}b`)).toBe(`a${shown}b`);
    }
  });

  it('is named in a line, line ends and tabs too', () => {
    for (const character of unseen) expect(visibleLine(`a${character}b`)).toBe(`a${named(character)}b`);
    expect(visibleLine('a\r\nb')).toBe('a\\u{d}\\u{a}b');
  });

  it('is escaped in JSON, which keeps its value', () => {
    for (const character of unseen) {
      const document = { [`a${character}b`]: character };
      const json = visibleJson(JSON.stringify(document, null, 2));
      expect(json.replaceAll('\n', '')).not.toMatch(hidden);
      expect(JSON.parse(json)).toEqual(document);
    }
  });
});

describe('text that people write', () => {
  const texts = [
    'Grüße, 世界 – “quotes” 1 000 €',
    'two\r\nlines\tand a tab\n',
    '👩‍💻 👨🏽‍🚒 ❤️ 1️⃣ 🏳️‍🌈 ☺︎ ©',
    'می‌خواهم क्‍ष ශ්‍රී',
    'العربية עברית',
  ];

  it.each(texts)('is left as it is: %j', (text) => {
    expect(visibleText(text)).toBe(text);
  });

  it('is left as it is in pieces of any length', () => {
    // A keycap is told by what follows, which has not come yet.
    for (const text of texts.map((whole) => whole.replace('1️⃣ ', '').replace('\r', '')))
      for (const length of [1, 2, 3, 5]) {
        const characters = Array.from(text);
        let [before, shown] = ['', ''];
        for (let start = 0; start < characters.length; start += length) {
          const piece = characters.slice(start, start + length).join('');
          shown += visibleText(piece, before);
          before += piece;
        }
        expect(shown).toBe(text);
      }
  });

  it('can’t hide what joins nothing', () => {
    expect(visibleText('a\u200da')).toBe('a\\u{200d}a');
    expect(visibleText('ok\ufe0f')).toBe('ok\\u{fe0f}');
    expect(visibleText('👩\u200d\u200d')).toBe('👩\u200d\\u{200d}');
    expect(visibleText('\u200d', 'hello')).toBe('\\u{200d}');
    expect(visibleText('x', '\u001b[2')).toBe('x');
  });
});
