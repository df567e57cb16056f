import * as z from 'zod';
import { amountToMicro, parseDecimal } from '../pricing/cost.ts';
import { userCapFault } from '../userName.ts';
import { isKeyName, isPublicKey, isRegion } from '../strayCharacters.ts';
import { patternList } from './patterns.ts';

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

/** Invisible characters, and spaces that look like another space or like nothing. */
const unseen = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}|^ | $/u;

/** Name of a capped user, model or workspace. A look-alike name would escape the cap. */
const capName = text
  .refine((name) => !unseen.test(name), 'has an invisible character or space; type it again by hand')
  .refine((name) => !name.includes('${'), 'refers to a variable; only values may');

const caps = z.record(capName, amount.nullable()).default({});

/** Name of a capped user; a fault is reported in the words of the code that reads the name. */
const userCapName = capName.superRefine((name, context) => {
  const fault = unseen.test(name) ? null : userCapFault(name);
  if (fault !== null) context.addIssue(fault);
});
const userCaps = z.record(userCapName, amount.nullable()).default({});
const complianceLevel = z.enum(['enterprise', 'sox', 'gdpr', 'ai_act']);
const decision = z.enum(['block', 'redact', 'allow']);
const useClass = z
  .string()
  .regex(
    /^[a-z][a-z0-9_]{0,59}$/,
    'must be a name such as customer_facing: a to z, 0 to 9 and _, at most 60',
  );

/**
 * settings.yaml: the only description of its keys, types, defaults and meaning. The template, the
 * documentation and the JSON schema are generated from it.
 * Names are those of the file (snake_case); the settings object keeps them.
 */
