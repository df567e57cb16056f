import * as z from 'zod';
import { parseDecimal } from '../pricing/cost.ts';

const decimal = z
  .union([z.string(), z.number()])
  .transform(String)
  .refine(isDecimal, 'must be a decimal number such as "0.01" or "1000"');

function isDecimal(text: string): boolean {
  try {
    parseDecimal(text);
    return true;
  } catch {
    return false;
  }
}

const timeZone = z.string().refine((zone) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}, 'must be an IANA time zone such as "UTC" or "Europe/Berlin"');

const price = z.strictObject({
  input: decimal,
  output: decimal,
  cache_read: decimal.optional(),
  cache_write_5m: decimal.optional(),
  cache_write_1h: decimal.optional(),
});

const caps = z.record(z.string().min(1), decimal.nullable()).default({});

/** Keys of services that are not installed yet: known by name, so that one file serves every version. */
const later = z.unknown().optional();

/** Their paths. */
export const laterKeys = [
  'ai.concurrency',
  'ai.fallback_models',
  'retry.attempts',
  'retry.base_delay_ms',
  'retry.max_delay_ms',
  'cache',
  'compliance',
  'mlflow',
  'postgres',
  's3',
  'team',
  'workflow',
  'flow',
] as const;

/**
 * settings.yaml: the one description of its keys, types, defaults and meaning.
 * Names are those of the file (snake_case); the settings object keeps them.
 */
export const settingsSchema = z.strictObject({
  aws: z
    .strictObject({
      profile: z
        .string()
        .min(1)
        .nullable()
        .default(null)
        .describe('AWS profile; null takes what the AWS SDK finds.'),
      region: z.string().min(1).nullable().default(null).describe('AWS region of every service.'),
      bedrock: z
        .strictObject({
          region: z.string().min(1).nullable().default(null).describe('Region of Bedrock where it differs.'),
          default_model: z.string().min(1).default('claude-sonnet').describe('Model when a call names none.'),
          endpoint: z.url().nullable().default(null).describe('Endpoint of Bedrock, for a VPC endpoint.'),
        })
        .prefault({}),
    })
    .prefault({}),
  bedrock: z
    .strictObject({
      model_mapping: z
        .record(z.string().min(1), z.string().min(1))
        .default({})
        .describe('Friendly name to model id, inference-profile id or ARN.'),
    })
    .prefault({}),
  prices: z
    .record(z.string().min(1), price)
    .default({})
    .describe('Prices by model id, USD per 1,000,000 tokens, before the built-in table.'),
  budget: z
    .strictObject({
      daily_limit_usd: decimal
        .default('1000')
        .describe('Most that may be spent in a day by the whole ledger.'),
      timezone: timeZone.default('UTC').describe('Where the day begins.'),
      alerts: z
        .array(z.number().gt(0).lte(1))
        .min(1)
        .default([0.5, 0.8, 0.95])
        .describe('Shares of the limit at which people are told.'),
      unknown_price: z
        .string()
        .min(1)
        .default('refuse')
        .describe('"refuse", or the price-table entry that prices models nobody has a price for.'),
      per_user_usd: caps.describe('Daily cap of each user; "default" for all others.'),
      per_model_usd: caps.describe(
        'Daily cap of each model, by friendly name or id; "default" for all others.',
      ),
      per_workspace_usd: caps.describe('Daily cap of each workspace folder; "default" for all others.'),
    })
    .prefault({}),
  audit: z
    .strictObject({
      content: z
        .enum(['none', 'hash', 'redacted', 'full'])
        .default('hash')
        .describe(
          'What is kept of prompts and answers: nothing, a keyed hash, or with it the text, encrypted, without secrets and personal data or in full.',
        ),
      min_reason_length: z.int().min(1).default(3).describe('Fewest characters of an audit reason.'),
      anchor: z
        .strictObject({
          file: z.string().min(1).nullable().default(null).describe('File that checkpoints are appended to.'),
          git: z
            .string()
            .min(1)
            .nullable()
            .default(null)
            .describe('Repository in whose notes checkpoints are kept.'),
          every_records: z.int().min(1).default(1000).describe('Records after which the head is anchored.'),
          every_minutes: z.int().min(1).default(60).describe('Minutes after which a moved head is anchored.'),
        })
        .prefault({}),
      retention_days: z
        .int()
        .min(183, 'must be at least 183: records of AI use are kept for six months')
        .default(400)
        .describe('Closed journal segments older than this are dropped.'),
    })
    .prefault({}),
  ai: z
    .strictObject({
      backends: z
        .array(z.enum(['bedrock', 'mock']))
        .min(1)
        .default(['bedrock', 'mock'])
        .describe('Back-ends that policy allows.'),
      concurrency: later,
      fallback_models: later,
    })
    .prefault({}),
  retry: z
    .strictObject({
      idle_timeout_ms: z
        .int()
        .min(100)
        .default(60_000)
        .describe('Silence after which a call counts as stalled.'),
      attempts: later,
      base_delay_ms: later,
      max_delay_ms: later,
    })
    .prefault({}),
  cache: later,
  compliance: later,
  mlflow: later,
  postgres: later,
  s3: later,
  team: later,
  workflow: later,
  flow: later,
});

export type Settings = z.output<typeof settingsSchema>;
