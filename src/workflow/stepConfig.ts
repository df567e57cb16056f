import * as z from 'zod';

const text = z.string().min(1, 'must not be empty');
/** A name of a field: letters, digits, `_`, `-` and spaces, with dots between the names of nested fields. */
const field = z
  .string()
  .regex(/^[\p{L}\p{N}_ -]+(\.[\p{L}\p{N}_ -]+)*$/u, 'must be the name of a field, such as customer.name');
const format = z.enum(['text', 'json', 'csv', 'lines']);

const dataInput = z.strictObject({
  source: text
    .describe('File of the workspace, or s3://bucket/key. A source that ends in / is all files below it.')
    .meta({ examples: ['data/orders.csv', 's3://bucket/data'] }),
  format: format
    .optional()
    .describe('How it is read; left out, the ending decides: .json, .csv, .jsonl; otherwise text.'),
});

const aiProcessing = z.strictObject({
  prompt: text
    .optional()
    .describe(
      'The prompt; {{step}} is replaced by the result of a step. Left out, the step’s id is the task.',
    ),
  system: text.optional().describe('System prompt.'),
  model: text.optional().describe('Model; left out, aws.bedrock.default_model.'),
  max_tokens: z.int().min(1).max(1_000_000).default(1000).describe('Maximum answer length, in tokens.'),
  temperature: z.number().min(0).max(1).default(0).describe('Sampling temperature, 0 to 1.'),
  schema: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('JSON schema of the answer, which is then a value with fields.'),
  cache: z.boolean().optional().describe('Whether a cached answer may be used; left out, policy decides.'),
  cheaper_models: z
    .array(text)
    .default([])
    .describe('Models that the team allows in place of this one; the cheapest may be proposed.'),
});

const comparison = z.strictObject({
  field,
  equals: z
    .union([z.string(), z.number(), z.boolean(), z.null()])
    .optional()
    .describe('Equal to this value.'),
  not: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional().describe('Different from it.'),
  above: z.number().optional().describe('A number above this one.'),
  below: z.number().optional().describe('A number below this one.'),
  contains: z.string().optional().describe('A text that contains this one.'),
});

const transform = z.strictObject({
  select: z
    .union([field, z.array(field).min(1)])
    .optional()
    .describe('One field, or an object of several, of the value or of each item of a list.'),
  map: z
    .record(z.string(), z.string())
    .optional()
    .describe('A new object for each item: name, and template with {{item.field}}.'),
  filter: comparison.optional().describe('Keeps the items of a list whose field compares so.'),
  join: z
    .strictObject({ left: text, right: text, on: field })
    .optional()
    .describe('Items of two lists, {{step}} each, with the same value of a field.'),
  template: text.optional().describe('A text with {{step}} and {{step.field}}.'),
  from: text.optional().describe('What is transformed, as {{step}}; left out, the step it depends on.'),
});

const retrieve = z.strictObject({
  query: text.describe('What is looked for in the files of the workspace; {{step}} is replaced.'),
  limit: z.int().min(1).max(50).default(8).describe('The most places that are found.'),
});

const flow = z.strictObject({
  command: text.describe('Trigger of a FLOW agreement, such as "[Cost Analysis]", with NAME=VALUE after it.'),
});

const dataOutput = z.strictObject({
  destination: text
    .describe('File of the workspace, or s3://bucket/key; ending in /, the file is named after the workflow.')
    .meta({ examples: ['out/report.md', 's3://bucket/results'] }),
  format: format.optional().describe('How it is written; left out, the ending decides.'),
  from: text.optional().describe('What is written, as {{step}}; left out, the step it depends on.'),
});

/** What each type of step takes: the only description of these keys, their types, defaults and meaning. */
export const stepConfigs = {
  data_input: dataInput,
  ai_processing: aiProcessing,
  transform,
  retrieve,
  flow,
  data_output: dataOutput,
  nested: z.strictObject({}),
} as const;

export type StepType = keyof typeof stepConfigs;
export const stepTypes = Object.keys(stepConfigs) as StepType[];

export type ConfigOf<Type extends StepType> = z.output<(typeof stepConfigs)[Type]>;
export type StepConfig = ConfigOf<StepType>;
export type TransformConfig = ConfigOf<'transform'>;
export type Comparison = z.output<typeof comparison>;
export type DataFormat = z.output<typeof format>;

/** The kinds of transformation; each step has one. */
export const transformKinds = ['select', 'map', 'filter', 'join', 'template'] as const;

/** Types whose work changes something outside the run: done twice, it may be done twice. */
export const changesOutside: ReadonlySet<StepType> = new Set(['flow', 'data_output']);
