import * as z from 'zod/mini';
import { failureSchema, readyMessage, runMessage } from '../webviewKit/protocol.ts';

const status = z.enum(['waiting', 'running', 'success', 'failed', 'cancelled']);

const step = z.object({
  /** Full id. */
  id: z.string(),
  type: z.string(),
  /** Full ids of the steps that must have ended before. */
  after: z.array(z.string()),
  /** Null in a workflow without a run. */
  status: z.nullable(status),
  /** `waiting`, `running` … in words; empty without a run. */
  statusText: z.string(),
  /** Empty before its end; of a workflow without a run what is expected. */
  duration: z.string(),
  wait: z.string(),
  /** Empty while the run goes on. */
  cost: z.string(),
  attempts: z.number(),
  cached: z.boolean(),
  /** Whether it is on the longest way through the graph, by these durations. */
  critical: z.boolean(),
  error: z.string(),
  /** The same step in the run that this one is compared with; null if that has no such step, or without a comparison. */
  before: z.nullable(
    z.object({ statusText: z.string(), duration: z.string(), cost: z.string(), change: z.string() }),
  ),
});

export const graphSchema = z.object({
  title: z.string(),
  /** Null for a workflow without a run. */
  runId: z.nullable(z.string()),
  /** State, start, time, cost, reason … */
  facts: z.array(z.object({ name: z.string(), value: z.string() })),
  warnings: z.array(z.string()),
  error: z.string(),
  simulated: z.boolean(),
  inMlflow: z.boolean(),
  /** Whether there is a file to run, and what the run allows. */
  actions: z.object({ run: z.boolean(), resume: z.boolean(), stop: z.boolean(), compare: z.boolean() }),
  /** The run that this one is compared with. */
  comparison: z.nullable(z.object({ runId: z.string(), text: z.string() })),
  steps: z.array(step),
});

/** What the view remembers while the editor is closed. */
export const keptSchema = z.object({
  /** Absolute path of the workflow; null for a run of none. */
  file: z.nullable(z.string()),
  runId: z.nullable(z.string()),
  comparedWith: z.nullable(z.string()),
});

/** From the extension to the view. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('graph'), graph: graphSchema, kept: keptSchema }),
  z.object({ type: z.literal('failed'), failure: failureSchema }),
]);

/** From the view to the extension. */
export const viewMessageSchema = z.discriminatedUnion('type', [
  readyMessage,
  z.object({ type: z.literal('runWorkflow') }),
  z.object({ type: z.literal('resume') }),
  z.object({ type: z.literal('stop') }),
  z.object({ type: z.literal('compare') }),
  z.object({ type: z.literal('stopComparing') }),
  z.object({ type: z.literal('openFile') }),
  z.object({ type: z.literal('showRecord'), step: z.string() }),
  z.object({ type: z.literal('showResult'), step: z.string() }),
  z.object({ type: z.literal('openTrace'), step: z.string() }),
  runMessage(['tidyllm.refreshHealth']),
]);

export type Graph = z.infer<typeof graphSchema>;
export type GraphStep = z.infer<typeof step>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
export type KeptGraph = z.infer<typeof keptSchema>;
