import * as z from 'zod/mini';
import { readyMessage, runMessage } from '../webviewKit/protocol.ts';

const tone = z.enum(['healthy', 'degraded', 'failed', 'absent', 'checking']);

/** A button; it is told by its row and its place there. */
const fix = z.object({ label: z.string() });

/** A part of the system as the last check found it. */
const part = z.object({
  id: z.string(),
  name: z.string(),
  tone,
  state: z.string(),
  /** What is wrong, or what was seen. */
  evidence: z.string(),
  /** What to do; empty where nothing is. */
  hint: z.string(),
  latency: z.string(),
  /** Latencies since the dashboard was opened, in milliseconds; null for a check that failed. */
  history: z.array(z.nullable(z.number())),
  since: z.string(),
  fixes: z.array(fix),
});

export const dashboardSchema = z.object({
  verdict: z.object({
    tone,
    text: z.string(),
    /** One sentence on what it stands on. */
    meaning: z.string(),
    reasons: z.array(z.object({ of: z.string(), message: z.string(), hint: z.string() })),
  }),
  /** Why answers are simulated; empty when they are real. */
  simulated: z.string(),
  /** When the last check ended; empty before the first. */
  checked: z.string(),
  infrastructure: z.array(part),
  gateways: z.array(part),
  flow: z.object({ tone, text: z.string() }),
  /** The last runs of agreements, newest first. */
  runs: z.array(
    z.object({
      runId: z.string(),
      trigger: z.string(),
      tone,
      outcome: z.string(),
      when: z.string(),
      /** Both empty while it runs. */
      took: z.string(),
      cost: z.string(),
      summary: z.string(),
      hasReport: z.boolean(),
    }),
  ),
  /** What a later version brings. */
  cache: z.string(),
  configuration: z.array(
    z.object({
      name: z.string(),
      value: z.string(),
      origin: z.string(),
      /** Where settings.yaml has it. */
      key: z.string(),
    }),
  ),
  ledger: z.object({ tone, text: z.string() }),
});

/** From the extension to the view. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('dashboard'), dashboard: dashboardSchema }),
]);

/** From the view to the extension. */
export const viewMessageSchema = z.discriminatedUnion('type', [
  readyMessage,
  z.object({ type: z.literal('refresh') }),
  /** A button of a part. */
  z.object({ type: z.literal('fix'), part: z.string(), index: z.number() }),
  /** Opens settings.yaml at a line of the configuration. */
  z.object({ type: z.literal('edit'), index: z.number() }),
  /** Shows the report of a run. */
  z.object({ type: z.literal('report'), runId: z.string() }),
  runMessage([
    'tidyllm.runDoctor',
    'tidyllm.runFlow',
    'tidyllm.refreshHealth',
    'tidyllm.openBudget',
    'tidyllm.openAuditHistory',
    'tidyllm.showSettings',
  ]),
]);

export type Tone = z.infer<typeof tone>;
export type Part = z.infer<typeof part>;
export type Dashboard = z.infer<typeof dashboardSchema>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
