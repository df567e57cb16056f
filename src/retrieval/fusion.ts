/** The usual constant of reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): a rank counts as 1 / (60 + rank). */
const fusion = 60;

/**
 * Items in the order of two ranks that count the same: the one in which they come, and that of their likeness to the
 * question. The earlier of two equal ones stays first.
 */
export function fused<T>(items: readonly T[], likenessOf: (item: T) => number): T[] {
  const byLikeness = items
    .map((item) => ({ item, likeness: likenessOf(item) }))
    .sort((one, other) => other.likeness - one.likeness);
  const ranks = new Map(byLikeness.map(({ item }, rank) => [item, rank]));
  return items
    .map((item, rank) => ({
      item,
      score: 1 / (fusion + 1 + rank) + 1 / (fusion + 1 + (ranks.get(item) ?? 0)),
    }))
    .sort((one, other) => other.score - one.score)
    .map(({ item }) => item);
}

/** The cosine of the angle between two vectors of the same length; 0 if either has no direction. */
export function cosine(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let [product, squares, otherSquares] = [0, 0, 0];
  for (let index = 0; index < one.length; index += 1) {
    const [a = 0, b = 0] = [one[index], other[index]];
    product += a * b;
    squares += a * a;
    otherSquares += b * b;
  }
  const lengths = Math.sqrt(squares) * Math.sqrt(otherSquares);
  return lengths === 0 ? 0 : product / lengths;
}
