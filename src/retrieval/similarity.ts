import { termsOf } from './terms.ts';

/** The weights of a term that both texts have, and of one that only one has: TF-IDF over the two, ln(1 + texts / texts with it). */
const ofShared = Math.log(1 + 2 / 2);
const ofOther = Math.log(1 + 2 / 1);

/**
 * How similar two short texts are, from 0 to 1, by their words: the cosine of their TF-IDF vectors over the stems of split
 * words, without stop words. It knows no meaning: texts without a common stem have 0, and so has a text of stop words.
 */
export function similarity(one: string, other: string): number {
  const [own, others] = [frequenciesOf(one), frequenciesOf(other)];
  let product = 0;
  for (const [term, count] of own)
    product += weight(count, ofShared) * weight(others.get(term) ?? 0, ofShared);
  return product === 0 ? 0 : Math.min(1, product / (lengthOf(own, others) * lengthOf(others, own)));
}

type Frequencies = ReadonlyMap<string, number>;

/** Single digits count too: version 2.4 is not 2.5. */
function frequenciesOf(text: string): Frequencies {
  const frequencies = new Map<string, number>();
  for (const term of [...termsOf(text), ...(text.match(/\b\d\b/g) ?? [])])
    frequencies.set(term, (frequencies.get(term) ?? 0) + 1);
  return frequencies;
}

function weight(count: number, idf: number): number {
  return count === 0 ? 0 : (1 + Math.log(count)) * idf;
}

function lengthOf(own: Frequencies, others: Frequencies): number {
  return Math.hypot(...[...own].map(([term, count]) => weight(count, others.has(term) ? ofShared : ofOther)));
}
