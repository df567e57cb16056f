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
  /** From the lowest to the highest; the axis reaches from the first to the last. */
  ticks: z.array(z.object({ value: z.number(), text: z.string() })),
});

export type ChartShape = z.infer<typeof chartSchema>;
