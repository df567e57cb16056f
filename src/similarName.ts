import { closest, distance } from 'fastest-levenshtein';

/** The known name that a word was probably meant to be; null if none is similar. */
export function similarName(word: string, known: readonly string[]): string | null {
  if (known.length === 0) return null;
  const nearest = closest(word, known);
  const changes = distance(word, nearest);
  return changes < nearest.length && changes <= Math.max(2, word.length / 3) ? nearest : null;
}
