import type { ErrorCode, YAMLError } from 'yaml';

/** Message and fix for each fault of the YAML parser. */
const words: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias such as *name can’t have an anchor or tag; remove it',
  BAD_ALIAS: 'an anchor or alias needs a name after & or *, without a colon at its end',
  BAD_COLLECTION_TYPE: 'the tag before this value is for another kind of value; remove the tag',
  BAD_DIRECTIVE: 'a line that begins with % is an unknown directive; remove it',
  BAD_DQ_ESCAPE:
    'a backslash in double quotes begins an escape; write \\\\ for a literal one, or use single quotes',
  BAD_INDENT:
    'the indentation is wrong; keys of one mapping, and items of one list, begin in the same column',
  BAD_PROP_ORDER: 'an anchor or a tag must come after the "-", "?" or ":", not before it',
  BAD_SCALAR_START: 'a value can’t begin with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a colon makes a second key of this line; put the value in quotes, or begin a new line',
  BLOCK_IN_FLOW: 'inside [ ] or { } there are no indented lists, mappings and texts; write it with brackets',
  DUPLICATE_KEY: 'this key appears twice; remove one of them',
  IMPOSSIBLE: 'this can’t be read as YAML',
  KEY_OVER_1024_CHARS: 'this key is longer than 1,024 characters',
  MISSING_CHAR: 'a character is missing here',
  MULTILINE_IMPLICIT_KEY:
    'a key must be on one line, with a colon after it; a quote or bracket before it may be open',
  MULTIPLE_ANCHORS: 'a value has at most one anchor; remove the others',
  MULTIPLE_DOCS:
    'the file has a second document; remove the line "---" and what does not belong to the first',
  MULTIPLE_TAGS: 'a value has at most one tag; remove the others',
  NON_STRING_KEY: 'a key must be a text; put it in quotes',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply',
  TAB_AS_INDENT: 'there is a tab in the indentation; use spaces',
  TAG_RESOLVE_FAILED: 'a value with this tag can’t be read; remove the tag, which begins with !',
  UNEXPECTED_TOKEN:
    'this is unexpected here; a quote, a comma or a bracket before it may be missing or extra',
};

/** Faults of one code with different fixes, by the parser's message. */
const details: readonly [RegExp, string][] = [
  [/missing closing .quote/i, 'a quote is not closed'],
  [/end with a \]$/, 'a [ is not closed, or its "]" is too far to the left'],
  [/end with a \}$/, 'a { is not closed, or its "}" is too far to the left'],
  [/^Missing , /, 'a comma is missing before this'],
  [/space after :/, 'a space is missing after the colon'],
  [/Comments must be separated/, 'a space is missing before the "#"'],
  [/need to be followed by map values/, 'this is not a key: a colon is missing after it'],
  [/without - indicator/, 'a list item begins with "- "'],
];

/** A fault of the parser in our words: what is wrong and how to fix it. */
export function yamlWords({ code, message }: Pick<YAMLError, 'code' | 'message'>): string {
  const [first = ''] = message.split('\n');
  const detailed = code === 'MISSING_CHAR' || code === 'BAD_INDENT' || code === 'UNEXPECTED_TOKEN';
  const detail = detailed ? details.find(([pattern]) => pattern.test(first)) : undefined;
  return detail?.[1] ?? words[code];
}

/** Why a parsed text can't be converted to values. */
export function unreadableWords(message: string): string {
  if (/maximum call stack|stack overflow|too much recursion/i.test(message)) return words.RESOURCE_EXHAUSTION;
  if (/alias count|resource exhaustion/i.test(message)) return 'the file has too many aliases of aliases';
  return words.IMPOSSIBLE;
}
