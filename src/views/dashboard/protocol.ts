import * as z from 'zod/mini';
import { readyMessage, runMessage } from '../webviewKit/protocol.ts';

const tone = z.enum(['healthy', 'degraded', 'failed', 'absent', 'checking']);

/** A button; its row and its index there identify it. */
const fix = z.object({ label: z.string() });

/** A component of the system, as last checked. */
const part = z.object({
  id: z.string(),
  name: z.string(),
  tone,
  state: z.string(),
  /** The problem, or what was observed. */
  evidence: z.string(),
  /** What to do; empty if there is nothing to do. */
  hint: z.string(),
  latency: z.string(),
  /** Latencies since the dashboard opened, in milliseconds; null for a failed check. */
  history: z.array(z.nullable(z.number())),
  since: z.string(),
  fixes: z.array(fix),
});

export const dashboardSchema = z.object({
  verdict: z.object({
    tone,
    text: z.string(),
    /** One sentence that explains the verdict. */
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
  /** The last FLOW runs, newest first. */
  runs: z.array(
    z.object({
      runId: z.string(),
      trigger: z.string(),
      tone,
      outcome: z.string(),
      when: z.string(),
      /** Both are empty while the run goes on. */
      took: z.string(),
      cost: z.string(),
      summary: z.string(),
      hasReport: z.boolean(),
    }),
  ),
  /** What calls of this window came to, by back-end and model. */
  models: z.array(
    z.object({
      name: z.string(),
      tone,
      state: z.string(),
      attempts: z.string(),
      time: z.string(),
      firstToken: z.string(),
      waited: z.string(),
      cacheHits: z.string(),
    }),
  ),
  cache: z.object({ tone, text: z.string() }),
  configuration: z.array(
    z.object({
      name: z.string(),
      value: z.string(),
      origin: z.string(),
      /** Its key in settings.yaml. */
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
  /** A button of a component. */
  z.object({ type: z.literal('fix'), part: z.string(), index: z.number() }),
  /** Opens settings.yaml at a row of the configuration. */
  z.object({ type: z.literal('edit'), index: z.number() }),
  /** Shows the report of a run. */
  z.object({ type: z.literal('report'), runId: z.string() }),
  runMessage([
    'tidyllm.runDoctor',
    'tidyllm.clearCache',
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
