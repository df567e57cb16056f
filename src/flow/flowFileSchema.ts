import * as z from 'zod';
import { keysOf } from '../schemaKeys.ts';
import { amount } from '../settings/schema.ts';
import { builtInIds, implementationIds, parameterTypes } from './agreement.ts';
import { formOf } from './matching.ts';

/** Name of an agreement or a parameter. */
export const identifier = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,59}$/, 'must be a name such as cost_by_team: a to z, 0 to 9 and _, at most 60');
const text = z.string().min(1, 'must not be empty');
const scalar = z.union([z.string(), z.number(), z.boolean()], 'must be a text, a number, true or false');

const noWord = 'must contain a letter or a digit';

function hasWord(words: string): boolean {
  return formOf(words) !== '';
}

/** A parameter of a prompt or a shell command. */
export const parameterSchema = z.strictObject({
  type: z.enum(parameterTypes).default('text').describe('Type of its values.'),
  description: z.string().default('').describe('What it means; shown when the value is asked for.'),
  default: scalar
    .nullable()
    .default(null)
    .describe('Value if none is given; a parameter without a default is required.'),
  minimum: z.number().optional().describe('Minimum of an integer or a number.'),
  maximum: z.number().optional().describe('Maximum of an integer or a number.'),
  values: z.array(text).min(1, 'must not be empty').optional().describe('Allowed values of a choice.'),
});

/** A parameter of a built-in action: a fixed value, which is not asked for, or another default. */
export const builtInParameterSchema = z.union([
  scalar,
  z.strictObject({ default: scalar.describe('Default that replaces the action’s own.') }),
]);

/** One agreement: the only description of its keys, types, defaults and meaning. */
export const agreementSchema = z.strictObject({
  trigger: z
    .string()
    .regex(/^\[[^[\]\r\n]{1,80}\]$/, {
      error: 'must be 1 to 80 characters in brackets, such as "[Cost Analysis]"',
      abort: true,
    })
    .refine(hasWord, noWord)
    .describe('Command that runs the agreement, in brackets.')
    .meta({ examples: ['[Release Notes]'] }),
  flow_encoding: z
    .string()
    .regex(
      /^@[a-z][a-z0-9_]{0,59}#[a-z][a-z0-9_]{0,59}![a-z][a-z0-9_]{0,59}@[a-z][a-z0-9_]{0,59}$/,
      'must be @domain#operation!action@target',
    )
    .describe('Operation in the form @domain#operation!action@target.')
    .meta({ examples: ['@release#notes!write@changes'] }),
  expanded_meaning: text.describe('One sentence on what it does; part of the audit reason of its calls.'),
  action: identifier
    .describe('Stable name of its runs in the audit journal.')
    .meta({ examples: ['release_notes'] }),
  real_implementation: z
    .enum(implementationIds)
    .describe('What it runs: a built-in action, a governed prompt, a shell command or a workflow.'),
  fallback: z
    .enum(builtInIds)
    .nullable()
    .default(null)
    .describe('Built-in action that runs if it fails; both results are reported.'),
  parameters: z
    .record(identifier, z.union([parameterSchema, builtInParameterSchema]))
    .default({})
    .describe(
      'Parameters. For a prompt or a shell command: name and definition. For a built-in action: name and fixed value, or { default: value }.',
    )
    .meta({ examples: [{ days: 7 }] }),
  expected_output: z.string().default('').describe('What its report contains.'),
  confidence_threshold: z
    .number()
    .min(0.5)
    .max(1)
    .default(0.8)
    .describe('Minimum confidence of a command that runs it, 0.5 to 1.'),
  phrases: z
    .array(z.string().max(80, 'must be at most 80 characters').refine(hasWord, noWord))
    .default([])
    .describe('Alternatives to the trigger.')
    .meta({ examples: [['write the release notes']] }),
  cost_limit_usd: amount.default('1').describe('Maximum cost of a run, USD; reserved before it starts.'),
  use_class: identifier
    .optional()
    .describe('What its calls are for: one of compliance.use_classes, if policy asks for that.'),
  time_limit_seconds: z.int().min(1).max(3600).default(300).describe('Time after which a run is stopped.'),
  concurrent: z.boolean().default(false).describe('Whether several runs may overlap.'),
  prompt: z
    .strictObject({
      template: text.describe('The prompt; {{name}} is replaced by a parameter.'),
      system: text.nullable().default(null).describe('System prompt.'),
      model: text.nullable().default(null).describe('Model; null uses aws.bedrock.default_model.'),
      max_tokens: z.int().min(1).max(1_000_000).default(1000).describe('Maximum answer length, in tokens.'),
      temperature: z.number().min(0).max(1).default(0.2).describe('Sampling temperature, 0 to 1.'),
    })
    .optional()
    .describe('The call to make, for real_implementation: prompt.'),
  shell: z
    .strictObject({
      command: text.describe(
        'Command line. Parameters are environment variables FLOW_<NAME>, never part of its text.',
      ),
      directory: text.default('.').describe('Working directory, relative to the workspace folder.'),
    })
    .optional()
    .describe('The command to run, for real_implementation: shell.'),
  workflow: z
    .strictObject({
      file: text.describe(
        'File of the workflow, relative to the workspace folder. The parameters are its inputs.',
      ),
    })
    .optional()
    .describe('The workflow to run, for real_implementation: workflow.'),
});

/** An agreement as the file says it, with defaults filled in. */
export type AgreementDefinition = z.output<typeof agreementSchema>;

/** flow.yaml. */
export const flowFileSchema = z.strictObject({
  agreements: z.array(agreementSchema).describe('Approved operations.'),
});

/** The keys of an agreement as a Markdown table. */
export function flowTable(): string {
  const { prompt, shell, workflow } = agreementSchema.shape;
  const sections = [
    ['', agreementSchema],
    ['parameters.NAME.', parameterSchema],
    ['prompt.', prompt.unwrap()],
    ['shell.', shell.unwrap()],
    ['workflow.', workflow.unwrap()],
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
