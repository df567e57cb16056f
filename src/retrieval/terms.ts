import { stem } from './stem.ts';

/** Words of questions that say nothing about what is asked for. */
const stopWords: ReadonlySet<string> = new Set(
  (
    'a about after all also an and any are as at be because been before being but by can could did do does doing for ' +
    'from get gets had has have having how i if in into is it its just made make makes me more most my no nor not of ' +
    'off on once only or other our out over own same she he should so some such than that the their them then there ' +
    'these they this those through to too under until up us very was we were what when where which while who whom why ' +
    'will with would you your'
  ).split(' '),
);

/** Terms of names that were split before; emptied when it is full, so that its size is bounded. */
const known = new Map<string, readonly string[]>();
const mostKnown = 50_000;

/**
 * The terms by which a text is found, in order and with repetitions: the stems of its words. Names are split
 * (`readFileText`, `read_file_text`) and also kept whole (`readfiletext`). Stop words and single letters are left out.
 */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  for (const [name] of text.matchAll(/[\p{L}\p{N}_]+/gu)) terms.push(...termsOfName(name));
  return terms;
}

function termsOfName(name: string): readonly string[] {
  const before = known.get(name);
  if (before) return before;
  const parts = partsOf(name);
  const whole = parts.length > 1 ? [parts.join('')] : [];
  const terms = [
    ...whole,
    ...parts.filter((part) => part.length > 1 && !stopWords.has(part)).map((part) => stem(part)),
  ];
  if (known.size >= mostKnown) known.clear();
  known.set(name, terms);
  return terms;
}

/** The lower-case words of a name: of `parseHTMLText` and `parse_html_text` the same. */
function partsOf(name: string): string[] {
  return name
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1_$2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
    .split('_')
    .filter((part) => part !== '');
}
