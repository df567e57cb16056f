import * as z from 'zod/mini';
import type { ContentKeys } from '../content/contentKeys.ts';
import { sealedText, unsealedText } from '../content/sealedText.ts';
import { isErrorCode, type GatewayErrorCode } from '../errorCodes.ts';

/*
 * The lines of a run's file, as they are written: names in snake_case, times in ISO 8601, money in micro-USD as digits. Texts
 * of the workflow and results of steps are there only where policy keeps content in full.
 */

const micro = z.string().check(z.regex(/^\d{1,18}$/));
const stepEnds = ['success', 'failed', 'cancelled'] as const;
export const runEnds = ['success', 'failed', 'cancelled'] as const;

const fault = z.object({
  code: z.custom<GatewayErrorCode>((value) => typeof value === 'string' && isErrorCode(value)),
  message: z.string(),
  hint: z.string(),
});

const lineSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('began'),
    workflow: z.string(),
    /** Absolute path of the workflow's file; null for one that isn't in a file. */
    file: z.nullable(z.string()),
    /** The workspace folder that paths of steps are relative to; null if there is none. */
    folder: z.nullable(z.string()),
    user: z.string(),
    /** As recorded: without secrets. */
    reason: z.string(),
    cost_limit: micro,
    sla_seconds: z.nullable(z.number()),
    steps: z.array(z.object({ id: z.string(), type: z.string(), after: z.array(z.string()) })),
    /** The text of the file and the inputs; null where policy keeps no content: then the run can't be resumed. */
    kept: z.nullable(z.object({ text: z.string(), inputs: z.record(z.string(), z.string()) })),
  }),
  /** A process begins to work on the run, under an id of the ledger that holds the money. */
  z.object({ kind: z.literal('opened'), at: z.string(), ledger_run: z.string(), slots: z.number() }),
  z.object({ kind: z.literal('started'), at: z.string(), step: z.string(), wait_ms: z.number() }),
  /** The step's agreement runs under an id of its own. */
  z.object({ kind: z.literal('agreement'), step: z.string(), ledger_run: z.string() }),
  /** A call was given to another machine, under an id of its own; until it returns it counts with the most that it can cost. */
  z.object({ kind: z.literal('sent'), step: z.string(), call: z.string(), most: micro }),
  /** What that call cost, by the records of the machine that made it. */
  z.object({ kind: z.literal('returned'), call: z.string(), cost: micro }),
  /** A model's answer is complete. It is written before the call is settled, so that it is never paid again. */
  z.object({ kind: z.literal('answered'), step: z.string(), text: z.string() }),
  z.object({
    kind: z.literal('ended'),
    at: z.string(),
    step: z.string(),
    status: z.enum(stepEnds),
    duration_ms: z.number(),
    attempts: z.number(),
    cached: z.boolean(),
    error: z.nullable(fault),
    /** The result; left out for a model's answer, which is in its own line, and where policy keeps no content. */
    value: z.optional(z.unknown()),
  }),
  z.object({ kind: z.literal('warned'), at: z.string(), message: z.string() }),
  /** The process has ended its work; what the run and each step cost so far is from the ledger's records. */
  z.object({
    kind: z.literal('closed'),
    at: z.string(),
    status: z.enum(runEnds),
    error: z.nullable(fault),
    cost: micro,
    costs: z.record(z.string(), micro),
    sla_missed: z.boolean(),
  }),
]);

export type RunLine = z.infer<typeof lineSchema>;
export type LineOf<Kind extends RunLine['kind']> = Extract<RunLine, { kind: Kind }>;
export type RecordedFault = z.infer<typeof fault>;

/** A line, sealed for its user and bound to its place in its file. Throws `content_unavailable` if the key can't be used. */
export function sealedLine(
  keys: ContentKeys,
  user: string,
  place: { run: string; index: number },
  line: RunLine,
): string {
  return `${sealedText(keys, user, boundTo(place), JSON.stringify(line))}\n`;
}

/** Null if it was changed, belongs elsewhere, or its user was erased. Throws `content_unavailable`. */
export function openedLine(
  keys: ContentKeys,
  place: { run: string; index: number },
  sealed: string,
): RunLine | null {
  const json = unsealedText(keys, boundTo(place), sealed);
  try {
    return json === null ? null : lineSchema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}

function boundTo({ run, index }: { run: string; index: number }): Buffer {
  return Buffer.from(`TidyLLM workflow run 1\0${run}\0${index}`);
}
