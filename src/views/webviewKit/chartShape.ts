import * as z from 'zod/mini';

/** A chart with everything it says in words: its numbers are for drawing only. */
export const chartSchema = z.object({
  type: z.enum(['columns', 'lines']),
  /** Along the axis. */
  labels: z.array(z.string()),
  series: z.array(
    z.object({
      name: z.string(),
      /** One for each label; null where there is none. */
      points: z.array(z.object({ value: z.nullable(z.number()), text: z.string() })),
    }),
  ),
  /** Columns that stand on each other: for each label the name in full, and what the column comes to. */
  stacks: z.optional(z.array(z.object({ name: z.string(), text: z.string() }))),
  /** From the lowest to the highest; the axis reaches from the first to the last. */
  ticks: z.array(z.object({ value: z.number(), text: z.string() })),
});

export type ChartShape = z.infer<typeof chartSchema>;

/** Steps of an axis, at most. */
const mostSteps = 4;

/** Round numbers from at most the lowest value to at least the highest, few of them. */
export function ticksOf(lowest: number, highest: number): number[] {
  const span = highest - lowest || 1;
  const raw = span / mostSteps;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9)) ?? 10) * power;
  const first = Math.floor(lowest / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(highest / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}
