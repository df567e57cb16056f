import * as z from 'zod';
import { amountToMicro, parseDecimal } from '../pricing/cost.ts';
import { userCapFault } from '../userName.ts';
import { isKeyName, isRegion } from '../strayCharacters.ts';

/** A price as text, so that no digit is lost. */
const decimal = z
  .union([z.string(), z.number()], 'must be a decimal number such as "0.01" or "1000"')
  .transform(String)
  .refine((text) => isReadBy(parseDecimal, text) && !/^0\d/.test(text), {
    error: 'must be a decimal number such as "0.01" or "1000"',
    abort: true,
  });

/** An amount of USD as text: whole micro-dollars, as the ledger counts. */
export const amount = decimal.refine(
  (text) => isReadBy(amountToMicro, text),
  'must have at most 6 decimals, such as "0.000001"; the ledger counts in millionths of a dollar',
);

function isReadBy(read: (text: string) => unknown, text: string): boolean {
  try {
    read(text);
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

const pattern = z.string().refine((source) => {
  try {
    new RegExp(source, 'u');
    return true;
  } catch {
    return false;
  }
}, 'must be a regular expression');

const webAddress = z.url({ protocol: /^https?$/, error: 'must be an http or https address' });
const text = z.string().min(1, 'must not be empty');
const optional = text.nullable().default(null);
const region = text.refine(isRegion, 'must be an AWS region such as "eu-central-1"').nullable().default(null);
const milliseconds = z.int().min(0).max(3_600_000);
const port = z.int().min(1).max(65_535);

const price = z.strictObject({
  input: decimal,
  output: decimal,
  cache_read: decimal.optional(),
  cache_write_5m: decimal.optional(),
  cache_write_1h: decimal.optional(),
});

/** Characters that nobody sees, and spaces that look like one or like none. */
const unseen = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}|^ | $/u;

/** Whom or what a cap is for: a name that only looks like another would be under no cap. */
const capName = text
  .refine((name) => !unseen.test(name), 'has a character or space that can’t be seen; write it anew by hand')
  .refine((name) => !name.includes('${'), 'refers to a variable; only values may do so');

const caps = z.record(capName, amount.nullable()).default({});

/** A user that a cap is for; what is wrong with the name is said in the words of whoever reads it. */
const userCapName = capName.superRefine((name, context) => {
  const fault = unseen.test(name) ? null : userCapFault(name);
  if (fault !== null) context.addIssue(fault);
});
const userCaps = z.record(userCapName, amount.nullable()).default({});
const decision = z.enum(['block', 'redact', 'allow']);

/**
 * settings.yaml: the one description of its keys, types, defaults and meaning. The template, the
 * documentation and the JSON schema are made from it.
 * Names are those of the file (snake_case); the settings object keeps them.
 */
export const settingsSchema = z.strictObject({
  aws: section({
    profile: optional.describe('AWS profile; null takes what is found.').meta({ examples: ['corporate'] }),
    region: region
      .describe('AWS region of every service; null takes that of the profile, then us-east-1.')
      .meta({ examples: ['eu-central-1'] }),
    bedrock: section({
      region: region.describe('Region of Bedrock where it differs.'),
      default_model: text.default('claude-sonnet').describe('Model when a call names none.'),
      endpoint: webAddress.nullable().default(null).describe('Endpoint of Bedrock, for a VPC endpoint.'),
      bearer_token: z
        .boolean()
        .default(false)
        .describe('Whether AWS_BEARER_TOKEN_BEDROCK may stand in for credentials.'),
    }),
    credentials: section({
      access_key_id: optional
        .describe('Access key that is used when nothing else was found.')
        .meta({ examples: ['${CORPORATE_KEY_ID}'] }),
      secret_access_key: optional
        .describe('Its secret.')
        .meta({ secret: true, examples: ['${CORPORATE_SECRET_KEY}'] }),
      session_token: optional
        .describe('Its session token, where it has one.')
        .meta({ secret: true, examples: ['${CORPORATE_SESSION_TOKEN}'] }),
    }),
  }),
  bedrock: section({
    model_mapping: z
      .record(text, text)
      .default({})
      .describe('Friendly name to model id, inference-profile id or ARN.')
      .meta({ examples: [{ 'claude-sonnet': 'eu.anthropic.claude-sonnet-4-6' }] }),
    guardrail_price: decimal
      .nullable()
      .default(null)
      .describe(
        'USD per 1,000,000 characters that guardrails read: the sum of what AWS asks per 1,000 text units for their policies. Without it no call with a guardrail is made.',
      ),
  }),
  prices: z
    .record(text, price)
    .default({})
    .describe('Prices by model id, USD per 1,000,000 tokens, before the built-in table.')
    .meta({ examples: [{ 'my.model-id': { input: '3', output: '15' } }] }),
  models: z
    .record(text, z.strictObject({ base: text }))
    .default({})
    .describe(
      'What stands behind a name, id or ARN: the model from which limits, prices and capabilities are.',
    )
    .meta({ examples: [{ 'my-profile': { base: 'us.anthropic.claude-opus-4-8' } }] }),
  budget: section({
    daily_limit_usd: amount
      .default('1000')
      .describe('Most that may be spent in a day by the whole ledger, over all windows and the terminal.'),
    timezone: timeZone.default('UTC').describe('IANA time zone; where the day begins.'),
    alerts: z
      .array(z.number().gt(0).lte(1))
      .min(1)
      .default([0.5, 0.8, 0.95])
      .describe('Shares of each cap at which people are told, by what was spent under it.'),
    unknown_price: text
      .default('refuse')
      .describe('"refuse", or the price-table entry that prices models nobody has a price for.'),
    per_user_usd: userCaps
      .describe(
        'Daily cap of each user, in capital or small letters; of an account of the operating system, such as account:ada; of an ARN that AWS names, or of the role of its sessions; "default" for all other users.',
      )
      .meta({ examples: [{ default: '20', 'ada@example.com': '50' }] }),
    per_model_usd: caps
      .describe(
        'Daily cap of each model, by friendly name, id or ARN, for all of its profiles together; "default" for all others.',
      )
      .meta({ examples: [{ 'claude-opus': '100' }] }),
    per_workspace_usd: caps.describe('Daily cap of each workspace folder; "default" for all others.'),
  }),
  audit: section({
    content: z
      .enum(['none', 'hash', 'redacted', 'full'])
      .default('hash')
      .describe(
        'What is kept of prompts and answers: nothing, a keyed hash, or with it the text, encrypted, without secrets and personal data or in full.',
      ),
    min_reason_length: z.int().min(1).default(3).describe('Fewest characters of an audit reason.'),
    retention_days: z
      .int()
      .min(183, 'must be at least 183: records of AI use are kept for six months')
      .default(400)
      .describe('Days after which closed journal segments are dropped; at least 183.'),
    pinned_key: z
      .string()
      .refine(isKeyName, 'must be a key as "tidyllm audit head --json" names it')
      .nullable()
      .default(null)
      .describe(
        'Signing key that the ledger has to be of: its public_key, or its key_id of 8 digits, as "tidyllm audit head --json" names them. Another ledger is refused.',
      )
      .meta({ examples: ['11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='] }),
    anchor: section({
      file: optional
        .describe('File that checkpoints are appended to.')
        .meta({ examples: ['/mnt/audit/tidyllm-anchors.txt'] }),
      git: optional
        .describe('Repository in whose notes checkpoints are kept.')
        .meta({ examples: ['/home/ada/audit'] }),
      every_records: z.int().min(1).default(1000).describe('Records after which the head is anchored.'),
      every_minutes: z.int().min(1).default(60).describe('Minutes after which a moved head is anchored.'),
    }),
  }),
  ai: section({
    backends: z
      .array(z.enum(['bedrock', 'mock']))
      .min(1)
      .default(['bedrock', 'mock'])
      .describe('Back-ends that policy allows.'),
    concurrency: z.int().min(1).max(1000).default(8).describe('Calls at the same time.'),
    fallback_models: z
      .record(text, z.array(text))
      .default({})
      .describe('Models that may answer in place of another, in order.'),
  }),
  retry: section({
    attempts: z.int().min(1).max(10).default(3).describe('Most attempts of a call.'),
    base_delay_ms: milliseconds.default(250).describe('First delay between attempts.'),
    max_delay_ms: milliseconds.default(8000).describe('Longest delay between attempts.'),
    idle_timeout_ms: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(60_000)
      .describe('Silence after which a call counts as stalled.'),
  }),
  cache: section({
    enabled: z.boolean().default(true).describe('Whether answers are kept and given again.'),
    ttl_seconds: z.int().min(0).default(86_400).describe('How long an answer is kept.'),
    max_bytes: z.int().min(0).default(268_435_456).describe('Most that all answers may take on disk.'),
    directory: text.default('.bedrock_cache').describe('Folder of the cache.'),
    scope: z.enum(['user', 'workspace']).default('user').describe('Who gets an answer again.'),
  }),
  compliance: section({
    level: z.enum(['standard', 'enterprise']).default('enterprise').describe('Set of rules that is checked.'),
    secrets: decision.default('block').describe('What happens to secrets in a prompt.'),
    personal_data: decision.default('redact').describe('What happens to personal data in a prompt.'),
    patterns: z.array(pattern).default([]).describe('Regular expressions of what counts as secret besides.'),
  }),
  mlflow: section({
    enabled: z.boolean().default(true).describe('Whether calls are tracked in MLflow.'),
    tracking_uri: webAddress.default('http://localhost:5000').describe('The tracking server.'),
    experiment: text.default('tidyllm').describe('Experiment that calls are tracked in.'),
    backend_store_uri: optional.describe('Store of an MLflow server that is started for this user.'),
    artifact_store: optional.describe('Artifact folder of such a server.'),
  }),
  postgres: section({
    host: optional.describe('Server of the team’s database.').meta({ examples: ['db.example.com'] }),
    port: port.default(5432).describe('Its port.'),
    db_name: optional.describe('Database.').meta({ examples: ['tidyllm'] }),
    db_user: optional.describe('User of the database.').meta({ examples: ['tidyllm'] }),
    db_password: optional
      .describe('Its password; PGPASSWORD without it.')
      .meta({ secret: true, examples: ['${PGPASSWORD}'] }),
    ssl_mode: z
      .enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])
      .default('require')
      .describe('How the connection is encrypted, as in libpq.'),
  }),
  s3: section({
    bucket: optional.describe('Bucket of the team.').meta({ examples: ['example-audit'] }),
    region: region.describe('Its region where it differs from aws.region.'),
    prefix: z.string().default('tidyllm/').describe('Begin of every key.'),
    endpoint: webAddress
      .nullable()
      .default(null)
      .describe('Endpoint of S3, for a VPC endpoint or another S3 server.'),
  }),
  team: section({
    organisation: optional.describe('Name under which a team shares its budget.'),
    offline_escrow_usd: amount.default('5').describe('What may be spent while the team’s database is away.'),
  }),
  workflow: section({
    optimization_level: z.int().min(0).max(2).default(1).describe('0 none, 1 basic, 2 aggressive.'),
    performance_threshold: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe('Least gain that is worth a change, as a share.'),
    compliance_mode: z.boolean().default(true).describe('Whether workflows are checked against the rules.'),
    enable_dag_manager: z.boolean().default(true).describe('Whether steps run side by side.'),
    enable_flow_agreements: z.boolean().default(true).describe('Whether a workflow’s agreements count.'),
  }),
  flow: section({
    files: z
      .array(text)
      .default(['.tidyllm/flow.yaml'])
      .describe('Files of FLOW agreements, in each workspace folder.'),
  }),
});

export type Settings = z.output<typeof settingsSchema>;

/** What the file may set without effect: parts that are not installed yet, so that one file serves every version. */
export const laterKeys: readonly string[] = [
  'ai.concurrency',
  'ai.fallback_models',
  'retry.attempts',
  'retry.base_delay_ms',
  'retry.max_delay_ms',
  'cache',
  'compliance',
  'mlflow.experiment',
  'mlflow.backend_store_uri',
  'mlflow.artifact_store',
  's3.prefix',
  'team',
  'workflow',
];

function section<Shape extends z.ZodRawShape>(
  shape: Shape,
): z.ZodPrefault<z.ZodObject<Shape, z.core.$strict>> {
  return z.strictObject(shape).prefault({} as never);
}
