import * as z from 'zod/mini';
import { isJsonObject, type JsonObject } from '../content/messages.ts';
import { isErrorCode, type GatewayErrorCode } from '../errorCodes.ts';
import { GatewayError } from '../errors.ts';

/*
 * What goes through the team's database: calls of steps, and their answers. Names in snake_case, money in micro-USD as digits.
 * Who can write there isn't known to a worker, so that nothing is believed before it is checked.
 */

const micro = z.string().check(z.regex(/^\d{1,15}$/));

/** As in a workflow's file: the ledger records it. */
const workflowName = z.string().check(
  z.maxLength(120),
  z.refine((name) => name.isWellFormed()),
);
/** With those of the steps around it, as a workflow's file has them. */
const stepId = z.string().check(z.regex(/^[A-Za-z0-9_.-]+$/));

const callSchema = z.object({
  workflow: workflowName,
  run_id: z.uuid(),
  step: stepId,
  user: z.string(),
  reason: z.string(),
  /** The most that the call may cost. */
  most: micro,
  request: z.object({
    prompt: z.string(),
    system: z.optional(z.string()),
    model: z.string(),
    max_tokens: z.int(),
    temperature: z.number(),
    schema: z.optional(z.custom<JsonObject>(isJsonObject)),
    cache: z.optional(z.boolean()),
    use_class: z.optional(z.string()),
  }),
});

const answerSchema = z.object({
  text: z.string(),
  stop_reason: z.nullable(z.string()),
  attempts: z.int(),
  cached: z.boolean(),
  cost: micro,
  /** Whether the worker ended before there was an answer: then the step is asked again. */
  lost: z.boolean(),
  error: z.nullable(
    z.object({
      code: z.custom<GatewayErrorCode>((value) => typeof value === 'string' && isErrorCode(value)),
      message: z.string(),
      hint: z.string(),
    }),
  ),
});

/** A call of a step that another machine makes. */
export type SharedCall = z.infer<typeof callSchema>;
/** How it ended there. */
export type SharedAnswer = z.infer<typeof answerSchema>;

/** A call of which nothing is known but that it may have cost so much, micro-USD. */
export function lostAnswer(cost: string): SharedAnswer {
  return { text: '', stop_reason: null, attempts: 1, cached: false, cost, lost: true, error: null };
}

/** Throws `invalid_request` for anything else. */
export function sharedCallOf(value: unknown): SharedCall {
  return checked(callSchema, value, 'call');
}

/** Throws `invalid_request` for anything else. */
export function sharedAnswerOf(value: unknown): SharedAnswer {
  return checked(answerSchema, value, 'answer');
}

function checked<Type>(schema: z.ZodMiniType<Type>, value: unknown, what: string): Type {
  const { data, success } = schema.safeParse(value);
  if (success) return data;
  throw new GatewayError('invalid_request', `The team’s database has a ${what} that can’t be read.`, {
    hint: 'Use the same version of TidyLLM Gateway on every machine.',
  });
}
