import * as z from 'zod/mini';
import { failureSchema, readyMessage, runMessage } from '../webviewKit/protocol.ts';

/** A button of an error: the extension keeps what it does. */
const fix = z.object({ label: z.string(), fix: z.unknown() });

const failure = z.extend(failureSchema, {
  fixes: z.array(fix),
  /** What the provider said, in its own words. */
  detail: z.optional(z.string()),
});

/** How an answer ended, and what it cost. */
const result = z.object({
  status: z.enum(['success', 'refused', 'failed', 'cancelled', 'incomplete', 'interrupted']),
  processingTimeMs: z.nullable(z.number()),
  tokens: z.nullable(z.object({ input: z.number(), output: z.number() })),
  /** As people read it; null when nobody knows. */
  cost: z.nullable(z.string()),
  costEstimated: z.boolean(),
  /** The durable audit record; null when the call is not tracked. */
  record: z.nullable(z.object({ ledger: z.string(), callId: z.string(), sequence: z.number() })),
  failure: z.nullable(failure),
  /** Why the cost is an upper bound. */
  estimatedBecause: z.optional(z.nullable(z.string())),
  /** What the answer lacks although it was given; left out for a whole one. */
  shortfall: z.optional(
    z.object({
      message: z.string(),
      hint: z.string(),
      /** What the button does that goes on from here; null where nothing can. */
      goOn: z.nullable(z.enum(['continue', 'longer'])),
    }),
  ),
});

/** One question with its answer. */
export const turnSchema = z.object({
  id: z.string(),
  question: z.string(),
  reason: z.string(),
  model: z.string(),
  /** Whether the answer comes from no model. */
  simulated: z.boolean(),
  /** Markdown, as far as it has arrived. */
  answer: z.string(),
  /** Null while the answer is on its way. */
  result: z.nullable(result),
  /** Where an agreement was run instead of asking a model. */
  flow: z.optional(
    z.object({
      trigger: z.string(),
      /** What is under way. */
      progress: z.string(),
      /** The run that has a report to show; null while there is none. */
      reportOf: z.nullable(z.string()),
    }),
  ),
});

/** A message that is nothing but a trigger with parameters: `[Cost Analysis] days=7`. */
export function isFlowCommand(message: string): boolean {
  // No two parts can take the same character, so that no message takes long.
  return /^\s*\[[^\]\n]+\](?:\s+\w+=(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']\S*)?)*\s*$/.test(message);
}

/** What the view shows around the conversation. */
const surroundings = z.object({
  gateway: z.discriminatedUnion('state', [
    z.object({ state: z.literal('starting') }),
    z.object({ state: z.literal('ready'), simulatedBecause: z.nullable(z.string()) }),
    z.object({ state: z.literal('failed'), failure }),
  ]),
  model: z.string(),
  budget: z.nullable(
    z.object({
      left: z.string(),
      /** Of the limit, 0 to 1. */
      shareLeft: z.number(),
      level: z.enum(['ok', 'warning', 'critical', 'exceeded']),
    }),
  ),
  /** A reason to offer, from the git branch. */
  suggestedReason: z.nullable(z.string()),
});

/** From the extension to the view. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('conversation'),
    turns: z.array(turnSchema),
    reason: z.string(),
    /** The question that is being written. */
    draft: z.string(),
  }),
  z.object({ type: z.literal('surroundings'), surroundings }),
  /** A new turn, or all of one that changed. */
  z.object({ type: z.literal('turn'), turn: turnSchema }),
  z.object({ type: z.literal('turnRemoved'), id: z.string() }),
  z.object({ type: z.literal('text'), id: z.string(), text: z.string() }),
  z.object({ type: z.literal('reason'), reason: z.string() }),
  /** The reason was not accepted; the question goes back to where it was written. */
  z.object({ type: z.literal('reasonRefused'), message: z.string(), question: z.string() }),
  z.object({ type: z.literal('worstCase'), cost: z.nullable(z.string()) }),
  z.object({ type: z.literal('focus') }),
]);

/** From the view to the extension. */
export const viewMessageSchema = z.discriminatedUnion('type', [
  readyMessage,
  /** A turn whose answer isn't there yet can be seen: now it may be sent. */
  z.object({ type: z.literal('shown'), turn: z.string() }),
  /** The keyboard is in the view, or left it: the editor does not know by itself. */
  z.object({ type: z.literal('focused'), focused: z.boolean() }),
  z.object({ type: z.literal('ask'), question: z.string(), reason: z.string() }),
  z.object({ type: z.literal('draft'), question: z.string() }),
  z.object({ type: z.literal('reason'), reason: z.string() }),
  runMessage([
    'tidyllm.chooseModel',
    'tidyllm.chooseReason',
    'tidyllm.connectAws',
    'tidyllm.stopAnswer',
    'tidyllm.openBudget',
  ]),
  /** Presses a button of an error, of a turn's or (without a turn) of the gateway's. */
  z.object({ type: z.literal('fix'), turn: z.nullable(z.string()), index: z.number() }),
  /** Goes on with an answer that was cut off. */
  z.object({ type: z.literal('goOn'), turn: z.string() }),
  z.object({ type: z.literal('showRecord'), turn: z.string() }),
  z.object({ type: z.literal('showReport'), turn: z.string() }),
  z.object({ type: z.literal('copy'), text: z.string() }),
  z.object({ type: z.literal('insert'), text: z.string() }),
]);

export type Turn = z.infer<typeof turnSchema>;
export type TurnResult = NonNullable<Turn['result']>;
export type Failure = z.infer<typeof failure>;
export type Surroundings = z.infer<typeof surroundings>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