export const settingsSchema = z.strictObject({
  aws: section({
    profile: optional
      .describe('AWS profile; null uses the credentials that are found.')
      .meta({ examples: ['corporate'] }),
    region: region
      .describe('AWS region of every service; null uses the profile’s region, then us-east-1.')
      .meta({ examples: ['eu-central-1'] }),
    bedrock: section({
      region: region.describe('Region of Bedrock, if it differs.'),
      default_model: text.default('claude-sonnet').describe('Model of calls that name none.'),
      endpoint: webAddress.nullable().default(null).describe('Bedrock endpoint, such as a VPC endpoint.'),
      bearer_token: z
        .boolean()
        .default(false)
        .describe('Whether AWS_BEARER_TOKEN_BEDROCK may replace credentials.'),
    }),
    credentials: section({
      access_key_id: optional
        .describe('Access key, used if no other credentials are found.')
        .meta({ examples: ['${CORPORATE_KEY_ID}'] }),
      secret_access_key: optional
        .describe('Secret of the access key.')
        .meta({ secret: true, examples: ['${CORPORATE_SECRET_KEY}'] }),
      session_token: optional
        .describe('Session token of the access key, if it has one.')
        .meta({ secret: true, examples: ['${CORPORATE_SESSION_TOKEN}'] }),
    }),
  }),
  bedrock: section({
    model_mapping: z
      .record(text, text)
      .default({})
      .describe('Maps friendly names to model ids, inference-profile ids or ARNs.')
      .meta({ examples: [{ 'claude-sonnet': 'eu.anthropic.claude-sonnet-4-6' }] }),
    guardrail_price: decimal
      .nullable()
      .default(null)
      .describe(
        'USD per 1,000,000 characters that guardrails read: the sum of the AWS prices of their policies per 1,000 text units. Without it, calls with a guardrail are refused.',
      ),
  }),
  prices: z
    .record(text, price)
    .default({})
    .describe('Prices by model id, USD per 1,000,000 tokens; they override the built-in table.')
    .meta({ examples: [{ 'my.model-id': { input: '3', output: '15' } }] }),
  models: z
    .record(text, z.strictObject({ base: text }))
    .default({})
    .describe('The model behind a name, id or ARN, which sets its limits, prices and capabilities.')
    .meta({ examples: [{ 'my-profile': { base: 'us.anthropic.claude-opus-4-8' } }] }),
  budget: section({
    daily_limit_usd: amount
      .default('1000')
      .describe('Daily limit of the whole ledger, across all windows and the terminal.'),
    timezone: timeZone.default('UTC').describe('IANA time zone in which the day begins.'),
    alerts: z
      .array(z.number().gt(0).lte(1))
      .min(1)
      .default([0.5, 0.8, 0.95])
      .describe('Shares of each cap that trigger an alert once spent.'),
    unknown_price: text
      .default('refuse')
      .describe('"refuse", or the price-table entry to use for models without a price.'),
    per_user_usd: userCaps
      .describe(
        'Daily cap of each user, in upper or lower case; of an operating-system account, such as account:ada; of an AWS ARN, or of the role of its sessions; "default" for all other users.',
      )
      .meta({ examples: [{ default: '20', 'ada@example.com': '50' }] }),
    per_model_usd: caps
      .describe(
        'Daily cap of each model, by friendly name, id or ARN, for all its profiles together; "default" for all others.',
      )
      .meta({ examples: [{ 'claude-opus': '100' }] }),
    per_workspace_usd: caps.describe('Daily cap of each workspace folder; "default" for all others.'),
  }),
  audit: section({
    content: z
      .enum(['none', 'hash', 'redacted', 'full'])
      .default('hash')
      .describe(
        'What is kept of prompts and answers: nothing, a keyed hash, or the hash and the encrypted text, either redacted or in full.',
      ),
    min_reason_length: z
      .int()
      .min(1)
      .default(3)
      .describe('Minimum length of an audit reason, in characters.'),
    retention_days: z
      .int()
      .min(183, 'must be at least 183: records of AI use are kept for six months')
      .default(400)
      .describe('Days after which closed journal segments are deleted; at least 183.'),
    pinned_key: z
      .string()
      .refine(isKeyName, 'must be a key from "tidyllm audit head --json"')
      .nullable()
      .default(null)
      .describe(
        'Signing key that the ledger must have: the public_key or the 8-digit key_id from "tidyllm audit head --json". A ledger with another key is refused.',
      )
      .meta({ examples: ['11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='] }),
    anchor: section({
      file: optional
        .describe('File to which checkpoints are appended.')
        .meta({ examples: ['/mnt/audit/tidyllm-anchors.txt'] }),
      git: optional
        .describe('Git repository whose notes hold the checkpoints.')
        .meta({ examples: ['/home/ada/audit'] }),
      every_records: z.int().min(1).default(1000).describe('Records after which the head is anchored.'),
      every_minutes: z.int().min(1).default(60).describe('Minutes after which a changed head is anchored.'),
    }),
  }),
  ai: section({
    backends: z
      .array(z.enum(['anthropic', 'openai', 'compatible', 'bedrock', 'mlflow', 'mock']))
      .min(1)
      .default(['bedrock', 'mock'])
      .describe(
        'Back-ends that policy allows. The first that is configured is used, in the order anthropic, openai, compatible, bedrock, mlflow, mock.',
      ),
    model_mapping: z
      .record(text, text)
      .default({})
      .describe('Maps friendly names to model ids, for back-ends other than Bedrock.')
      .meta({ examples: [{ 'claude-sonnet': 'claude-sonnet-5' }] }),
    anthropic: section({
      endpoint: webAddress
        .default('https://api.anthropic.com')
        .describe('Address of Anthropic’s API; the key is in ANTHROPIC_API_KEY.'),
    }),
    openai: section({
      endpoint: webAddress
        .default('https://api.openai.com/v1')
        .describe('Address of OpenAI’s API, up to its version; the key is in OPENAI_API_KEY.'),
    }),
    compatible: section({
      name: text.default('the compatible server').describe('Name of the server, as messages show it.'),
      endpoint: webAddress
        .nullable()
        .default(null)
        .describe(
          'Address of a server that speaks OpenAI’s Chat Completions, up to its version; a key is in COMPATIBLE_API_KEY.',
        )
        .meta({ examples: ['http://localhost:11434/v1'] }),
    }),
    concurrency: z.int().min(1).max(100).default(8).describe('Calls at once, over all windows and commands.'),
    fallback_models: z
      .record(text, z.array(text))
      .default({})
      .describe('Models to ask, in order, while the named one is not available.')
      .meta({ examples: [{ 'claude-opus': ['claude-sonnet'] }] }),
  }),
  retry: section({
    attempts: z.int().min(1).max(10).default(3).describe('Maximum attempts per call.'),
    base_delay_ms: milliseconds.default(250).describe('First delay between attempts, in milliseconds.'),
    max_delay_ms: milliseconds.default(8000).describe('Longest delay between attempts, in milliseconds.'),
    pause_after_failures: z
      .int()
      .min(0)
      .max(1000)
      .default(5)
      .describe(
        'Failures in a row after which calls to a model are paused for 30 s and more; 0 never pauses.',
      ),
    idle_timeout_ms: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(60_000)
      .describe('Milliseconds without data after which a call counts as stalled.'),
  }),
  cache: section({
    enabled: z.boolean().default(true).describe('Whether answers are cached.'),
    ttl_seconds: z.int().min(0).default(86_400).describe('How long an answer is cached, in seconds.'),
    max_bytes: z.int().min(0).default(268_435_456).describe('Maximum size of the cache on disk, in bytes.'),
    location: z
      .enum(['state', 'workspace'])
      .default('state')
      .describe('Where the cache folder is: in this user’s state folder, or in the workspace folder.'),
    directory: text.default('.bedrock_cache').describe('Cache folder, relative to that place.'),
    scope: z
      .enum(['user', 'workspace', 'shared'])
      .default('user')
      .describe('Who shares cached answers: nobody, users of one workspace, or all users of the folder.'),
    max_temperature: z
      .number()
      .min(0)
      .max(1)
      .default(0.7)
      .describe('Requests with a higher temperature are cached only when they ask for it.'),
  }),
  chat: section({
    tools: z
      .enum(['ask', 'never'])
      .default('ask')
      .describe(
        'Whether a model in the chat may read files, problems and git of the workspace: each use is asked, or none is allowed.',
      ),
    retrieval_embeddings: optional
      .describe(
        'Embedding model that orders what is found in the workspace by its meaning, for answers from the workspace: the question and up to 60 parts of files are sent to it. Null orders by words, without a model.',
      )
      .meta({ examples: ['cohere-embed'] }),
  }),
  compliance: section({
    level: z
      .union([complianceLevel, z.array(complianceLevel).min(1)])
      .default('enterprise')
      .describe('Rule set that is checked, or a list of them: enterprise, sox, gdpr, ai_act.')
      .meta({ examples: [['enterprise', 'gdpr']] }),
    secrets: decision.default('block').describe('What happens to secrets in a request.'),
    personal_data: decision.default('redact').describe('What happens to personal data in a request.'),
    models_allowed: z
      .array(text)
      .default([])
      .describe('Models that may be called, by name, id or profile id; an empty list allows all.')
      .meta({ examples: [['claude-sonnet']] }),
    models_denied: z.array(text).default([]).describe('Models that may not be called.'),
    regions_allowed: z
      .array(text)
      .default([])
      .describe(
        'AWS regions that may answer, and geographies of cross-region profiles such as "eu"; an empty list allows all.',
      )
      .meta({ examples: [['eu-central-1', 'eu']] }),
    cross_region: z
      .enum(['allow', 'without_personal_data', 'block'])
      .default('allow')
      .describe(
        'Whether cross-region profiles may be used: always, only for requests in which no personal data was found, or never.',
      ),
    paths_denied: z
      .array(text)
      .default([])
      .describe(
        'Files and folders that never go into a request, as globs: a name or a part of a path matches in every folder; one that begins with "/" or "~/" is a place on this machine.',
      )
      .meta({ examples: [['customers', '*.sql', 'finance/**/*.xlsx', '~/private']] }),
    unchecked: z
      .enum(['block', 'allow'])
      .nullable()
      .default(null)
      .describe(
        'What happens to a request that can’t be searched in time; null blocks it at level sox only.',
      ),
    approvers: z
      .array(
        z.strictObject({
          name: userCapName,
          public_key: z.string().refine(isPublicKey, 'must be a key from "tidyllm compliance key"'),
        }),
      )
      .default([])
      .describe(
        'People who may approve exceptions, higher caps and agreements of others, each with the public key that "tidyllm compliance key" prints.',
      )
      .meta({
        examples: [[{ name: 'grace', public_key: '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=' }]],
      }),
    segregation_of_duties: z
      .boolean()
      .default(false)
      .describe(
        'Whether a higher cap and the command of an agreement need an approver; always at level sox.',
      ),
    use_classes: z
      .array(useClass)
      .default([])
      .describe('Names for what calls are for, one of which a call may state; an empty list asks for none.')
      .meta({ examples: [['internal', 'customer_facing', 'high_risk']] }),
    use_class_required: z
      .boolean()
      .default(false)
      .describe(
        'Whether a call that states no use class is refused; built-in agreements state "internal" where compliance.use_classes names it.',
      ),
    use_classes_denied: z.array(useClass).default([]).describe('Use classes for which no call may be made.'),
    deadline_ms: z
      .int()
      .min(100)
      .max(60_000)
      .default(2000)
      .describe('How long a request is searched, in milliseconds.'),
    patterns: patternList
      .default([])
      .describe(
        'Additional patterns: a regular expression for secrets, or id, pattern, class (secret or personal_data) and examples that it matches and passes, which are tested.',
      )
      .meta({
        examples: [
          [
            {
              id: 'employee',
              pattern: '\\bE-\\d{6}\\b',
              class: 'personal_data',
              matches: ['E-123456'],
              passes: ['E-12'],
            },
          ],
        ],
      }),
  }),
  mlflow: section({
    enabled: z.boolean().default(true).describe('Whether calls are tracked in MLflow.'),
    tracking_uri: webAddress.default('http://localhost:5000').describe('URI of the tracking server.'),
    experiment: text.default('tidyllm').describe('Experiment in which calls are tracked.'),
    backend_store_uri: optional.describe('Backend store of an MLflow server started for this user.'),
    artifact_store: optional.describe('Artifact folder of that server.'),
  }),
  telemetry: section({
    otlp_endpoint: webAddress
      .nullable()
      .default(null)
      .describe(
        'Address of an OpenTelemetry receiver (OTLP over HTTP), without /v1/traces; calls are also sent there.',
      )
      .meta({ examples: ['http://localhost:4318'] }),
    otlp_headers: z
      .record(text, text.nullable())
      .default({})
      .describe('Headers that go with them, such as a login; one without a value is left out.')
      .meta({ secret: true, examples: [{ authorization: '${OTLP_AUTHORIZATION}' }] }),
  }),
  postgres: section({
    host: optional.describe('Host of the team’s database.').meta({ examples: ['db.example.com'] }),
    port: port.default(5432).describe('Port of the database.'),
    db_name: optional.describe('Name of the database.').meta({ examples: ['tidyllm'] }),
    db_user: optional.describe('User of the database.').meta({ examples: ['tidyllm'] }),
    db_password: optional
      .describe('Password of the database; PGPASSWORD if not set.')
      .meta({ secret: true, examples: ['${PGPASSWORD}'] }),
    ssl_mode: z
      .enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])
      .default('require')
      .describe('Encryption of the connection, as in libpq.'),
  }),
  s3: section({
    bucket: optional.describe('The team’s bucket.').meta({ examples: ['example-audit'] }),
    region: region.describe('Region of the bucket, if it differs from aws.region.'),
    prefix: z.string().default('tidyllm/').describe('Prefix of every key.'),
    endpoint: webAddress
      .nullable()
      .default(null)
      .describe('S3 endpoint, such as a VPC endpoint or another S3 server.'),
  }),
  team: section({
    organisation: optional.describe('Name under which a team shares its budget.'),
    offline_escrow_usd: amount.default('5').describe('Spending allowed while the database is unreachable.'),
  }),
  workflow: section({
    optimization_level: z.int().min(0).max(2).default(1).describe('0 none, 1 basic, 2 aggressive.'),
    performance_threshold: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe('Minimum gain that justifies a change, as a share.'),
    compliance_mode: z.boolean().default(true).describe('Whether workflows are checked for compliance.'),
    enable_dag_manager: z.boolean().default(true).describe('Whether steps run in parallel.'),
    enable_flow_agreements: z
      .boolean()
      .default(true)
      .describe('Whether agreements in workflows apply, and agreements may run workflows.'),
  }),
  flow: section({
    files: z
      .array(text)
      .default(['.tidyllm/flow.yaml'])
      .describe('Files of FLOW agreements, in each workspace folder.'),
  }),
});

export type Settings = z.output<typeof settingsSchema>;

/** Keys without effect yet: their parts are not installed. They are accepted so that one file fits every version. */
export const laterKeys: readonly string[] = [
  'mlflow.backend_store_uri',
  'mlflow.artifact_store',
  's3.prefix',
  'team',
];

function section<Shape extends z.ZodRawShape>(
  shape: Shape,
): z.ZodPrefault<z.ZodObject<Shape, z.core.$strict>> {
  return z.strictObject(shape).prefault({} as never);
}
