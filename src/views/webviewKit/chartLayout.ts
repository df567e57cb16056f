/** Where a chart is drawn, inside its axes; pixels. */
export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** More of a label than this doesn't keep others from being shown. */
const longestLabel = 12;

/** Width that each place along the axis has. */
export function bandOf(places: number, { width }: Area): number {
  return width / Math.max(1, places);
}

/** The labels that have room where each place is so many letters wide: always the first, cut short where they must be. */
export function labelsIn(
  labels: readonly string[],
  lettersPerPlace: number,
): { index: number; text: string }[] {
  const wanted = Math.min(longestLabel, Math.max(1, ...labels.map((label) => label.length))) + 1;
  const step = Math.max(1, Math.ceil(wanted / Math.max(lettersPerPlace, 0.01)));
  const room = Math.max(2, Math.floor(lettersPerPlace * step) - 1);
  return labels.flatMap((label, index) =>
    index % step === 0 ? [{ index, text: label.length > room ? `${label.slice(0, room - 1)}…` : label }] : [],
  );
}

/** Of an SVG line through the points; it breaks where there is none. */
export function pathOf(points: readonly (readonly [x: number, y: number] | null)[]): string {
  return points
    .flatMap((point, index) =>
      point
        ? [`${index > 0 && points[index - 1] ? 'L' : 'M'}${point.map((at) => at.toFixed(1)).join(' ')}`]
        : [],
    )
    .join('');
}
