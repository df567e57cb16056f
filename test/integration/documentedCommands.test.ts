import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { command } from '../support/commandLine.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
/** Every text that tells people what to type or to choose. */
const texts = globSync(
  ['*.md', 'docs/**/*.md', 'sample/**/*.md', 'media/**/*.md', 'package.nls.json', 'src/**/*.{ts,tsx}'],
  { cwd: root },
)
  // There the words are labels of keys.
  .filter((file) => !file.startsWith('src/content'))
  .map((file) => ({ file, text: read(file) }));
const prose = texts.filter(({ file }) => file.endsWith('.md'));

const manifest = JSON.parse(read('package.json')) as {
  contributes: { commands: { title: string; category?: string }[] };
};
const names = JSON.parse(read('package.nls.json')) as Record<string, string>;
const titles = new Set(
  manifest.contributes.commands.map(({ title, category }) =>
    [category, names[title.slice(1, -1)] ?? title].filter(Boolean).join(': '),
  ),
);

interface KnownCommand {
  subcommands: Map<string, KnownCommand>;
  options: string;
}

/** What `tidyllm` really takes, from its own help. */
function knownCommand(path: readonly string[]): KnownCommand {
  const help = execFileSync(process.execPath, [command, ...path, '--help'], { encoding: 'utf8' });
  const [options = '', listed = ''] = help.split(/^Commands:$/m);
  const found = [...listed.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name);
  const own = found.filter((name) => name !== 'help');
  return { options, subcommands: new Map(own.map((name) => [name, knownCommand([...path, name])])) };
}

/** What of `chat --reason …` isn't there; null where all of it is. */
function unknownIn(typed: string, program: KnownCommand): string | null {
  let at = program;
  let options = program.options;
  for (const word of typed.split(/\s+/).filter(Boolean)) {
    const alternatives = word.split('|').map((one) => one.replace(/[[\],.;)]+$/, ''));
    if (at.subcommands.size > 0 && alternatives.every((one) => /^[a-z][a-z-]*$/.test(one))) {
      const unknown = alternatives.find((one) => !at.subcommands.has(one));
      // `health s3` and the like take words of their own behind the last subcommand.
      if (unknown !== undefined) return unknown;
      at = at.subcommands.get(alternatives[0] ?? '') ?? at;
      options += at.options;
    } else {
      const option = /^\[?(--[a-z][a-z-]*)/.exec(word)?.[1];
      if (option !== undefined && !options.includes(option)) return option;
    }
  }
  return null;
}

/** Every command that does something, by its words. */
function leavesOf({ subcommands }: KnownCommand, path = ''): string[] {
  return [...subcommands].flatMap(([name, command]) => {
    const words = `${path} ${name}`.trim();
    return command.subcommands.size === 0 ? [words] : leavesOf(command, words);
  });
}

/** The command of a cell, up to its options. */
function wordsOf([, words = '']: RegExpExecArray): string {
  return words.split(' --')[0]?.trim() ?? '';
}

describe('commands that texts name', () => {
  const program = knownCommand([]);

  it('are found by their own help, with those below them', () => {
    expect([...program.subcommands.keys()]).toEqual(expect.arrayContaining(['chat', 'budget', 'flow']));
    expect(unknownIn('budget raise --limit 5', program)).toBeNull();
    expect(unknownIn('budget lower', program)).toBe('lower');
    expect(unknownIn('chat --nothing', program)).toBe('--nothing');
    expect(unknownIn('sessions', program)).toBe('sessions');
  });

  it('are all in the table of docs/command-line.md', () => {
    const rows = [...read('docs/command-line.md').matchAll(/^\| (`.*?`) +\|/gm)].map(([, cell]) => cell);
    const listed = new Set(rows.flatMap((cell = '') => [...cell.matchAll(/`([a-z][a-z -]*)/g)].map(wordsOf)));
    expect(leavesOf(program).filter((leaf) => !listed.has(leaf))).toEqual([]);
  });

  it.each(texts.filter(({ text }) => /[`"'\n]tidyllm [a-z]/.test(text)))(
    '$file: every `tidyllm …` exists, with its options',
    ({ text }) => {
      const quoted = text.matchAll(/[`"']tidyllm ([a-z][^`"'\n]*)/g);
      const shown = text.matchAll(/^(?:\$ )?tidyllm ([a-z].*)$/gm);
      const typed = [...quoted, ...shown].map(([, words = '']) => words.replace(/\\\|/g, '|'));
      expect(typed.map((one) => [one, unknownIn(one, program)])).toEqual(typed.map((one) => [one, null]));
    },
  );

  it.each(texts.filter(({ text }) => text.includes('TidyLLM: ')))(
    '$file: every “TidyLLM: …” is a command of the palette',
    ({ text }) => {
      const named = [...text.matchAll(/TidyLLM: ([A-Z][^`"'_*()\n,;]*?)(?=[`"'_*),;]|\. |\n|$)/g)];
      const unknown = named
        .map(([, title = '']) => `TidyLLM: ${title.replace(/[.:]$/, '').trim()}`)
        .filter((title) => !titles.has(title) && !/\$\{|\{0\}/.test(title));
      expect(unknown).toEqual([]);
    },
  );

  it.each(prose)('$file: what is called by a Title of Its Own is there under that name', ({ text }) => {
    const code = texts.filter(({ file }) => !file.endsWith('.md')).map((one) => one.text);
    const said = [
      ...text.matchAll(/(?<![\w"])["_]([A-Z][a-z]+(?: (?:[A-Z][\w’']*|in|to|the|of|with|for))+…?)["_]/g),
    ];
    const unknown = said
      .map(([, title = '']) => title)
      .filter((title) => !code.some((one) => one.includes(title)));
    expect(unknown).toEqual([]);
  });
});
