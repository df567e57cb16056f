import * as z from 'zod/mini';
import { chartSchema } from '../webviewKit/chartShape.ts';
import { failureSchema, readyMessage, runMessage } from '../webviewKit/protocol.ts';

const severity = z.enum(['problem', 'warning', 'note']);

const finding = z.object({
  severity,
  title: z.string(),
  evidence: z.string(),
  remedy: z.string(),
  /** Compared with the earlier run. */
  isNew: z.boolean(),
});

const figure = z.object({
  label: z.string(),
  isNumber: z.boolean(),
  /** The shown run's value; a dash where only the earlier run has one. */
  value: z.string(),
  compared: z.nullable(
    z.object({
      change: z.enum(['better', 'worse', 'same', 'changed', 'incomparable']),
      /** In words: `20 ms less, better`. */
      text: z.string(),
      before: z.string(),
    }),
  ),
});

const table = z.object({
  columns: z.array(z.object({ label: z.string(), isNumber: z.boolean() })),
  rows: z.array(z.array(z.string())),
});

const section = z.object({
  id: z.string(),
  title: z.string(),
  paragraphs: z.array(z.string()),
  table: z.nullable(table),
  chart: z.nullable(chartSchema),
});

export const reportSchema = z.object({
  runId: z.string(),
  title: z.string(),
  trigger: z.string(),
  simulated: z.boolean(),
  /** Whether MLflow shows runs. */
  inMlflow: z.boolean(),
  summary: z.string(),
  /** Start, duration, cost and parameters. */
  particulars: z.array(z.object({ name: z.string(), value: z.string() })),
  /** Problems first. */
  findings: z.array(finding),
  /** Counts by severity: `1 problem · 2 warnings`. */
  findingsText: z.string(),
  figures: z.array(figure),
  sections: z.array(section),
  comparison: z.nullable(
    z.object({
      /** The earlier run. */
      runId: z.string(),
      when: z.string(),
      /** Caveats of the comparison: other modes or parameters. */
      cautions: z.array(z.string()),
      findings: z.string(),
      gone: z.array(z.object({ severity, title: z.string() })),
    }),
  ),
});

/** From the extension to the view. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('report'), report: reportSchema }),
  z.object({ type: z.literal('failed'), failure: failureSchema }),
]);

/** From the view to the extension. */
export const viewMessageSchema = z.discriminatedUnion('type', [
  readyMessage,
  z.object({ type: z.literal('save') }),
  z.object({ type: z.literal('compare') }),
  z.object({ type: z.literal('stopComparing') }),
  z.object({ type: z.literal('runAgain') }),
  z.object({ type: z.literal('showRecord') }),
  z.object({ type: z.literal('openInMlflow') }),
  runMessage(['tidyllm.refreshHealth']),
]);

/** What the view remembers while the editor is closed: its run, and the compared one. */
export const keptSchema = z.object({ runId: z.string(), comparedWith: z.nullable(z.string()) });

export type PresentedReport = z.infer<typeof reportSchema>;
export type PresentedFinding = z.infer<typeof finding>;
export type PresentedFigure = z.infer<typeof figure>;
export type PresentedSection = z.infer<typeof section>;
export type PresentedTable = z.infer<typeof table>;
export type Severity = z.infer<typeof severity>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
export type KeptReport = z.infer<typeof keptSchema>;
