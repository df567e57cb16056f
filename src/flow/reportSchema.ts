import * as z from 'zod';
import type { StoredReport } from './report.ts';

const cell = z.union([z.string(), z.number(), z.null()]);
const unit = z.enum(['text', 'count', 'ms', 'usd', 'percent', 'per_second', 'bytes']);

const report = z.strictObject({
  title: z.string(),
  summary: z.string(),
  findings: z.array(
    z.strictObject({
      severity: z.enum(['problem', 'warning', 'note']),
      id: z.string(),
      title: z.string(),
      evidence: z.string(),
      remedy: z.string(),
    }),
  ),
  figures: z.array(
    z.strictObject({
      id: z.string(),
      label: z.string(),
      value: cell,
      unit,
      better: z.enum(['lower', 'higher']).nullable(),
    }),
  ),
  sections: z.array(
    z.strictObject({
      id: z.string(),
      title: z.string(),
      text: z.string(),
      table: z
        .strictObject({
          columns: z.array(z.strictObject({ label: z.string(), unit })),
          rows: z.array(z.array(cell)),
        })
        .refine(({ columns, rows }) => rows.every((row) => row.length === columns.length))
        .nullable(),
      chart: z
        .strictObject({ type: z.enum(['columns', 'lines']), x: z.int(), series: z.array(z.int()) })
        .nullable(),
      private: z.boolean().optional(),
    }),
  ),
});

/** The schema of a stored report. */
export const storedReportSchema = z.strictObject({
  run_id: z.uuid(),
  agreement: z.string(),
  trigger: z.string(),
  execution_mode: z.enum(['real', 'simulated']),
  started_at: z.iso.datetime(),
  duration_ms: z.number(),
  cost_usd: z.string(),
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  report,
}) as z.ZodType<StoredReport>;
