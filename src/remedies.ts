import * as z from 'zod/mini';

/** A place in a file; lines and columns from 1. */
const filePlace = z.object({ file: z.string(), line: z.number(), column: z.number() });

/** Where to fix something: in a file, or at a key of the user's settings.yaml. */
const place = z.union([filePlace, z.object({ key: z.string() })]);

/**
 * What a person can do about a failure, as data; front doors show it as a button or a command line. It is stored
 * with conversations, so existing kinds keep their names.
 */
export const remedySchema = z.discriminatedUnion('kind', [
  z.object({
    /**
     * Repeats the call, possibly with a shorter answer, with another model, or without so many of the oldest turns, which
     * may be summarised: at a cost of at most `atMost`. Or sends it with everything redacted that policy blocks.
     */
    kind: z.literal('retry'),
    redact: z.optional(z.boolean()),
    leaveOut: z.optional(z.number()),
    summarise: z.optional(z.number()),
    maxTokens: z.optional(z.number()),
    model: z.optional(z.string()),
    atMost: z.optional(z.string()),
  }),
  z.object({ kind: z.literal('open_settings'), place: z.nullable(place) }),
  /** Asks a second person to allow what policy kept back. */
  z.object({ kind: z.literal('request_exception'), allows: z.array(z.string()) }),
  z.object({ kind: z.literal('open_flow_file'), place: z.nullable(filePlace) }),
  z.object({
    kind: z.enum([
      'acknowledge_overruns',
      'check_health',
      'choose_flow',
      'choose_model',
      'connect_aws',
      'log_in_to_aws',
      'open_budget',
      'raise_cap',
      'reconnect',
      'reopen_ledger',
      'set_api_key',
      'show_ledger',
      'show_output',
      'verify_ledger',
    ]),
  }),
]);

export type Place = z.infer<typeof place>;
export type Remedy = z.infer<typeof remedySchema>;
/** A remedy other than repeating the call. */
export type Mend = Exclude<Remedy, { kind: 'retry' }>;
