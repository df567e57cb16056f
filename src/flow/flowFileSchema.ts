import * as z from 'zod';
import { amount } from '../settings/schema.ts';
import { builtInIds, implementationIds, parameterTypes } from './agreement.ts';
import { formOf } from './matching.ts';

/** Of agreements and parameters. */
export const identifier = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,59}$/, 'must be a name such as cost_by_team: a to z, 0 to 9 and _, at most 60');
const text = z.string().min(1, 'must not be empty');
const scalar = z.union([z.string(), z.number(), z.boolean()], 'must be a text, a number, true or false');

const noWord = 'must have a letter or a digit';

function hasWord(words: string): boolean {
  return formOf(words) !== '';
}

/** A parameter of a prompt or a shell command. */
export const parameterSchema = z.strictObject({
  type: z.enum(parameterTypes).default('text').describe('What its values are.'),
  description: z.string().default('').describe('What it means, for who is asked for it.'),
  default: scalar
    .nullable()
    .default(null)
    .describe('Value when none is given; without one it has to be given.'),
  minimum: z.number().optional().describe('Least value of an integer or a number.'),
  maximum: z.number().optional().describe('Greatest value of an integer or a number.'),
  values: z.array(text).min(1, 'must not be empty').optional().describe('The values of a choice.'),
});

/** A parameter of a built-in action: its value, which nobody is asked for then, or another default. */
export const builtInParameterSchema = z.union([
  scalar,
  z.strictObject({ default: scalar.describe('Default in place of the action’s own.') }),
]);

/** One agreement: the one description of its keys, types, defaults and meaning. */
export const agreementSchema = z.strictObject({
  trigger: z
    .string()
    .regex(/^\[[^[\]\r\n]{1,80}\]$/, {
      error: 'must be 1 to 80 characters in brackets, such as "[Cost Analysis]"',
      abort: true,
    })
    .refine(hasWord, noWord)
    .describe('What runs it, in brackets.')
    .meta({ examples: ['[Release Notes]'] }),
  flow_encoding: z
    .string()
    .regex(
      /^@[a-z][a-z0-9_]{0,59}#[a-z][a-z0-9_]{0,59}![a-z][a-z0-9_]{0,59}@[a-z][a-z0-9_]{0,59}$/,
      'must be @domain#operation!action@target',
    )
    .describe('What it does, as @domain#operation!action@target.')
    .meta({ examples: ['@release#notes!write@changes'] }),
  expanded_meaning: text.describe('What it does, in a sentence; part of the audit reason of its calls.'),
  action: identifier
    .describe('Stable name, under which its runs stand in the audit journal.')
    .meta({ examples: ['release_notes'] }),
  real_implementation: z
    .enum(implementationIds)
    .describe('What really runs: a built-in action, a governed prompt, or a shell command.'),
  fallback: z
    .enum(builtInIds)
    .nullable()
    .default(null)
    .describe('Built-in action that runs when it fails, and is reported beside the failure.'),
  parameters: z
    .record(identifier, z.union([parameterSchema, builtInParameterSchema]))
    .default({})
    .describe(
      'What it can be told. Of a prompt or a shell command: name and definition. Of a built-in action: name and fixed value, or { default: value }.',
    )
    .meta({ examples: [{ days: 7 }] }),
  expected_output: z.string().default('').describe('What its report holds.'),
  confidence_threshold: z
    .number()
    .min(0.5)
    .max(1)
    .default(0.8)
    .describe('How well a command must match to run it, 0.5 to 1.'),
  phrases: z
    .array(z.string().max(80, 'must be at most 80 characters').refine(hasWord, noWord))
    .default([])
    .describe('Other ways to say the trigger.')
    .meta({ examples: [['write the release notes']] }),
  cost_limit_usd: amount.default('1').describe('The most a run may cost, USD; reserved before it starts.'),
  time_limit_seconds: z.int().min(1).max(3600).default(300).describe('Time after which a run is stopped.'),
  concurrent: z.boolean().default(false).describe('Whether it may run again while it runs.'),
  prompt: z
    .strictObject({
      template: text.describe('The prompt; {{name}} stands for a parameter.'),
      system: text.nullable().default(null).describe('System prompt.'),
      model: text.nullable().default(null).describe('Model; null takes aws.bedrock.default_model.'),
      max_tokens: z.int().min(1).max(1_000_000).default(1000).describe('Longest answer.'),
      temperature: z
        .number()
        .min(0)
        .max(1)
        .default(0.2)
        .describe('How freely the model chooses words, 0 to 1.'),
    })
    .optional()
    .describe('The call to make; with real_implementation: prompt.'),
  shell: z
    .strictObject({
      command: text.describe(
        'Command line; parameters are in the environment variables FLOW_<NAME>, never in its text.',
      ),
      directory: text.default('.').describe('Working directory, relative to the workspace folder.'),
    })
    .optional()
    .describe('The command to run; with real_implementation: shell.'),
});

/** An agreement as the file says it, with defaults filled in. */
export type AgreementDefinition = z.output<typeof agreementSchema>;

/** flow.yaml. */
export const flowFileSchema = z.strictObject({
  agreements: z.array(agreementSchema).describe('Operations that are approved by name.'),
});

/** The keys of a section, with meaning and default; undefined where there is none. */
export function keysOf(schema: z.ZodObject): { key: string; description: string; initial: unknown }[] {
  return Object.entries(schema.shape).map(([key, value]) => ({
    key,
    description: z.globalRegistry.get(value)?.description ?? '',
    initial: z.safeParse(value, undefined).data as unknown,
  }));
}

/** The keys of an agreement as a Markdown table. */
export function flowTable(): string {
  const { prompt, shell } = agreementSchema.shape;
  const sections = [
    ['', agreementSchema],
    ['parameters.NAME.', parameterSchema],
    ['prompt.', prompt.unwrap()],
    ['shell.', shell.unwrap()],
  ] as const;
  const rows = sections.flatMap(([prefix, schema]) =>
    keysOf(schema).map(({ key, description, initial }) => [
      `\`${prefix}${key}\``,
      initial === undefined ? '' : `\`${JSON.stringify(initial)}\``,
      description.replaceAll('<', '\\<'),
    ]),
  );
  return [['key', 'default', 'meaning'], ['---', '---', '---'], ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}

/** The JSON schema of flow.yaml, for editors. */
export function flowJsonSchema(): object {
  return { ...z.toJSONSchema(flowFileSchema, { io: 'input' }), title: 'FLOW agreements of TidyLLM Gateway' };
}
