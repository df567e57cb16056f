import * as z from 'zod/mini';
import { attachmentSchema } from '../../chat/context/attachment.ts';
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
  /** The modes of files, besides those of every installation. */
  ownModes: z.array(z.object({ id: z.string(), description: z.string() })),
  /** A suggested reason, from the git branch. */
  suggestedReason: z.nullable(z.string()),
  /** Whether MLflow shows calls. */
  inMlflow: z.boolean(),
  /** What calls may be for; empty if policy doesn't ask. */
  useClasses: z.optional(z.array(z.string())),
});

/** The rules files of the workspace, by their paths, and which of them and of the files with modes are ignored. */
const rules = z.object({
  followed: z.array(z.string()),
  ignored: z.array(z.object({ path: z.string(), why: z.string() })),
  /** Whether the conversation follows them. */
  follows: z.boolean(),
});

/** How much of the model's context the next question takes, in tokens. */
const windowUse = z.object({ tokens: z.number(), window: z.number(), isKnown: z.boolean() });

/** What the view shows around the turns. */
const around = z.object({
  /** Number of earlier turns that the view hasn't got. */
  earlier: z.number(),
  /** Whether more turns follow in another branch. */
  hasLater: z.boolean(),
  /** Turns with other versions. */
  versions: z.array(z.object({ turn: z.string(), number: z.number(), of: z.number() })),
  /** Questions that wait for the running answer. */
  queued: z.array(z.object({ id: z.string(), question: z.string() })),
  /** Number of lines of the conversation's file that can't be read. */
  unreadable: z.number(),
  /** What the questions came to, if there are several. */
  statistics: z.nullable(
    z.object({
      questions: z.number(),
      tokens: z.object({ input: z.number(), output: z.number() }),
      cost: z.string(),
      estimated: z.boolean(),
      unknown: z.number(),
    }),
  ),
  /** Whether policy keeps conversations. */
  isKept: z.boolean(),
});

/** From the extension to the view. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('conversation'),
    id: z.string(),
    turns: z.array(turnSchema),
    reason: z.string(),
    mode: z.string(),
    signature: z.string(),
    useClass: z.optional(z.string()),
    /** The question that was written in it and not asked. */
    draft: z.string(),
  }),
  z.object({ type: z.literal('around'), around }),
  /** Turns before the first one that the view has. */
  z.object({ type: z.literal('earlierTurns'), turns: z.array(turnSchema) }),
  z.object({ type: z.literal('surroundings'), surroundings }),
  /** A new turn, or the whole of a changed one. */
  z.object({ type: z.literal('turn'), turn: turnSchema }),
  z.object({ type: z.literal('turnRemoved'), id: z.string() }),
  z.object({ type: z.literal('text'), id: z.string(), text: z.string() }),
  z.object({ type: z.literal('thinking'), id: z.string(), text: z.string() }),
  z.object({ type: z.literal('reason'), reason: z.string() }),
  /** A question that was not asked goes back to the question field. */
  z.object({ type: z.literal('questionReturned'), question: z.string() }),
  z.object({ type: z.literal('reasonRefused'), message: z.string() }),
  z.object({ type: z.literal('worstCase'), cost: z.nullable(z.string()) }),
  /** The most that asking in the place of a turn can cost. */
  z.object({ type: z.literal('turnPriced'), turn: z.string(), cost: z.nullable(z.string()) }),
  /** The question that the draft repeats; null if it is new. */
  z.object({ type: z.literal('askedBefore'), question: z.nullable(z.string()) }),
  /** Brings a turn into sight. */
  z.object({ type: z.literal('reveal'), turn: z.string() }),
  z.object({ type: z.literal('rules'), rules }),
  z.object({ type: z.literal('windowUse'), use: z.nullable(windowUse) }),
  /** What goes with the next question, without its content. */
  z.object({ type: z.literal('attachments'), attachments: z.array(attachmentSchema) }),
  z.object({ type: z.literal('focus') }),
  /** Whether the conversation is shown in an editor, in place of the view. */
  z.object({ type: z.literal('elsewhere'), elsewhere: z.boolean() }),
]);

/** What a person does with the context of a question. */
const contextMessages = [
  z.object({ type: z.literal('attachText'), text: z.string() }),
  /** Files that have no address, in base64. */
  z.object({
    type: z.literal('attachFiles'),
    files: z.array(z.object({ name: z.string(), data: z.string() })),
  }),
  z.object({ type: z.literal('attachUris'), uris: z.array(z.string()) }),
  z.object({ type: z.literal('removeAttachment'), id: z.string() }),
  /** Asks what is to be added. */
  z.object({ type: z.literal('addContext') }),
] as const;

