import { isMap, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml';
import { GatewayError } from '../errors.ts';

/**
 * The text of a settings file with one key of a section set and every other byte unchanged. A section or a
 * key that is commented out, as in the template, is uncommented. `value` is YAML of one line.
 * Throws `settings_invalid` if the text isn't YAML, or needs a person to edit it.
 */
export function withSetting(text: string, [section, key]: readonly [string, string], value: string): string {
  const document = parseDocument(text, { prettyErrors: false });
  const { contents } = document;
  if (document.errors.length > 0 || (contents !== null && !isMap(contents))) throw needsPerson(section, key);
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const edited = edit(text, contents, { section, key, value, end });
  if (edited === null || !differsOnlyAt(text, edited, { section, key, value }))
    throw needsPerson(section, key);
  return edited;
}

interface Edit {
  section: string;
  key: string;
  value: string;
  end: string;
}

function edit(text: string, contents: YAMLMap | null, { section, key, value, end }: Edit): string | null {
  const insertedAt = (offset: number, inserted: string): string =>
    text.slice(0, offset) + inserted + text.slice(offset);
  const found = contents === null ? undefined : pairOf(contents, section);
  if (!found) {
    if (contents?.flow && contents.range)
      return insertedAt(contents.range[0] + 1, entry(`${section}: { ${key}: ${value} }`, contents));
    const uncommented = withoutComment(text, { section, key, value });
    if (uncommented !== null) return uncommented;
    const rest = text === '' || text.endsWith('\n') ? text : text + end;
    return `${rest}${section}:${end}  ${key}: ${value}${end}`;
  }
  const map = found.value;
  if (isScalar(map) && map.value === null && isScalar(found.key) && found.key.range) {
    const colon = text.indexOf(':', found.key.range[1]);
    return insertedAt(colon + 1, `${end}  ${key}: ${value}`);
  }
  if (!isMap(map) || !map.range) return null;
  const own = pairOf(map, key);
  if (isScalar(own?.value) && own.value.range) {
    const [start, stop] = own.value.range;
    const gap = start === stop ? ' ' : '';
    return text.slice(0, start) + gap + value + text.slice(stop);
  }
  if (own) return null;
  if (map.flow) return insertedAt(map.range[0] + 1, entry(`${key}: ${value}`, map));
  const first = map.items[0]?.key;
  const offset = isScalar(first) ? first.range?.[0] : undefined;
  if (offset === undefined) return null;
  const indent = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return /^\s*$/.test(indent) ? insertedAt(offset, `${key}: ${value}${end}${indent}`) : null;
}

/** The first entry of a mapping in brackets. */
function entry(text: string, { items }: YAMLMap): string {
  return items.length > 0 ? ` ${text},` : ` ${text} `;
}

/** For the template: uncomments the section's line and the key's. */
function withoutComment(text: string, { section, key, value }: Omit<Edit, 'end'>): string | null {
  const head = new RegExp(`^# ${section}:(?=[ \\t]*(?:\\r?\\n|$))`, 'm').exec(text);
  if (!head) return null;
  const rest = text.slice(head.index);
  const line = new RegExp(`^(?:# {3}.*\\r?\\n)*?# {3}${key}: (\\S+)`, 'm').exec(
    rest.slice(rest.indexOf('\n') + 1),
  );
  if (line?.index !== 0) return null;
  const before = line[0].slice(0, line[0].lastIndexOf('# '));
  const after = rest.slice(rest.indexOf('\n') + 1 + line[0].length);
  const ended = rest.slice(head[0].length, rest.indexOf('\n') + 1);
  return `${text.slice(0, head.index)}${section}:${ended}${before}  ${key}: ${value}${after}`;
}

function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find(({ key }) => isScalar(key) && key.value === name);
}

/** The last check before a file is written: every other value is unchanged. */
function differsOnlyAt(before: string, after: string, { section, key, value }: Omit<Edit, 'end'>): boolean {
  const edited = parseDocument(after, { prettyErrors: false });
  if (edited.errors.length > 0) return false;
  const expected = (parseDocument(before).toJS() ?? {}) as Record<string, Record<string, unknown> | null>;
  expected[section] = { ...expected[section], [key]: parseDocument(value).toJS() as unknown };
  return sortedJson(edited.toJS()) === sortedJson(expected);
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function needsPerson(section: string, key: string): GatewayError {
  return new GatewayError('settings_invalid', `${section}.${key} can't be set in this file automatically.`, {
    hint: 'Nothing was changed. Open the file, fix the marked faults, and set the value there.',
    place: { key: section },
  });
}
