import * as z from 'zod';
import { stringify } from 'yaml';
import { laterKeys, settingsSchema } from './schema.ts';
import { settingKeys, type SettingKey } from './schemaPaths.ts';
import { workspaceRules } from './workspaceRules.ts';

/** Column of the template's comments; a comment that doesn't fit is placed above its value. */
const commentColumn = 36;
const lineWidth = 110;

/** A commented settings.yaml that sets nothing, for `settings init` and the editor. */
export function settingsTemplate(): string {
  const lines = [
    '# Settings of TidyLLM Gateway. To change a value, remove the "# " before it and before the names of',
    '# its sections. Values are the defaults, or examples if there is no default. "${NAME}" is replaced by',
    '# an environment variable. A change takes effect when the file is saved.',
  ];
  let sections: readonly string[] = [];
  for (const setting of settingKeys) {
    const parents = setting.path.slice(0, -1);
    const shared = parents.findIndex((name, index) => sections[index] !== name);
    if (parents[0] !== sections[0]) lines.push('');
    if (shared >= 0)
      parents.slice(shared).forEach((name, index) => lines.push(`# ${indent(shared + index)}${name}:`));
    sections = parents;
    const value = `# ${indent(parents.length)}${setting.path.at(-1)}: ${shownValue(setting)}`;
    const line = `${value.padEnd(commentColumn)} # ${descriptionOf(setting)}`;
    if (line.length <= lineWidth) lines.push(line);
    else lines.push(`# ${indent(parents.length)}# ${descriptionOf(setting)}`, value);
  }
  return `${lines.join('\n')}\n`;
}

/** The JSON schema of settings.yaml, for editors. */
export function settingsJsonSchema(): object {
  const schema = z.toJSONSchema(settingsSchema, {
    io: 'input',
    // Any value may come from the environment.
    override: ({ jsonSchema }) => {
      delete jsonSchema['secret'];
      if (!['number', 'integer', 'boolean'].includes(String(jsonSchema.type))) return;
      const { description, default: initial, examples, ...own } = jsonSchema;
      for (const key of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, key);
      Object.assign(jsonSchema, {
        ...(description !== undefined && { description }),
        ...(initial !== undefined && { default: initial }),
        ...(examples !== undefined && { examples }),
        anyOf: [own, { type: 'string', pattern: '^\\$\\{\\w+\\}$' }],
      });
    },
  });
  return { ...schema, title: 'Settings of TidyLLM Gateway' };
}

/** The keys as a Markdown table. */
export function settingsTable(): string {
  const rows = settingKeys.map((setting) => {
    const name = setting.path.join('.');
    const later = laterKeys.some((key) => name === key || name.startsWith(`${key}.`));
    return [
      `\`${name}\``,
      `\`${inline(setting.initial)}\``,
      name in workspaceRules ? 'yes' : '',
      `${descriptionOf(setting)}${later ? ' *Without effect in this version.*' : ''}`,
    ];
  });
  const table = [['key', 'default', 'workspace', 'meaning'], ['---', '---', '---', '---'], ...rows];
  return table.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}

function shownValue({ schema, initial }: SettingKey): string {
  const [example] = (z.globalRegistry.get(schema)?.['examples'] as unknown[] | undefined) ?? [];
  return inline(example ?? initial);
}

function descriptionOf({ schema }: SettingKey): string {
  return z.globalRegistry.get(schema)?.description ?? '';
}

function inline(value: unknown): string {
  const flowCollectionPadding = !Array.isArray(value);
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding }).trim();
}

function indent(depth: number): string {
  return '  '.repeat(depth);
}
