import type { Turn } from '../../chat/turn.ts';

/** Turns that the view gets at once. */
const mostTurns = 50;
/** Of their questions and answers: drawing them takes longer than reading 40 MB. */
const mostCharacters = 200_000;

/** Index of the first turn of the part that ends before `end`: as much as the view gets at once, at least one turn. */
export function firstOfPart(turns: readonly Turn[], end: number): number {
  let characters = 0;
  let first = end;
  while (first > 0 && end - first < mostTurns) {
    const { question, answer } = turns[first - 1] as Turn;
    characters += question.length + answer.length;
    if (characters > mostCharacters && first < end) break;
    first -= 1;
  }
  return first;
}
