import * as z from 'zod/mini';
import { chatModeIds } from '../../chat/chatModeIds.ts';
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
      /** Share of the limit, 0 to 1. */
      shareLeft: z.number(),
      level: z.enum(['ok', 'warning', 'critical', 'exceeded']),
    }),
  ),
  /** A suggested reason, from the git branch. */
  suggestedReason: z.nullable(z.string()),
});

/** From the extension to the view. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('conversation'),
    turns: z.array(turnSchema),
    reason: z.string(),
    mode: z.enum(chatModeIds),
    /** The question draft. */
    draft: z.string(),
  }),
  z.object({ type: z.literal('surroundings'), surroundings }),
  /** A new turn, or the whole of a changed one. */
  z.object({ type: z.literal('turn'), turn: turnSchema }),
  z.object({ type: z.literal('turnRemoved'), id: z.string() }),
  z.object({ type: z.literal('text'), id: z.string(), text: z.string() }),
  z.object({ type: z.literal('reason'), reason: z.string() }),
  /** A question that was not asked goes back to the question field. */
  z.object({ type: z.literal('questionReturned'), question: z.string() }),
  z.object({ type: z.literal('reasonRefused'), message: z.string() }),
  z.object({ type: z.literal('worstCase'), cost: z.nullable(z.string()) }),
  z.object({ type: z.literal('focus') }),
]);

/** From the view to the extension. */
export const viewMessageSchema = z.discriminatedUnion('type', [
  readyMessage,
  /** A turn without an answer is visible, so its question may be sent. */
  z.object({ type: z.literal('shown'), turn: z.string() }),
  /** The view got or lost the focus, which the editor doesn't know by itself. */
  z.object({ type: z.literal('focused'), focused: z.boolean() }),
  /** Uses the last reason again. */
  z.object({ type: z.literal('ask'), question: z.string() }),
  z.object({ type: z.literal('draft'), question: z.string() }),
  z.object({ type: z.literal('reason'), reason: z.string() }),
  z.object({ type: z.literal('mode'), mode: z.enum(chatModeIds) }),
  runMessage([
    'tidyllm.chooseModel',
    'tidyllm.chooseReason',
    'tidyllm.connectAws',
    'tidyllm.stopAnswer',
    'tidyllm.openBudget',
  ]),
  /** Presses a button of a turn's error, or of the gateway's error when there is no turn. */
  z.object({ type: z.literal('fix'), turn: z.nullable(z.string()), index: z.number() }),
  /** Continues an answer that was cut off. */
  z.object({ type: z.literal('goOn'), turn: z.string() }),
  /** Asks a model instead of the cache. */
  z.object({ type: z.literal('askModel'), turn: z.string() }),
  z.object({ type: z.literal('showRecord'), turn: z.string() }),
  z.object({ type: z.literal('showReport'), turn: z.string() }),
  z.object({ type: z.literal('openCitation'), turn: z.string(), n: z.number() }),
  z.object({ type: z.literal('copy'), text: z.string() }),
  z.object({ type: z.literal('insert'), text: z.string() }),
]);

export type Surroundings = z.infer<typeof surroundings>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
