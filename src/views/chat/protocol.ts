import * as z from 'zod/mini';
import { failureSchema, turnSchema } from '../../chat/turn.ts';
import { readyMessage, runMessage } from '../webviewKit/protocol.ts';

/** What the view shows around the conversation. */
const surroundings = z.object({
  gateway: z.discriminatedUnion('state', [
    z.object({ state: z.literal('starting') }),
    z.object({ state: z.literal('ready'), simulatedBecause: z.nullable(z.string()) }),
    z.object({ state: z.literal('failed'), failure: failureSchema }),
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
  /** A question that was not asked goes back to where it was written. */
  z.object({ type: z.literal('questionReturned'), question: z.string() }),
  z.object({ type: z.literal('reasonRefused'), message: z.string() }),
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
  /** Asks for the reason that was written last. */
  z.object({ type: z.literal('ask'), question: z.string() }),
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

export type Surroundings = z.infer<typeof surroundings>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
