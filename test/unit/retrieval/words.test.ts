import { describe, expect, it } from 'vitest';
import { chunksOf } from '../../../src/retrieval/chunks.ts';
import { definitionsIn, onlyReExports } from '../../../src/retrieval/definitions.ts';
import { stem } from '../../../src/retrieval/stem.ts';
import { termsOf } from '../../../src/retrieval/terms.ts';

/** The examples of the paper, each put through all steps, and of the published vocabulary. */
const published = `
caresses caress, ponies poni, ties ti, caress caress, cats cat, feed feed, agreed agre, plastered plaster, bled bled,
motoring motor, sing sing, conflated conflat, troubled troubl, sized size, hopping hop, tanned tan, falling fall,
hissing hiss, fizzed fizz, failing fail, filing file, happy happi, sky sky, relational relat, conditional condit,
rational ration, valenci valenc, hesitanci hesit, digitizer digit, conformabli conform, radicalli radic,
differentli differ, vileli vile, analogousli analog, vietnamization vietnam, predication predic, operator oper,
feudalism feudal, decisiveness decis, hopefulness hope, callousness callous, formaliti formal, sensitiviti sensit,
sensibiliti sensibl, triplicate triplic, formative form, formalize formal, electriciti electr, electrical electr,
hopeful hope, goodness good, revival reviv, allowance allow, inference infer, airliner airlin, gyroscopic gyroscop,
adjustable adjust, defensible defens, irritant irrit, replacement replac, adjustment adjust, dependent depend,
adoption adopt, homologou homolog, communism commun, activate activ, angulariti angular, homologous homolog,
effective effect, bowdlerize bowdler, probate probat, rate rate, cease ceas, controll control, roll roll,
generalizations gener, oscillators oscil, connection connect, connective connect, connected connect`;

describe('a stem', () => {
  it.each(
    published
      .trim()
      .split(/,\s+/)
      .map((pair) => pair.split(' ')),
  )('of %s is %s', (word, expected) => {
    expect(stem(word)).toBe(expected);
  });

  it('leaves alone what is no English word in lower case', () => {
    for (const word of ['is', 'größen', 'Cats', 'x86s', '数据']) expect(stem(word)).toBe(word);
  });
});

describe('the terms of a text', () => {
  it('are the parts of a name and the whole name, however it is written', () => {
    const expected = ['parsehtmltext', 'pars', 'html', 'text'];
    for (const name of ['parseHTMLText', 'parse_html_text', 'ParseHtmlText', 'PARSE_HTML_TEXT'])
      expect(termsOf(name)).toEqual(expected);
  });

  it('are stems without stop words, single letters and punctuation', () => {
    expect(termsOf('How is the budget of a call refused, x?')).toEqual(['budget', 'call', 'refus']);
  });

  it('keep other alphabets and digits', () => {
    expect(termsOf('Größe utf8Text v2')).toEqual(['größe', 'utf8text', 'utf8', 'text', 'v2']);
  });
});

describe('the chunks of a text', () => {
  const text = Array.from({ length: 100 }, (_, index) => `line ${index + 1} ${'x'.repeat(40)}`).join('\n');

  it('are whole lines of about 750 characters that cover the text once', () => {
    const chunks = chunksOf(text);
    expect(chunks.map((chunk) => chunk.text).join('\n')).toBe(text);
    for (const [index, { firstLine, lastLine, text: part }] of chunks.entries()) {
      expect(part.length).toBeLessThanOrEqual(750);
      expect(part.startsWith(`line ${firstLine} `)).toBe(true);
      expect(part.split('\n').at(-1)).toMatch(new RegExp(`^line ${lastLine} `));
      if (index > 0) expect(firstLine).toBe(chunks[index - 1]!.lastLine + 1);
    }
  });

  it('have the same line numbers with other line ends', () => {
    const places = (one: string): unknown =>
      chunksOf(one).map(({ firstLine, lastLine }) => [firstLine, lastLine]);
    for (const end of ['\r\n', '\r']) expect(places(text.replaceAll('\n', end))).toEqual(places(text));
  });

  it('bound a long line, and leave white space out', () => {
    const [first, second, ...others] = chunksOf(`${'y'.repeat(5000)}\nnext\n`);
    expect(others).toEqual([]);
    expect(first).toMatchObject({ firstLine: 1, lastLine: 1, text: 'y'.repeat(2000) });
    expect(second).toMatchObject({ firstLine: 2, text: 'next\n' });
    expect(chunksOf(' \n\n\t\n')).toEqual([]);
  });
});

describe('definitions', () => {
  it.each([
    ['a.ts', 'export async function readFile() {}\nexport interface Shape {}', ['readFile', 'Shape']],
    ['a.ts', 'export class A {\n  async close(now = true): Promise<void> {\n    if (x) {\n', ['A', 'close']],
    [
      'a.js',
      'exports.query = 1;\napp.use = function use(fn) {\nres.send = (body) => {',
      ['query', 'use', 'send'],
    ],
    [
      'a.py',
      'class Router:\n    async def add_route(self):\nDEFAULT = 3\nx == 4',
      ['Router', 'add_route', 'DEFAULT'],
    ],
    [
      'a.go',
      'func (c *Context) JSON(code int) {\nfunc New() *Engine {\ntype H map[string]any',
      ['New', 'H', 'JSON'],
    ],
    ['a.rs', 'pub(crate) fn parse() {}\nmacro_rules! vec2', ['parse', 'vec2']],
    [
      'A.java',
      'public class A {\n  public List<String> names(int most) {\n    return names(3);',
      ['A', 'names'],
    ],
    ['a.c', '#define LIMIT 3\nstatic int *count(int a)\n{', ['LIMIT', 'count']],
    ['a.sql', 'CREATE TABLE IF NOT EXISTS public.calls (', ['calls']],
    ['a.sh', 'deploy() {\n', ['deploy']],
    ['a.md', 'class of things', []],
  ])('in %s: %j', (path, text, names) => {
    expect(definitionsIn(path, text).toSorted()).toEqual([...names].toSorted());
  });

  it('are told from passing on what other files define', () => {
    expect(onlyReExports('index.ts', "export * from './a.ts';\nexport { b,\n c } from './b.ts';\n")).toBe(
      true,
    );
    expect(onlyReExports('index.ts', "export * from './a.ts';\nexport const b = 1;")).toBe(false);
    expect(onlyReExports('a.ts', 'const a = 1;')).toBe(false);
    expect(onlyReExports('pkg/__init__.py', 'from .a import b')).toBe(true);
  });
});
