import * as z from 'zod/mini';
import { remedySchema } from '../remedies.ts';

/** A button of an error, with what it does. */
const fix = z.object({ label: z.string(), remedy: remedySchema });

/** Those of conversations that an earlier version kept do what nobody knows any more, and are left out. */
const fixes = z.pipe(
  z.array(z.unknown()),
  z.transform((kept) => kept.flatMap((one) => fix.safeParse(one).data ?? [])),
);

/** Why a question got no whole answer, and what can be done. */
export const failureSchema = z.object({
  message: z.string(),
  hint: z.string(),
  fixes,
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
  failure: z.nullable(failureSchema),
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

export type Turn = z.infer<typeof turnSchema>;
export type TurnResult = NonNullable<Turn['result']>;
export type Failure = z.infer<typeof failureSchema>;
