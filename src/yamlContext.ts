/** A place in a text; line and character from 0. */
export interface Position {
  line: number;
  character: number;
}

/** A completion at a place. */
export interface Suggestion {
  label: string;
  kind: 'key' | 'value' | 'snippet';
  /** The inserted text; a snippet has `${1:…}` for the cursor. */
  insert: string;
  documentation: string;
}

/** Markdown about a part of a line, with its range of characters. */
export interface HoverText {
  markdown: string;
  line: number;
  start: number;
  end: number;
}

/** What stands around a line of a YAML text in block style. */
export interface YamlContext {
  /** Parent keys, without indexes: `agreements`, `parameters`, … */
  path: readonly string[];
  /** Other keys of the same mapping. */
  used: readonly string[];
  /** Keys and values by level: of the mapping with the first key of `path` first, of the line's own one last. */
  mappings: readonly ReadonlyMap<string, string>[];
}

interface Line {
  /** Column of its key, after a dash. */
  indent: number;
  /** Column of its dash; null without one. */
  dash: number | null;
  key: string | null;
  value: string;
}

/** The context of the line `at`, whose key begins at `indent`. Read from the lines: the text isn't valid while it is typed. */
export function yamlContext(texts: readonly string[], at: number, indent: number): YamlContext {
  const lines = texts.map(readLine);
  const dash = lines[at]?.dash ?? null;
  const path: string[] = [];
  const levels: { begin: number; level: number }[] = [];
  /** The first line of the current mapping; null until it is found. */
  let begin = dash === null ? null : at;
  let level = indent;
  let limit = dash === null ? indent : dash + 1;
  for (let index = at - 1; index >= 0; index -= 1) {
    const line = lines[index];
    if (!line) continue;
    if (begin === null && line.indent === level && line.dash !== null) {
      begin = index;
      limit = line.dash + 1;
    } else if (line.key !== null && line.indent < limit) {
      levels.unshift({ begin: begin ?? index + 1, level });
      path.unshift(line.key);
      level = line.indent;
      begin = line.dash === null ? null : index;
      limit = line.dash === null ? line.indent : line.dash + 1;
    }
  }
  levels.unshift({ begin: begin ?? 0, level });
  const own = levels.at(-1) ?? { begin: 0, level };
  return {
    path,
    used: [...mappingAt(lines, own, at).keys()],
    mappings: levels.map((one) => mappingAt(lines, one, null)),
  };
}

/** A key with a value in one line, both with their columns; null for another line. */
export function keyAndValue(
  text: string,
): { indent: number; key: string; value: string; valueStart: number } | null {
  const found = /^(\s*(?:- +)?)(\w+)(:\s*)(?:"([^"]*)"|'([^']*)'|([^#\s][^#]*?)?)\s*(?:#.*)?$/.exec(text);
  if (!found) return null;
  const [, indent = '', key = '', colon = '', double, single, plain] = found;
  const quote = double === undefined && single === undefined ? 0 : 1;
  return {
    indent: indent.length,
    key,
    value: double ?? single ?? plain ?? '',
    valueStart: indent.length + key.length + colon.length + quote,
  };
}

function readLine(text: string): Line | null {
  const found = /^(\s*)(- +|-$)?(?:(\w+):(?:\s+(.*))?)?/.exec(text);
  if (text.trim() === '' || text.trim().startsWith('#') || !found) return null;
  const [, spaces = '', dash, key, value = ''] = found;
  return {
    indent: spaces.length + (dash?.length ?? 0),
    dash: dash === undefined ? null : spaces.length,
    key: key ?? null,
    value: value.replace(/\s+#.*$/, '').replace(/^(["'])(.*)\1$/, '$2'),
  };
}

/** The keys and values of a mapping that starts at a line. */
function mappingAt(
  lines: readonly (Line | null)[],
  { begin, level }: { begin: number; level: number },
  without: number | null,
): Map<string, string> {
  const keys = new Map<string, string>();
  for (let index = begin; index < lines.length; index += 1) {
    const line = lines[index];
    if (!line || index === without) continue;
    if (line.indent < level || (index > begin && line.dash !== null && line.dash < level)) break;
    if (line.indent === level && line.key !== null) keys.set(line.key, line.value);
  }
  return keys;
}
