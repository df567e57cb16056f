import * as z from 'zod';
import { complianceLevels } from '../compliance/policy.ts';
import { amount } from '../settings/schema.ts';
import { stepTypes } from './stepConfig.ts';

const text = z.string().min(1, 'must not be empty');

/** Id of a step; `inputs` and `item` have a meaning of their own in templates. */
export const stepId = z
  .string()
  .regex(
    /^(?!(?:inputs|item)$)[A-Za-z][A-Za-z0-9_-]{0,59}$/,
    'must begin with a letter, and have letters, digits, _ and -, at most 60; not "inputs" or "item"',
  );

/** A step without those inside it. `steps` and `config` are checked by what they are. */
export const stepSchema = z.strictObject({
  id: stepId.describe('Name of the step, unique among those beside it.'),
  type: z.enum(stepTypes as [string, ...string[]]).describe('What the step does.'),
  description: z.string().optional().describe('For people.'),
  config: z.unknown().optional().describe('What the step’s type takes.'),
  depends_on: z.array(text).default([]).describe('Steps that must have ended before.'),
  steps: z.array(z.unknown()).optional().describe('Steps inside this one; they run before its own work.'),
  idempotent: z
    .boolean()
    .optional()
    .describe(
      'Whether the step can run twice without harm; left out, flow steps can’t and all others can. A step that can’t is asked about before it is repeated.',
    ),
});

const common = {
  name: text
    .max(120)
    .refine((name) => name.isWellFormed(), 'has half of a surrogate pair, which the ledger can’t record')
    .describe('Name of the workflow.'),
  description: z.string().default('').describe('For people.'),
  inputs: z
    .record(stepId, z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .default({})
    .describe(
      'Values that {{inputs.NAME}} stands for, with their defaults; null for one that must be given.',
    ),
  cost_limit_usd: amount.default('1').describe('The most that a run may cost, USD; held while it runs.'),
  use_class: z
    .string()
    .regex(
      /^[a-z][a-z0-9_]{0,59}$/,
      'must be a name such as customer_service: a to z, 0 to 9 and _, at most 60',
    )
    .optional()
    .describe('What its calls are for: one of compliance.use_classes, if policy asks for that.'),
};

const seconds = z.number().positive('must be above 0');

/** A workflow of steps that depend on each other. */
export const workflowSchema = z.strictObject({
  ...common,
  type: z.literal('hierarchical_dag').default('hierarchical_dag').describe('The form of the file.'),
  steps: z.array(z.unknown()).min(1, 'must have a step').describe('The steps, in any order.'),
  flow_agreements: z
    .strictObject({
      performance_sla: seconds.optional().describe('Seconds within which a run should end.'),
      compliance_level: z
        .union(
          [z.enum(complianceLevels), z.array(z.enum(complianceLevels))],
          `must be one of ${complianceLevels.join(', ')}, or a list of them`,
        )
        .optional()
        .describe('Level of compliance that the workflow promises, or several.'),
    })
    .default({})
    .describe('What was agreed about its runs.'),
});

/** The short form: one thing after the other. */
export const shortWorkflowSchema = z.strictObject({
  ...common,
  data_source: text.describe('File of the workspace, or s3://bucket/key, that the first step reads.'),
  processing_steps: z
    .array(z.unknown())
    .min(1, 'must have a step')
    .describe('Names of tasks for a model, or steps; each works on the result of the one before.'),
  destination: text.optional().describe('File or s3://bucket/key for the last result.'),
  compliance_requirements: z
    .array(z.enum(complianceLevels))
    .default([])
    .describe('Levels of compliance that the workflow promises.'),
  sla_target: seconds.optional().describe('Seconds within which a run should end.'),
});
