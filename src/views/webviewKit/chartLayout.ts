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

/** The place that has a point along the axis, the first or last beside them. */
export function placeAt(x: number, places: number, area: Area): number {
  return Math.min(places - 1, Math.max(0, Math.floor((x - area.left) / bandOf(places, area))));
}

/** Where each series stands on those before it; none of those that are nothing. */
export function stackedIn(values: readonly number[]): { series: number; from: number; to: number }[] {
  let top = 0;
  return values.flatMap((value, series) => (value === 0 ? [] : [{ series, from: top, to: (top += value) }]));
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
