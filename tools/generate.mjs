// Writes what is made from the code: the JSON schemas of settings.yaml, flow.yaml and workflows, and the tables of
// their keys. From the manifest: the ids of its commands. From gitleaks' configuration: the rules that find secrets.
// With --check it writes nothing and fails when something is not up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { flowJsonSchema, flowTable } from '../src/flow/flowFileSchema.ts';
import { queryFunctions } from '../src/queries/functions.ts';
import { queryTables } from '../src/queries/schema.ts';
import { settingsJsonSchema, settingsTable } from '../src/settings/settingsTexts.ts';
import { workflowJsonSchema, workflowRuleTable, workflowTables } from './workflowTexts.ts';
import { secretRules } from './secretRules.mjs';
import { main, root, ToolError } from './setup.mjs';

await main(async () => {
  const { check } = parseArgs({ options: { check: { type: 'boolean' } } }).values;
  const { contributes } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const ids = contributes.commands.map(({ command }) => command);
  const files = {
    'src/host/commandIds.ts': commandIds(ids),
    'src/detection/gitleaksRules.json': JSON.stringify(secretRules()),
    'schemas/flow.schema.json': JSON.stringify(flowJsonSchema()),
    'schemas/settings.schema.json': JSON.stringify(settingsJsonSchema()),
    'schemas/workflow.schema.json': JSON.stringify(workflowJsonSchema()),
    'docs/settings.md': between('docs/settings.md', 'keys', settingsTable()),
    'docs/flow-agreements.md': between('docs/flow-agreements.md', 'keys', flowTable()),
    'docs/workflows.md': between(
      'docs/workflows.md',
      'rules',
      workflowRuleTable(),
      between('docs/workflows.md', 'keys', workflowTables()),
    ),
    'docs/queries.md': between(
      'docs/queries.md',
      'functions',
      queryFunctionList(),
      between('docs/queries.md', 'tables', queryTableList()),
    ),
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    const text = await format(content, { ...(await resolveConfig(path)), filepath: path });
    if (text === readOrEmpty(path)) continue;
    if (check) throw new ToolError(`${name} is not what the code says: run npm run generate.`);
    writeFileSync(path, text);
  }
});

/** The commands as the code knows them: one without a handler does not compile. */
function commandIds(ids) {
  return `/** Every command of the extension; made from package.json by \`npm run generate\`. */
export const commandIds = ${JSON.stringify(ids)} as const;

export type CommandId = (typeof commandIds)[number];
`;
}

/** The tables of a query, as Markdown. */
function queryTableList() {
  return queryTables
    .map(({ name, meaning, columns }) => {
      const rows = columns.map((column) => `| \`${column.name}\` | ${column.type} | ${column.meaning} |`);
      return [
        `### ${name}`,
        '',
        `The table has ${meaning}.`,
        '',
        '| column | type | meaning |',
        '| --- | --- | --- |',
        ...rows,
      ].join('\n');
    })
    .join('\n\n');
}

function queryFunctionList() {
  const rows = queryFunctions.map(({ call, meaning }) => `| \`${call}\` | ${meaning} |`);
  return ['| function | result |', '| --- | --- |', ...rows].join('\n');
}

/** A document with another text between its markers. */
function between(file, name, text, document = readFileSync(join(root, file), 'utf8')) {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, rest] = document.split(start);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new ToolError(`${file} has no ${start} … ${end}.`);
  return `${before}${start}\n\n${text}\n\n${end}${after}`;
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
