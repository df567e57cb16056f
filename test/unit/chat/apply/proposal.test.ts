import { describe, expect, it } from 'vitest';
import { linesOf } from '../../../../src/chat/apply/hunks.ts';
import { namedFile } from '../../../../src/chat/apply/namedFile.ts';
import { proposalFor } from '../../../../src/chat/apply/proposal.ts';

const file = `import { wait } from './wait.ts';

/** Tries again. */
export async function retry(times: number): Promise<void> {
  for (let attempt = 0; attempt < times; attempt += 1) {
    await wait(attempt);
  }
}

export class Session {
  #open = false;

  /** Opens it. */
  open(): void {
    this.#open = true;
  }

  close(): void {
    this.#open = false;
  }
}
`;

function proposed(code: string, text = file, path = 'src/retry.ts'): string | object {
  const proposal = proposalFor(path, linesOf(text), code);
  return proposal.kind === 'lines' ? proposal.lines.join('\n') : proposal;
}

describe('the file that an answer names for its code', () => {
  it.each([
    ['in the info string', '```ts src/app.ts\nx\n```', 'src/app.ts'],
    ['as a title', 'See:\n```ts title="src/app.ts"\nx\n```', 'src/app.ts'],
    ['behind a colon', '```ts:src/app.ts\nx\n```', 'src/app.ts'],
    ['as the whole info string', '```src/app.ts\nx\n```', 'src/app.ts'],
    ['in the line before', 'Change `src/app.ts` like this:\n\n```ts\nx\n```', 'src/app.ts'],
    ['as the line before', '**src/app.ts**:\n```ts\nx\n```', 'src/app.ts'],
    ['in a heading', '### File: src/app.ts\n```ts\nx\n```', 'src/app.ts'],
    ['in a list', '1. In `src/app.ts`:\n   ```ts\n   x\n   ```', 'src/app.ts'],
    ['outside the workspace, which others refuse', '```sh ../../.bashrc\nx\n```', '../../.bashrc'],
    ['not', 'Like this:\n```ts\nx\n```', null],
    ['not: two are', 'Move it from `a.ts` to `b.ts`:\n```ts\nx\n```', null],
    ['not: the same code is for two', '`a.ts`\n```\nx\n```\n`b.ts`\n```\nx\n```', null],
    ['not: another block is for one', '`a.ts`\n```\ny\n```\nThen:\n```\nx\n```', null],
  ])('is found %s', (_where, answer, name) => {
    expect(namedFile(answer, 'x')).toBe(name);
  });

  it('is found in the header of a diff', () => {
    const code = '--- a/src/app.ts\n+++ b/src/app.ts\n@@ -1 +1 @@\n-a\n+b';
    expect(namedFile(`\`\`\`diff\n${code}\n\`\`\``, code)).toBe('src/app.ts');
  });
});

