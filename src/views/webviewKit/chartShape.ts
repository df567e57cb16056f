import * as z from 'zod/mini';

/** A chart with all its texts; its numbers are for drawing only. */
export const chartSchema = z.object({
  type: z.enum(['columns', 'lines']),
  /** The labels of the axis. */
  labels: z.array(z.string()),
  series: z.array(
    z.object({
      name: z.string(),
      /** One point per label; null where there is none. */
      points: z.array(z.object({ value: z.nullable(z.number()), text: z.string() })),
    }),
  ),
  /** Stacked columns: the full name and the total for each label. */
  stacks: z.optional(z.array(z.object({ name: z.string(), text: z.string() }))),
  /** Ascending; the axis reaches from the first to the last. */
  ticks: z.array(z.object({ value: z.number(), text: z.string() })),
});

export type ChartShape = z.infer<typeof chartSchema>;

/** Maximum number of steps of an axis. */
const mostSteps = 4;

/** A few round numbers that enclose the values. */
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
