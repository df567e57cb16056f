import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flowTable } from '../../src/flow/flowFileSchema.ts';
import { isSection, settingKeys } from '../../src/settings/schemaPaths.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const list = (pattern: string | string[]): string[] =>
  globSync(pattern, { cwd: root }).map((path) => path.replaceAll('\\', '/'));

const folders = ['.dependency-cruiser.mjs', 'docs', 'media', 'sample', 'schemas', 'src', 'test', 'tools'];
const tree = list(['*', '.[a-z]*', ...folders.slice(1).map((folder) => `${folder}/**`)]);
const documents = list(['*.md', 'docs/**/*.md', 'sample/**/*.md']).map((file) => ({
  file,
  text: read(file),
}));

const manifest = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>;
  contributes: { configuration: { properties: Record<string, unknown> } };
};
const keys = settingKeys.map(({ path }) => path.join('.'));
const code = list(['src/**/*.{ts,tsx}', 'test/**/*.ts', 'tools/*.mjs']).map(read).join('\n');

/** What a document sets as code within its prose; examples in fences are not of this repository. */
function codeIn(text: string): string[] {
  const prose = text.replace(/^( *)```[^]*?^\1```$/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** Whether words are a path of this repository: in one of its folders, or a file of its code or documents. */
function isPath(words: string): boolean {
  return folders.some((folder) => words.startsWith(`${folder}/`)) || /^[\w*./-]+\.(tsx?|mjs|md)$/.test(words);
}

/** Whether a path, of the whole or of the end of one, is in the repository; `*` stands for any letters. */
function isInTree(path: string): boolean {
  const escaped = path.replace(/\/$/, '').replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const end = new RegExp(`(^|/)${escaped.replaceAll('*', '[^/]*')}$`);
  return tree.some((one) => end.test(one));
}

/** The name under which a heading can be linked to. */
function anchorOf(heading: string): string {
  const words = heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '');
  return words.trim().replaceAll(' ', '-');
}

/** What of a setting's path isn't there, `budget.nothing` or `tidyllm.nothing`; null where all of it is. */
function unknownSetting(words: string): string | null {
  const [, key = '', section = ''] = /^(([a-z0-9]+)(?:\.[a-z0-9_]+)+)(?::|$)/.exec(words) ?? [];
  if (section === 'tidyllm') return key in manifest.contributes.configuration.properties ? null : key;
  // An open mapping has names of its own below it.
  const isKey = keys.some((one) => one === key || one.startsWith(`${key}.`) || key.startsWith(`${one}.`));
  // An agreement has a section of the same name as one of the settings.
  const isOfAgreement = flowTable().includes(`\`${key}\``);
  return isSection([section]) && !isKey && !isOfAgreement ? key : null;
}

describe('what a document names', () => {
  it('is told from what is not there', () => {
    expect(['src/ledger/', 'chargeX.ts', 'report*.ts', 'test/unit/nothing'].filter(isInTree)).toEqual([
      'src/ledger/',
      'report*.ts',
    ]);
    expect(unknownSetting('budget.daily_limit_usd: 5')).toBeNull();
    expect(unknownSetting('budget.hourly_limit_usd')).toBe('budget.hourly_limit_usd');
    expect(unknownSetting('tidyllm.nothing')).toBe('tidyllm.nothing');
    expect(anchorOf('A tool loop at the terminal')).toBe('a-tool-loop-at-the-terminal');
  });

  it.each(documents)('$file: every file and folder is in the repository', ({ text }) => {
    expect(codeIn(text).filter((words) => isPath(words) && !isInTree(words))).toEqual([]);
  });

  it.each(documents)('$file: every link leads to a file and a heading', ({ file, text }) => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];
    const broken = links.filter(([, path = '', heading]) => {
      const target = path === '' ? file : join(dirname(file), path);
      if (!existsSync(join(root, target))) return true;
      const headings = [...(heading ? read(target) : '').matchAll(/^#+ (.+)$/gm)];
      return heading !== undefined && !headings.some(([, words = '']) => anchorOf(words) === heading);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it.each(documents)('$file: every setting is a key of settings.yaml or of VS Code', ({ text }) => {
    const settings = codeIn(text).filter((words) => !/\.(ya?ml|journal|json|tsx?|db)$/.test(words));
    expect(settings.map(unknownSetting).filter((key) => key !== null)).toEqual([]);
  });

  it.each(documents)('$file: every variable is one that the code reads', ({ text }) => {
    const variables = [...text.matchAll(/\bTIDYLLM_[A-Z_]+[A-Z]\b/g)].map(([name]) => name);
    const settings = new Set(keys.map((key) => `TIDYLLM_${key.replaceAll('.', '_').toUpperCase()}`));
    expect(variables.filter((name) => !settings.has(name) && !code.includes(name))).toEqual([]);
  });

  it.each(documents)('$file: every npm script is in package.json', ({ text }) => {
    const named = [...text.matchAll(/\bnpm (?:run )?((?<=run )[\w:-]+|start|test)\b/g)];
    expect(named.map(([, script = '']) => script).filter((script) => !(script in manifest.scripts))).toEqual(
      [],
    );
  });

  it.each([
    ['docs/processing.md', 15],
    ['docs/chat.md', 10],
  ])('%s: is a test where a table says that there is one', (file, fewest) => {
    const rows = [
      ...read(file).matchAll(
        /^\| .+ \| (.+?) +\| `((?:unit|integration|faults|workbench|bench)\/.+?)` +\|$/gm,
      ),
    ];
    expect(rows.length).toBeGreaterThan(fewest);
    const missing = rows.filter(([, title = '', file]) => !read(`test/${file}.test.ts`).includes(title));
    expect(missing.map(([, title]) => title)).toEqual([]);
  });
});
