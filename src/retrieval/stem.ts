/**
 * The stem of a lower-case English word, by Porter's algorithm (1980): "connected", "connecting" and "connections" all
 * become "connect". Other words are returned unchanged.
 */
export function stem(word: string): string {
  if (word.length < 3 || !/^[a-z]+$/.test(word)) return word;
  return [plural, pastOrGerund, finalY, longSuffix, mediumSuffix, bareSuffix, finalE, doubleL].reduce(
    (text, step) => step(text),
    word,
  );
}

/** The word with each letter as a consonant (c) or a vowel (v); y is a vowel after a consonant. */
function shape(text: string): string {
  let letters = '';
  for (const letter of text)
    letters += 'aeiou'.includes(letter) || (letter === 'y' && letters.endsWith('c')) ? 'v' : 'c';
  return letters;
}

/** How often a consonant follows a vowel: Porter's m. */
function measure(text: string): number {
  return shape(text).match(/v+c+/g)?.length ?? 0;
}

function hasVowel(text: string): boolean {
  return shape(text).includes('v');
}

/** Whether it ends consonant, vowel, consonant, the last not w, x or y: "hop", not "box". */
function isShort(text: string): boolean {
  return shape(text).endsWith('cvc') && !/[wxy]$/.test(text);
}

function plural(word: string): string {
  if (/(ss|i)es$/.test(word)) return word.slice(0, -2);
  return /[^s]s$/.test(word) ? word.slice(0, -1) : word;
}

function pastOrGerund(word: string): string {
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const rest = word.replace(/(ed|ing)$/, '');
  if (rest === word || !hasVowel(rest)) return word;
  if (/(at|bl|iz)$/.test(rest)) return `${rest}e`;
  if (/([^aeiouylsz])\1$/.test(rest)) return rest.slice(0, -1);
  return measure(rest) === 1 && isShort(rest) ? `${rest}e` : rest;
}

function finalY(word: string): string {
  return word.endsWith('y') && hasVowel(word.slice(0, -1)) ? `${word.slice(0, -1)}i` : word;
}

/** Replaces the first ending that the word has, if what stands before it is long enough. */
function replaceEnding(word: string, endings: Readonly<Record<string, string>>, above: number): string {
  const found = Object.entries(endings).find(([ending]) => word.endsWith(ending));
  if (!found) return word;
  const rest = word.slice(0, -found[0].length);
  return measure(rest) > above ? rest + found[1] : word;
}

// Longer endings stand before those that they end with.
const longEndings = {
  ational: 'ate',
  tional: 'tion',
  enci: 'ence',
  anci: 'ance',
  izer: 'ize',
  abli: 'able',
  alli: 'al',
  entli: 'ent',
  eli: 'e',
  ousli: 'ous',
  ization: 'ize',
  ation: 'ate',
  ator: 'ate',
  alism: 'al',
  iveness: 'ive',
  fulness: 'ful',
  ousness: 'ous',
  aliti: 'al',
  iviti: 'ive',
  biliti: 'ble',
};
const mediumEndings = { icate: 'ic', ative: '', alize: 'al', iciti: 'ic', ical: 'ic', ful: '', ness: '' };
const bareEndings =
  /(al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|(?<=[st])ion|ou|ism|ate|iti|ous|ive|ize)$/;

function longSuffix(word: string): string {
  return replaceEnding(word, longEndings, 0);
}

function mediumSuffix(word: string): string {
  return replaceEnding(word, mediumEndings, 0);
}

function bareSuffix(word: string): string {
  const rest = word.replace(bareEndings, '');
  return measure(rest) > 1 ? rest : word;
}

function finalE(word: string): string {
  const rest = word.replace(/e$/, '');
  if (rest === word) return word;
  const long = measure(rest);
  return long > 1 || (long === 1 && !isShort(rest)) ? rest : word;
}

function doubleL(word: string): string {
  return word.endsWith('ll') && measure(word) > 1 ? word.slice(0, -1) : word;
}
