import * as z from 'zod';
import { keysOf } from '../src/schemaKeys.ts';
import { workflowRules } from '../src/workflow/complianceRules.ts';
import { stepConfigs, stepTypes } from '../src/workflow/stepConfig.ts';
import { shortWorkflowSchema, stepSchema, workflowSchema } from '../src/workflow/workflowSchema.ts';

/** The keys of a workflow's file as Markdown tables. */
export function workflowTables(): string {
  const configs = stepTypes
    .filter((type) => type !== 'nested')
    .map((type) => table(`### config of ${type}`, stepConfigs[type]));
  return [
    table('### The file', workflowSchema),
    table('### The short form', shortWorkflowSchema),
    table('### A step', stepSchema),
    ...configs,
  ].join('\n\n');
}

function table(title: string, schema: z.ZodObject): string {
  const rows = keysOf(schema).map(({ key, description, initial }) => {
    const shown = initial === undefined ? '' : `\`${JSON.stringify(initial)}\``;
    return `| \`${key}\` | ${shown} | ${description.replaceAll('<', '\\<')} |`;
  });
  return [title, '', '| key | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

/** The compliance rules as a Markdown table. */
export function workflowRuleTable(): string {
  const rows = workflowRules.map(
    ({ id, source, title, weight }) => `| \`${id}\` | ${source} | ${title} | ${weight} |`,
  );
  return ['| rule | source | what must hold | weight |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** The JSON schema of a workflow's file, for editors. */
export function workflowJsonSchema(): object {
  const step: z.ZodType = z.lazy(() =>
    z.union(
      stepTypes.map((type) => {
        const config = stepConfigs[type];
        const isOptional = config.safeParse({}).success;
        return stepSchema.extend({
          type: z.literal(type),
          config: isOptional ? config.optional() : config,
          steps: z.array(step).optional(),
        });
      }),
    ),
  );
  const schema = z.union([
    workflowSchema.extend({ steps: z.array(step).min(1) }),
    shortWorkflowSchema.extend({ processing_steps: z.array(z.union([z.string(), step])).min(1) }),
  ]);
  return { ...z.toJSONSchema(schema, { io: 'input' }), title: 'Workflow of TidyLLM Gateway' };
}
