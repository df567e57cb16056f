import * as z from 'zod/mini';
import { remedySchema } from '../remedies.ts';
import { attachmentSchema } from './context/attachment.ts';

/** A button of an error, with its action. */
const fix = z.object({ label: z.string(), remedy: remedySchema });

/** Unknown buttons in conversations of earlier versions are left out. */
const fixes = z.pipe(
  z.array(z.unknown()),
  z.transform((kept) => kept.flatMap((one) => fix.safeParse(one).data ?? [])),
);

/** Why a question got no complete answer, and how to fix it. */
export const failureSchema = z.object({
  message: z.string(),
  hint: z.string(),
  fixes,
  /** The provider's own message, with who says it. */
  said: z.optional(z.string()),
});

/** How an answer ended, and its cost. */
export const turnResultSchema = z.object({
  status: z.enum(['success', 'refused', 'failed', 'cancelled', 'incomplete', 'interrupted']),
  processingTimeMs: z.nullable(z.number()),
  tokens: z.nullable(z.object({ input: z.number(), output: z.number() })),
  /** Formatted for display; null if unknown. */
  cost: z.nullable(z.string()),
  /** The same in micro-USD; left out by earlier versions. */
  costMicro: z.optional(z.string()),
  costEstimated: z.boolean(),
  /** What was redacted before it was sent: "email × 2". */
  redacted: z.optional(z.string()),
  /** Whether the answer comes from the cache. */
  cached: z.optional(z.boolean()),
  /** The model that answered instead of the selected one. */
  answeredBy: z.optional(z.string()),
  /** The durable audit record; null when the call is not tracked. */
  record: z.nullable(z.object({ ledger: z.string(), callId: z.string(), sequence: z.number() })),
  /** The call id of the first attempt, if others followed: tracking has them all under it. */
  firstCallId: z.optional(z.string()),
  failure: z.nullable(failureSchema),
  /** The numbers of all records, in order, if the question took several calls. */
  sequences: z.optional(z.array(z.number())),
  /** Why the cost is an upper bound. */
  estimatedBecause: z.optional(z.nullable(z.string())),
  /** What an incomplete answer lacks; left out for a complete one. */
  shortfall: z.optional(
    z.object({
      message: z.string(),
      hint: z.string(),
      /** The action that continues the answer; null if it can't continue. */
      goOn: z.nullable(z.enum(['continue', 'longer'])),
    }),
  ),
});

/** What an answer from sources cites, and what is wrong with that, each in a sentence. */
const citationsSchema = z.object({
  valid: z.array(
    z.object({
      n: z.number(),
      path: z.string(),
      file: z.string(),
      firstLine: z.number(),
      lastLine: z.number(),
    }),
  ),
  faults: z.array(z.string()),
});

/** A use of a tool, as people see it. */
const toolUseSchema = z.object({
  name: z.string(),
  /** What it does, in a few words. */
  does: z.string(),
  /** `asked` until a person has decided. */
  state: z.enum(['asked', 'refused', 'stopped', 'running', 'done', 'failed']),
  /** The characters of the result that are sent; null if there is none. */
  characters: z.nullable(z.number()),
});

/** One question with its answer. */
export const turnSchema = z.object({
  id: z.string(),
  /** The turn that it follows; left out of the first one. */
  parent: z.optional(z.string()),
  question: z.string(),
  /** What is sent before the question, each time that it is sent. */
  attachments: z.optional(z.array(attachmentSchema)),
  /** False if the rules files of the workspace were not followed. */
  followsRules: z.optional(z.boolean()),
  /** Whether everything is redacted that policy would block; then also in what follows. */
  redact: z.optional(z.boolean()),
  /** The last turn that is left out, with all before it, of this question and of later ones. */
  omits: z.optional(z.string()),
  /** Whether the answer summarises the turns that are left out. */
  isSummary: z.optional(z.boolean()),
  reason: z.string(),
  /** What it is for, of the use classes that policy names. */
  useClass: z.optional(z.string()),
  model: z.string(),
  /** Left out by earlier versions, which had only the direct mode. */
  mode: z.optional(z.string()),
  /** In one line; set if the mode takes one. */
  signature: z.optional(z.string()),
  /** Whether the answer is simulated. */
  simulated: z.boolean(),
  /** The Markdown received so far. */
  answer: z.string(),
  /** What the model thought before it, as far as its service tells. */
  thinking: z.optional(z.string()),
  citations: z.optional(citationsSchema),
  /** Set if the answer is the checked fields of a signature, as JSON. */
  structured: z.optional(z.object({ repairs: z.number() })),
  /** The tools that the model asked for, in order. */
  tools: z.optional(z.array(toolUseSchema)),
  /** The current step before a model is asked. */
  progress: z.optional(z.string()),
  /** Null while the answer is running. */
  result: z.nullable(turnResultSchema),
  /** Set if an agreement was run instead of asking a model. */
  flow: z.optional(
    z.object({
      trigger: z.string(),
      /** The current step. */
      progress: z.string(),
      /** The run whose report can be shown; null while there is none. */
      reportOf: z.nullable(z.string()),
    }),
  ),
});

export type Turn = z.infer<typeof turnSchema>;
export type ToolUse = z.infer<typeof toolUseSchema>;
export type TurnResult = z.infer<typeof turnResultSchema>;
export type Failure = z.infer<typeof failureSchema>;
