import { parseDocument, type ErrorCode } from 'yaml';
import { describe, expect, it } from 'vitest';
import { parseFlowFile } from '../../../src/flow/flowDocument.ts';
import { checkSettingsText } from '../../../src/settings/loadSettings.ts';
import { unreadableWords, yamlWords } from '../../../src/yamlWords.ts';

/** Texts that have each fault the parser knows; none for what only its options or other programs bring about. */
const faulty: Readonly<Record<ErrorCode, readonly string[]>> = {
  ALIAS_PROPS: ['a: &b 1\nc: &d *b'],
  BAD_ALIAS: ['a: *\n', 'a: & 1'],
  BAD_COLLECTION_TYPE: ['a: !!seq { b: 1 }', 'a: !!map [1]'],
  BAD_DIRECTIVE: ['%FOO\n---\na: 1', '%YAML 9.9\n---\na: 1'],
  BAD_DQ_ESCAPE: ['a: "\\q"', 'a: "C:\\Users\\ada"'],
  BAD_INDENT: ['a:\n  b: 1\n c: 2\n', 'a: [b\n', 'a: { b: 1\n', 'a: {\n\tb: 1\n}'],
  BAD_PROP_ORDER: ['{ &x ? a : b }', '[ &a ? b ]'],
  BAD_SCALAR_START: ['a: @b', 'a: `b`', 'a: %b'],
  BLOCK_AS_IMPLICIT_KEY: ['a: b: c\n', "a: 'b': c"],
  BLOCK_IN_FLOW: ['a: [\n - b\n]'],
  DUPLICATE_KEY: ['a: 1\na: 2'],
  IMPOSSIBLE: [],
  KEY_OVER_1024_CHARS: [`${'a'.repeat(1100)}: 1`],
  MISSING_CHAR: ['a: "b\n', "a: 'b\n", 'a: 1\nhello\n', 'a: "b"#c'],
  MULTILINE_IMPLICIT_KEY: ['"a\nb": 1\n', '- a\n b: 1'],
  MULTIPLE_ANCHORS: ['a: &x &y 1'],
  MULTIPLE_DOCS: ['a: {}\n---\nb: {}\n', '--- a\n...\nb'],
  MULTIPLE_TAGS: ['a: !!str !!int 1'],
  NON_STRING_KEY: [],
  RESOURCE_EXHAUSTION: ['['.repeat(20_000)],
  TAB_AS_INDENT: ['a:\n\tb: 5\n'],
  TAG_RESOLVE_FAILED: ['a: !!js/function "x"', 'a: !secret b'],
  UNEXPECTED_TOKEN: ['a: ]', 'a: [b,, c]', 'a: "b" c', 'a: | foo\n x'],
};

/** What a person doesn't know or need: the parser's functions, terms and its English. */
const foreign =
  /YAML\.|parse\w+\(|\b(?:scalar|implicit|compact|collection|flow (?:map|sequence)|node|token|indicator|resolved?|Unresolved|Unexpected|Implicit|must not specify)\b|call stack/;

describe('what is wrong with a YAML text is said in our words', () => {
  const cases = Object.entries(faulty).flatMap(([code, texts]) => texts.map((text) => [code, text] as const));

  it.each(cases)('%s: %j', (_code, text) => {
    const messages = [
      ...checkSettingsText('settings.yaml', text, {}, 'user'),
      ...parseFlowFile('flow.yaml', text, 'user').faults,
    ].map(({ message }) => message);
    expect(messages.length).toBeGreaterThanOrEqual(2);
    for (const message of messages) expect(message).not.toMatch(foreign);
  });

  it('has texts for every code that a text alone can bring about', () => {
    const found = new Set(
      cases
        .filter(([code]) => code !== 'RESOURCE_EXHAUSTION')
        .flatMap(([, text]) => {
          const { errors, warnings } = parseDocument(text, { prettyErrors: false });
          return [...errors, ...warnings].map(({ code }) => code);
        }),
    );
    const lacking = (Object.keys(faulty) as ErrorCode[]).filter((code) => !found.has(code));
    expect(lacking.toSorted()).toEqual([
      'BAD_COLLECTION_TYPE',
      'IMPOSSIBLE',
      'NON_STRING_KEY',
      'RESOURCE_EXHAUSTION',
    ]);
  });

  it.each(Object.keys(faulty) as ErrorCode[])('%s has words, whatever the parser says', (code) => {
    const said = yamlWords({ code, message: 'Something of the parser with YAML.parseAllDocuments()' });
    expect(said).toMatch(/^[a-z]/);
    expect(said).not.toMatch(foreign);
  });

  it.each([
    ['Maximum call stack size exceeded', 'the file is nested too deeply'],
    [
      'Excessive alias count indicates a resource exhaustion attack',
      'the file has too many aliases of aliases',
    ],
    ['Cannot read properties of undefined', 'this can’t be read as YAML'],
  ])('%s', (message, said) => {
    expect(unreadableWords(message)).toBe(said);
  });

  it('says how to mend two documents in a file, at the line of the second', () => {
    const [fault] = checkSettingsText('settings.yaml', 'budget: {}\n---\nai: {}\n', {}, 'user');
    expect(fault).toMatchObject({ place: { line: 2, column: 1 } });
    expect(fault?.message).toContain('remove the line "---"');
  });
});