/** From the view to the extension. */
export const viewMessageSchema = z.discriminatedUnion('type', [
  readyMessage,
  ...contextMessages,
  /** A turn without an answer is visible, so its question may be sent. */
  z.object({ type: z.literal('shown'), turn: z.string() }),
  /** The view got or lost the focus, which the editor doesn't know by itself. */
  z.object({ type: z.literal('focused'), focused: z.boolean() }),
  /** Uses the last reason again. While an answer is running, the question waits for it. */
  z.object({ type: z.literal('ask'), question: z.string() }),
  /** Shows the answer to the question that the draft repeats. */
  z.object({ type: z.literal('showAskedBefore') }),
  /** Takes back a question that waits. */
  z.object({ type: z.literal('unqueue'), id: z.string() }),
  /** Asks a question again for another answer. */
  z.object({ type: z.literal('regenerate'), turn: z.string() }),
  /** Asks another question in the place of a turn. */
  z.object({ type: z.literal('edit'), turn: z.string(), question: z.string() }),
  /** Asks what either of them can cost at the most; null is the turn's own question. */
  z.object({ type: z.literal('priceTurn'), turn: z.string(), question: z.nullable(z.string()) }),
  z.object({ type: z.literal('branchFrom'), turn: z.string() }),
  /** Shows the version before or after a turn. */
  z.object({
    type: z.literal('showVersion'),
    turn: z.string(),
    step: z.union([z.literal(-1), z.literal(1)]),
  }),
  z.object({ type: z.literal('showLater') }),
  z.object({ type: z.literal('showEarlier') }),
  /** Asks for one of the prompts. */
  z.object({ type: z.literal('choosePrompt') }),
  z.object({ type: z.literal('openRules'), path: z.string() }),
  z.object({ type: z.literal('followRules'), follow: z.boolean() }),
  z.object({ type: z.literal('draft'), question: z.string() }),
  z.object({ type: z.literal('reason'), reason: z.string() }),
  z.object({ type: z.literal('mode'), mode: z.string() }),
  z.object({ type: z.literal('signature'), signature: z.string() }),
  z.object({ type: z.literal('useClass'), useClass: z.string() }),
  /** Decides about the tool that waits; null refuses it. */
  z.object({ type: z.literal('decideTool'), approval: z.nullable(z.enum(['once', 'conversation'])) }),
  runMessage([
    'tidyllm.chooseModel',
    'tidyllm.chooseReason',
    'tidyllm.connectAws',
    'tidyllm.stopAnswer',
    'tidyllm.previewQuestion',
    'tidyllm.openBudget',
    'tidyllm.showConversations',
    'tidyllm.openChatInEditor',
  ]),
  /** Closes the editor that shows the conversation. */
  z.object({ type: z.literal('bringBack') }),
  /** Presses a button of a turn's error, or of the gateway's error when there is no turn. */
  z.object({ type: z.literal('fix'), turn: z.nullable(z.string()), index: z.number() }),
  /** Continues an answer that was cut off. */
  z.object({ type: z.literal('goOn'), turn: z.string() }),
  /** Asks a model instead of the cache. */
  z.object({ type: z.literal('askModel'), turn: z.string() }),
  /** Shows the record of the last call, or of the one with that number. */
  z.object({ type: z.literal('showRecord'), turn: z.string(), sequence: z.optional(z.number()) }),
  /** Shows the call or run in MLflow. */
  z.object({ type: z.literal('openInMlflow'), turn: z.string() }),
  z.object({ type: z.literal('showReport'), turn: z.string() }),
  z.object({ type: z.literal('openCitation'), turn: z.string(), n: z.number() }),
  z.object({ type: z.literal('copy'), text: z.string() }),
  /** Inserts code of an answer at the caret. */
  z.object({ type: z.literal('insert'), turn: z.string(), text: z.string() }),
  /** Shows code of an answer as a diff of its file. */
  z.object({ type: z.literal('apply'), turn: z.string(), text: z.string() }),
]);

export type Around = z.infer<typeof around>;
export type ShownRules = z.infer<typeof rules>;
export type WindowUse = z.infer<typeof windowUse>;
export type Surroundings = z.infer<typeof surroundings>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
export type ContextMessage = z.infer<(typeof contextMessages)[number]>;
/** A message about a turn of the open conversation. */
export type TurnMessage = Extract<
  ViewMessage,
  {
    type:
      | 'apply'
      | 'askModel'
      | 'branchFrom'
      | 'edit'
      | 'goOn'
      | 'insert'
      | 'openCitation'
      | 'openInMlflow'
      | 'priceTurn'
      | 'regenerate'
      | 'showRecord'
      | 'showReport'
      | 'showVersion';
  }
>;
