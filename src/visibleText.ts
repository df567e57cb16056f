/** Characters that a terminal acts on or that are invisible: controls, bidirectional and joining marks, fillers, line separators. */
const unseen = String.raw`[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]`;

/** Scripts that need joiners for correct spelling. */
const joining = [
  'Arab',
  'Beng',
  'Deva',
  'Gujr',
  'Guru',
  'Khmr',
  'Knda',
  'Mlym',
  'Orya',
  'Sinh',
  'Taml',
  'Telu',
]
  .map((script) => String.raw`\p{Script=${script}}`)
  .join('');

/** Characters that stay: line ends, tabs, and parts of the preceding emoji or letter. */
const belonging = [
  String.raw`[\n\t]`,
  String.raw`\r(?=\n)`,
  String.raw`(?<=\p{Extended_Pictographic})[\ufe0e\ufe0f]`,
  String.raw`(?<=[0-9#*])\ufe0f(?=\u20e3)`,
  String.raw`(?<=\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?)\u200d`,
  `(?<=[${joining}])[\\u200c\\u200d]`,
].join('|');

const toShow = new RegExp(`(?!${belonging})${unseen}`, 'gu');
const inJson = new RegExp(`(?!\n)${unseen}`, 'gu');

/** Length of text that decides whether the next character belongs to it, in UTF-16 code units. */
export const contextLength = 4;

/**
 * Foreign text made safe for a terminal: characters that it acts on or that are invisible become `\u{9b}`.
 * Lines and tabs stay. `before` is the text already shown on the same line, for text that arrives in pieces.
 */
export function visibleText(text: string, before = ''): string {
  const context = before.slice(-contextLength);
  const kept = context.replace(toShow, '').length;
  return (context + text)
    .replace(toShow, (character, at: number) => (at < context.length ? '' : escaped(character)))
    .slice(kept);
}

/** Text without characters that a terminal acts on or that are invisible. */
export function withoutUnseen(text: string): string {
  return text.replace(toShow, '');
}

/** Like `visibleText`, on one line and without tabs, so that it can't look like another row. */
export function visibleLine(text: string): string {
  return visibleText(text).replace(/[\r\n\t]/g, escaped);
}

/** JSON with the same value, with escapes for characters that a terminal acts on or that are invisible. */
export function visibleJson(json: string): string {
  return json.replace(inJson, (character) =>
    Array.from({ length: character.length }, (_, index) => {
      const unit = character.charCodeAt(index).toString(16).padStart(4, '0');
      return `\\u${unit}`;
    }).join(''),
  );
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
