import { Marked } from 'marked';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Block, GrowingMarkdown } from '../../../src/views/webviewKit/growingMarkdown.ts';

let growing: () => GrowingMarkdown;
let html: (blocks: readonly Block[]) => string[];

beforeAll(async () => {
  vi.stubGlobal('document', { body: { dataset: {} } });
  const { blockHtml, codeBlock } = await import('../../../src/views/webviewKit/markdown.ts');
  const { GrowingMarkdown } = await import('../../../src/views/webviewKit/growingMarkdown.ts');
  growing = () => new GrowingMarkdown();
  html = (blocks) =>
    blocks.map((block) =>
      block.kind === 'code' ? codeBlock(block.text, block.language) : blockHtml(block.token),
    );
});

/** Every answer so far, with pieces of one length. */
function* prefixes(text: string, length: number): Generator<string> {
  for (let end = length; end < text.length; end += length) yield text.slice(0, end);
  yield text;
}

/** The blocks of a text that arrives in pieces of one length. */
function streamed(text: string, length: number): readonly Block[] {
  const markdown = growing();
  for (const prefix of prefixes(text, length)) markdown.update(prefix, false);
  return markdown.update(text, true);
}

const answer = [
  '# Why it times out',
  'A **bold** claim, `code`,\nand a [link](https://example.com).',
  '- one\n- two\n\n  more of two\n\n- three\n  - nested',
  '```ts\nconst a = `x`;\n\n~~~\n``\n```',
  '> quoted\nstill quoted',
  '| a | b |\n|---|---|\n| 1 | 2 |',
  '~~~~\n```\nnot an end\n```\n~~~~',
  'A heading\n---',
  '1. first\n\n   ```js\n   nested();\n   ```\n\n2. second',
  '   ```py\n   indented()\n   ```',
  '    indented code',
  '````md\n```\ninner\n```\n````',
  'The end.',
].join('\n\n');

describe('an answer that grows', () => {
  it.each([1, 2, 3, 7, 50, 100_000])('has the same blocks in pieces of %d characters', (length) => {
    expect(html(streamed(answer, length))).toEqual(html(growing().update(answer, true)));
  });

  it.each([1, 2, 3, 50])(
    'has the same blocks with Windows line ends in pieces of %d characters',
    (length) => {
      const windows = answer.replaceAll('\n', '\r\n');
      expect(html(streamed(windows, length))).toEqual(html(growing().update(answer, true)));
    },
  );

  it('keeps every finished block as it is', () => {
    const markdown = growing();
    let before: readonly Block[] = [];
    for (const prefix of prefixes(answer, 5)) {
      const blocks = markdown.update(prefix, false);
      // The last two may still change.
      for (const [index, block] of before.slice(0, -2).entries()) expect(blocks[index]).toBe(block);
      before = blocks;
    }
  });

  it.each([
    ['of many blocks', () => answer],
    ['of one list', (index: number) => `- item ${index} with **some** words\n`],
    ['of one paragraph', (index: number) => `sentence ${index} with **some** words, `],
    ['of one table', (index: number) => (index === 0 ? '| a | b |\n|---|---|\n' : `| row | ${index} |\n`)],
    ['of code', (index: number) => (index === 0 ? '```ts\n' : `const value${index} = ${index};\n`)],
  ])('costs in proportion to its length: an answer %s', (_name, part) => {
    const lexer = vi.spyOn(Marked.prototype, 'lexer');
    const lexed = (characters: number): number => {
      lexer.mockClear();
      const parts = Array.from({ length: 10_000 }, (_, index) => part(index));
      streamed(parts.join(part(0) === answer ? '\n\n' : '').slice(0, characters), 40);
      return lexer.mock.calls.reduce((sum, [text]) => sum + text.length, 0);
    };
    const [short, long] = [lexed(50_000), lexed(200_000)];
    lexer.mockRestore();
    expect(long).toBeLessThan(6 * Math.max(short, 1_000));
  });

  it.each([
    ['**bold', '<strong>bold</strong>'],
    ['`code', '<code dir="ltr">code</code>'],
    ['a [link](https://exam', 'a link'],
  ])('closes half-open syntax while it streams: %s', (text, expected) => {
    const markdown = growing();
    expect(html(markdown.update(text, false)).join('')).toContain(expected);
    expect(html(markdown.update(text, true))).toEqual(html(growing().update(text, true)));
  });

  it('shows an open fence as open, and closes it with its last line', () => {
    const markdown = growing();
    const code = { kind: 'code', language: 'ts', text: 'let a;' };
    expect(markdown.update('```ts\nlet a;\n``', false)).toEqual([{ ...code, open: true }]);
    expect(markdown.update('```ts\nlet a;\n```\n', false)).toEqual([{ ...code, open: false }]);
  });

  it('starts anew with another text', () => {
    const markdown = growing();
    markdown.update('one\n\ntwo\n\n', false);
    expect(html(markdown.update('other', true))).toEqual(html(growing().update('other', true)));
  });
});
