/** The drawing area inside the axes, in pixels. */
export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A longer label is cut, so that it doesn't crowd out others; in letters. */
const longestLabel = 12;

/** Width of each label's band on the axis. */
export function bandOf(places: number, { width }: Area): number {
  return width / Math.max(1, places);
}

/** The index of the band at a point on the axis, clamped to the first and last. */
export function placeAt(x: number, places: number, area: Area): number {
  return Math.min(places - 1, Math.max(0, Math.floor((x - area.left) / bandOf(places, area))));
}

/** The segments of a stack, each on top of the previous; empty ones are left out. */
export function stackedIn(values: readonly number[]): { series: number; from: number; to: number }[] {
  let top = 0;
  return values.flatMap((value, series) => (value === 0 ? [] : [{ series, from: top, to: (top += value) }]));
}

/** The labels that fit when a band is so many letters wide: always the first, cut if needed. */
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

/** The path of an SVG line through the points; it breaks at missing ones. */
export function pathOf(points: readonly (readonly [x: number, y: number] | null)[]): string {
  return points
    .flatMap((point, index) =>
      point
        ? [`${index > 0 && points[index - 1] ? 'L' : 'M'}${point.map((at) => at.toFixed(1)).join(' ')}`]
        : [],
    )
    .join('');
}