describe('code in a file', () => {
  it('that is a diff is applied, though its lines are miscounted and have moved', () => {
    const code = `@@ -90,7 +90,2 @@\n   close(): void {\n-    this.#open = false;\n+    this.#open = true;\n   }`;
    expect(proposed(code)).toBe(
      file.replace('close(): void {\n    this.#open = false', 'close(): void {\n    this.#open = true'),
    );
  });

  it('that is a diff is refused with the change that does not fit', () => {
    const fits = '@@ -6,1 +6,1 @@\n-    await wait(attempt);\n+    await wait(attempt * 2);';
    const code = `${fits}\n@@ -40,1 +40,1 @@\n-    nothing();\n+    something();`;
    expect(proposed(code)).toEqual({ kind: 'misfit', change: 2, of: 2, line: 40 });
  });

  it('that is a diff of several files is refused', () => {
    expect(proposed('+++ b/a.ts\n@@ @@\n-a\n+b\n+++ b/b.ts\n@@ @@\n-a\n+b')).toEqual({
      kind: 'severalFiles',
    });
  });

  it('that is the whole file takes its place and keeps its end', () => {
    const code = file.replace('wait(attempt)', 'wait(2 ** attempt)').trimEnd();
    expect(proposed(code)).toBe(`${code}\n`);
    expect(proposed(code, file.trimEnd())).toBe(code);
  });

  it('that is the whole file is told although the first line is another', () => {
    const code = file
      .replace("import { wait } from './wait.ts'", "import { pause } from './pause.ts'")
      .trimEnd();
    expect(proposed(code)).toBe(`${code}\n`);
  });

  it('takes the place of the definition with its name', () => {
    const code =
      'export async function retry(\n  times: number,\n): Promise<void> {\n  await wait(times);\n}';
    const start = file.indexOf('export async');
    expect(proposed(code)).toBe(file.slice(0, start) + code + file.slice(file.indexOf('\n\nexport class')));
  });

  it('takes the place of a method, comment and all, in the indentation of the file', () => {
    const code = '/** Opens it once. */\nopen(): void {\n  this.#open ||= true;\n}';
    const old = '  /** Opens it. */\n  open(): void {\n    this.#open = true;\n  }';
    const now = '  /** Opens it once. */\n  open(): void {\n    this.#open ||= true;\n  }';
    expect(proposed(code)).toBe(file.replace(old, now));
  });

  it('takes the places of several definitions', () => {
    const code = 'open(): void {\n  begin();\n}\n\nclose(): void {\n  end();\n}';
    expect(proposed(code)).toBe(
      file.replace('this.#open = true;', 'begin();').replace('{\n    this.#open = false;', '{\n    end();'),
    );
  });

  it('takes the place of a definition that ends by its indentation', () => {
    const text =
      'import os\n\ndef first(a):\n    if a:\n        return 1\n\n    return 2\n\n\ndef second():\n    pass\n';
    expect(proposed('def first(a):\n    return 3', text, 'a.py')).toBe(
      'import os\n\ndef first(a):\n    return 3\n\n\ndef second():\n    pass\n',
    );
  });

  it('takes the place of the lines that both have', () => {
    const text = '# Title\n\nFirst words.\n\n- one\n- two\n- three\n\nLast words.\n';
    expect(proposed('- one\n- two and a half\n- three', text, 'a.md')).toBe(
      text.replace('two', 'two and a half'),
    );
  });

  it('leaves what a comment stands for', () => {
    const code = `import { wait } from './wait.ts';\nimport { log } from './log.ts';\n\n// ... existing code ...\n\nclose(): void {\n  log('closed');\n}`;
    expect(proposed(code)).toBe(
      file
        .replace("'./wait.ts';", "'./wait.ts';\nimport { log } from './log.ts';")
        .replace('close(): void {\n    this.#open = false;', "close(): void {\n    log('closed');"),
    );
  });

  it('is not told to leave something by a spread', () => {
    const code = 'close(): void {\n  this.options = {\n    ...defaults,\n  };\n}';
    expect(proposed(code)).toContain('      ...defaults,\n');
  });

  it.each([
    [
      'a function',
      'a.ts',
      'function usage() {\n  return `Usage:\ntool [options]\n`;\n}\n\nconst last = 1;\n',
    ],
    [
      'a function with parameters in lines',
      'a.ts',
      'function usage(\n  name: string,\n) {\n  return `Usage:\n${name}\n`;\n}\n',
    ],
    ['a function of Python', 'a.py', 'def usage():\n    return """Usage:\ntool [options]\n"""\n\nlast = 1\n'],
    ['a function of a shell', 'a.sh', 'usage() {\n  cat <<EOF\nUsage: tool\nEOF\n}\n\nusage\n'],
  ])('has no place where a text without indentation hides the end of %s', (_what, path, text) => {
    const code = text.replace('Usage', 'How to use it').replace(/\n\n[^]*$/, '');
    expect(proposed(`// ...\n${code}\n// ...`, `const before = 1;\n\n${text}`, path)).toEqual({
      kind: 'unplaced',
    });
    const whole = path.endsWith('.py')
      ? 'def usage():\n    return "none"'
      : path.endsWith('.sh')
        ? 'usage() {\n  echo none\n}'
        : 'function usage() {\n  return none;\n}';
    expect(proposed(whole, `const before = 1;\n\n${text}`, path)).toEqual({ kind: 'unplaced' });
  });

  it('takes the place of a definition with whole texts and brackets of its own', () => {
    const text =
      'const one = 1;\n\nfunction usage(): string\n{\n  return `a\n    b ${[1, 2]}`;\n}\n\nconst two = 2;\n';
    expect(proposed('function usage(): string\n{\n  return `c`;\n}', text)).toBe(
      text.replace('a\n    b ${[1, 2]}', 'c'),
    );
  });

  it('that is a diff may add and remove lines that look like names of files', () => {
    const text = '-- old comment\nselect 1;\n';
    expect(
      proposed(
        '--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,3 @@\n--- old comment\n+++ more\n+-- new comment\n select 1;\n',
        text,
        'q.sql',
      ),
    ).toBe('++ more\n-- new comment\nselect 1;\n');
    expect(proposed('@@ -1,2 +1,1 @@\n--- old comment\n select 1;', text, 'q.sql')).toBe('select 1;\n');
  });

  it('that is a diff of a new file is the file, with one line end', () => {
    expect(proposed('--- /dev/null\n+++ b/new.ts\n@@ -0,0 +1,2 @@\n+one\n+two\n', '')).toBe('one\ntwo\n');
  });

  it('that is a diff of several files without numbers is refused', () => {
    const diff = (name: string): string => `--- a/${name}\n+++ b/${name}\n-a\n+b\n`;
    expect(proposed(diff('a.ts') + diff('b.ts'))).toEqual({ kind: 'severalFiles' });
  });

  it('has no place where the file has nothing of it', () => {
    expect(proposed('export const other = 1;\nconsole.log(other);')).toEqual({ kind: 'unplaced' });
  });

  it('fills an empty file', () => {
    expect(proposed('export const other = 1;', '')).toBe('export const other = 1;\n');
  });
});
