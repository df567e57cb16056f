import * as z from 'zod/mini';
import { failureSchema, turnResultSchema } from '../../chat/turn.ts';
import { readyMessage } from '../webviewKit/protocol.ts';

const result = z.extend(turnResultSchema, { timeToFirstTokenMs: z.nullable(z.number()) });

/** One model with its answer. */
const column = z.object({
  model: z.string(),
  /** The Markdown received so far. */
  answer: z.string(),
  /** Null while the call runs. */
  result: z.nullable(result),
});

const comparison = z.object({
  question: z.string(),
  reason: z.string(),
  simulated: z.boolean(),
  /** The most that all calls can cost, and what those that have ended cost; formatted for display. */
  worstCase: z.string(),
  cost: z.string(),
  columns: z.array(column),
  /** Why no call was made. */
  failure: z.nullable(failureSchema),
});

/** From the extension to the view. Columns are named by their index. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('comparison'), comparison }),
  z.object({ type: z.literal('text'), column: z.number(), text: z.string() }),
  z.object({ type: z.literal('ended'), column: z.number(), result, cost: z.string() }),
]);

/** From the view to the extension. */
export const viewMessageSchema = z.discriminatedUnion('type', [
  readyMessage,
  /** Stops one call, or all. */
  z.object({ type: z.literal('cancel'), column: z.nullable(z.number()) }),
  z.object({ type: z.literal('diff'), left: z.number(), right: z.number() }),
  z.object({ type: z.literal('export') }),
  z.object({ type: z.literal('showRecord'), column: z.number() }),
  /** Presses a button of an error: of a call, or of the whole. */
  z.object({ type: z.literal('fix'), column: z.nullable(z.number()), index: z.number() }),
  z.object({ type: z.literal('copy'), text: z.string() }),
  z.object({ type: z.literal('insert'), column: z.number(), text: z.string() }),
  z.object({ type: z.literal('apply'), column: z.number(), text: z.string() }),
]);

export type ShownComparison = z.infer<typeof comparison>;
export type ShownColumn = z.infer<typeof column>;
export type ColumnResult = z.infer<typeof result>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
