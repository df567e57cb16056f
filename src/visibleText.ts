/** What a terminal acts on, or nobody sees: controls, marks that turn or join text, fillers, line separators. */
const unseen = String.raw`[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]`;

/** Scripts whose words need joiners to be spelled right. */
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

/** What is left as it is: line ends, tabs, and what belongs to the picture or letter before it. */
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

/** The most that decides whether the next character belongs to it, in UTF-16 code units. */
export const contextLength = 4;

/**
 * Foreign text as a terminal may show it: what it would act on, or what nobody would see, stands as `\u{9b}`.
 * Lines and tabs stay. `before` is what was shown before it on the same line, for text that comes in pieces.
 */
export function visibleText(text: string, before = ''): string {
  const context = before.slice(-contextLength);
  const kept = context.replace(toShow, '').length;
  return (context + text)
    .replace(toShow, (character, at: number) => (at < context.length ? '' : escaped(character)))
    .slice(kept);
}

/** Text without what a terminal would act on or nobody would see. */
export function withoutUnseen(text: string): string {
  return text.replace(toShow, '');
}

/** As `visibleText`, in one line and without tabs: it can't pass for another row. */
export function visibleLine(text: string): string {
  return visibleText(text).replace(/[\r\n\t]/g, escaped);
}

/** JSON with the same value, in which nothing is left that a terminal would act on or nobody would see. */
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
