import { basename, join } from 'node:path';
import type { JsonObject } from '../../content/messages.ts';
import { git } from '../../git.ts';
import { readFileText } from '../../readFile.ts';
import { withoutDenied, type DeniedPath } from '../../retrieval/deniedPaths.ts';
import { hasPrivateKey, isKeyFile } from '../../retrieval/keyFiles.ts';
import { listFiles, readInside, realFolder, type SearchedFolder } from '../../retrieval/workspaceFiles.ts';
import { searchWorkspace } from '../../retrieval/workspaceSearch.ts';
import { visibleLine } from '../../visibleText.ts';
import {
  numberInput,
  textInput,
  ToolFault,
  type ChatTool,
  type ToolContext,
  type ToolResult,
} from './chatTool.ts';

const mostLines = 400;
const mostFound = 8;
const mostCommits = 50;
const mostListed = 300;
/** git must answer within this time, in milliseconds. */
const gitTimeoutMs = 10_000;
const mostGitBytes = 1_000_000;

const path = { type: 'string', description: 'Path of a file in the workspace, with /' };
const mostNamed = 200;
const noInput = { type: 'object', properties: {}, additionalProperties: false };

const readFile: ChatTool = {
  definition: {
    name: 'read_file',
    description: `Reads up to ${mostLines} lines of a file of the workspace.`,
    input_schema: {
      type: 'object',
      properties: {
        path,
        first_line: { type: 'integer', description: 'From 1, which is the default' },
        last_line: { type: 'integer' },
      },
      required: ['path'],
    },
  },
  describe: (input) => `Read ${named(input, 'path')}`,
  run: async (input, context) => {
    const { text, path: shown } = await fileText(textInput(input, 'path'), context);
    const lines = text.replace(/\n$/, '').split('\n');
    const count = lines.length;
    const first = numberInput(input, 'first_line', 1);
    const asked = numberInput(input, 'last_line', Math.max(first, count));
    if (first > count) throw new ToolFault(`${shown} has ${count} lines, so there is no line ${first}.`);
    if (asked < first) throw new ToolFault('"last_line" must not be before "first_line".');
    const last = Math.min(asked, count, first + mostLines - 1);
    const part = lines.slice(first - 1, last).join('\n');
    return { text: `Lines ${first} to ${last} of ${count}:\n${part}`, paths: [shown] };
  },
};

const listFolder: ChatTool = {
  definition: {
    name: 'list_files',
    description: `Lists the files of the workspace, or of a folder of it: at most ${mostListed}.`,
    input_schema: { type: 'object', properties: { folder: { ...path, description: 'A folder, with /' } } },
  },
  describe: (input) =>
    input['folder'] === undefined
      ? 'List the files of the workspace'
      : `List the files of ${named(input, 'folder')}`,
  run: async ({ folder = '' }, { folders, signal }) => {
    const inside = typeof folder === 'string' ? folder.replace(/^\.?\/+|\/+$/g, '') : '';
    const all = (await filesOf(folders, signal)).map(({ shown }) => shown);
    const found = inside === '' || inside === '.' ? all : all.filter((one) => one.startsWith(`${inside}/`));
    const rest = found.length - mostListed;
    const shown = [...found.slice(0, mostListed), ...(rest > 0 ? [`… and ${rest} more`] : [])];
    return { text: shown.join('\n') || 'No files.', paths: [] };
  },
};

const searchFiles: ChatTool = {
  definition: {
    name: 'search_workspace',
    description:
      'Finds the parts of the workspace’s files that have the words of a question or the names in it.',
    input_schema: {
      type: 'object',
      properties: { query: { type: 'string', description: 'Words and names' } },
      required: ['query'],
    },
  },
  describe: (input) => `Search the workspace for “${named(input, 'query')}”`,
  run: async (input, { folders, signal }) => {
    const found = await searchWorkspace(folders, textInput(input, 'query'), mostFound, { signal });
    const parts = found.map(
      ({ path: file, firstLine, lastLine, text }) => `${file}:${firstLine}-${lastLine}\n${text}`,
    );
    const paths = [...new Set(found.map(({ path: file }) => file))];
    return { text: parts.join('\n\n') || 'Nothing was found.', paths };
  },
};

const listProblems: ChatTool = {
  definition: {
    name: 'list_problems',
    description: 'Lists the errors and warnings that the editor shows, with their files and lines.',
    input_schema: noInput,
  },
  describe: () => 'List the problems of the editor',
  run: async (_input, { problems }) => {
    if (!problems) throw new ToolFault('There is no editor, so no problems are known.');
    return { text: (await problems()) || 'No problems.', paths: [] };
  },
};

const gitLog: ChatTool = {
  definition: {
    name: 'git_log',
    description: `The last commits of the repository, or of a file of it: at most ${mostCommits}.`,
    input_schema: {
      type: 'object',
      properties: { path, most: { type: 'integer', description: 'By default 10' } },
    },
  },
  describe: (input) =>
    input['path'] === undefined ? 'Read the git log' : `Read the git log of ${named(input, 'path')}`,
  run: async (input, context) => {
    const most = Math.min(numberInput(input, 'most', 10), mostCommits);
    const format = '--format=%h %ad %an%n  %s';
    const place = input['path'] === undefined ? null : await placeOf(textInput(input, 'path'), context);
    const folder = place?.root ?? (await firstFolder(context));
    const parameters = ['log', `-${most}`, '--date=short', format, '--', ...(place ? [place.inside] : [])];
    return { text: await inRepository(folder, parameters, context), paths: place ? [place.shown] : [] };
  },
};

const gitDiff: ChatTool = {
  definition: {
    name: 'git_diff',
    description: 'What changed in the working tree since the last commit.',
    input_schema: noInput,
  },
  describe: () => 'Read the git diff of the working tree',
  run: async (_input, context) => {
    const { text, paths } = await workingTreeDiff(
      { ...context.folders[0], path: await firstFolder(context) },
      context.signal,
    );
    return { text: text || 'No changes.', paths };
  },
};

/** New files in one diff. */
const mostUntracked = 100;

/** A text of an input that nobody has checked, for people. */
function named(input: JsonObject, name: string): string {
  const value = input[name];
  return visibleLine(typeof value === 'string' ? value.slice(0, mostNamed) : '…');
}

/** Every tool that the chat can offer, by name. */
export const readTools: Readonly<Record<string, ChatTool>> = Object.fromEntries(
  [readFile, listFolder, searchFiles, listProblems, gitLog, gitDiff].map((tool) => [
    tool.definition.name,
    tool,
  ]),
);

/**
 * The changes since the last commit, without those of files that policy keeps back, that hold keys or held them under
 * another name. Throws a
 * `ToolFault` where git can't say.
 */
export async function workingTreeDiff(
  { path: folder, denied = [] }: SearchedFolder,
  signal: AbortSignal,
): Promise<ToolResult> {
  const context = { folders: [{ path: folder }], signal };
  // git would look into a submodule by the programs that the submodule's own configuration names.
  const submodules = ['--ignore-submodules=dirty', '--submodule=short'];
  const compare = ['diff', 'HEAD', '--no-ext-diff', '--no-textconv', '--relative', '-M', ...submodules];
  const listed = changesIn(await inRepository(folder, [...compare, '--name-status', '-z'], context));
  const real = (await realFolder(folder)) ?? folder;
  const allowed = new Set(await withoutDenied({ named: folder, real }, listed.flat(), denied));
  const changed: string[] = [];
  for (const names of listed)
    if (!names.some((name) => isKeyFile(name) || !allowed.has(name)) && !(await haveKeys(folder, names)))
      changed.push(...names);
  const only = changed.map((name) => `:(literal)${name}`);
  const diff = changed.length === 0 ? '' : await inRepository(folder, [...compare, '--', ...only], context);
  // A key that was removed stands only there.
  const files = diff.split(/^(?=diff --git )/m).filter((text) => !hasPrivateKey(text));
  const added = await untracked({ named: folder, real }, denied, context);
  return { text: [...files, ...added.texts].join(''), paths: [...changed, ...added.paths] };
}

/** New files that nobody has added yet, as git shows those that were. */
async function untracked(
  folder: { named: string; real: string },
  denied: readonly DeniedPath[],
  context: ToolContext,
): Promise<{ texts: string[]; paths: string[] }> {
  const all = ['ls-files', '--others', '--exclude-standard', '-z'];
  const listed = (await inRepository(folder.named, all, context)).split('\0');
  const readable = listed.filter((name) => name !== '' && !name.endsWith('/') && !isKeyFile(name));
  const names = await withoutDenied(folder, readable, denied);
  const texts: string[] = [];
  const paths: string[] = [];
  for (const name of names.slice(0, mostUntracked)) {
    const text = await readInside(folder.real, name);
    if (text === null) continue;
    texts.push(additionOf(name, text));
    paths.push(name);
  }
  const more = names.length - mostUntracked;
  if (more > 0) texts.push(`# ${more} more new files are left out: add them to git, or to .gitignore.\n`);
  return { texts, paths };
}

/** A file as a diff that adds it. */
function additionOf(name: string, text: string): string {
  const head = `diff --git a/${name} b/${name}\nnew file mode 100644\n`;
  if (text === '') return head;
  const lines = text.replace(/\n$/, '').split('\n');
  const end = text.endsWith('\n') ? '' : '\\ No newline at end of file\n';
  const added = lines.map((line) => `+${line}\n`).join('');
  return `${head}--- /dev/null\n+++ b/${name}\n@@ -0,0 +1,${lines.length} @@\n${added}${end}`;
}

/** The names of each changed file: two if it was renamed. */
function changesIn(nameStatus: string): string[][] {
  const fields = nameStatus.split('\0');
  const changes: string[][] = [];
  for (let at = 0; at + 1 < fields.length;) {
    const count = /^[RC]/.test(fields[at] ?? '') ? 2 : 1;
    changes.push(fields.slice(at + 1, at + 1 + count));
    at += 1 + count;
  }
  return changes;
}

async function haveKeys(folder: string, names: readonly string[]): Promise<boolean> {
  const texts = names.map((name) => readFileText(join(folder, name)).catch(() => ''));
  return (await Promise.all(texts)).some(hasPrivateKey);
}

/** A file that may be searched, with the path that people know. Throws a `ToolFault`. */
async function fileText(given: string, context: ToolContext): Promise<{ text: string; path: string }> {
  const { root, inside, shown } = await placeOf(given, context);
  const text = await readInside(root, inside);
  if (text === null) throw new ToolFault(`${given} is no text of up to 1 MB, or has a private key.`);
  return { text, path: shown };
}

/** A path as people know it, with the place of its file. Only files that may be searched: no key files, no links. */
interface Place {
  root: string;
  inside: string;
  shown: string;
}

async function filesOf(folders: readonly SearchedFolder[], signal: AbortSignal): Promise<Place[]> {
  const all = folders.map(async (folder) => {
    const root = await realFolder(folder.path);
    if (root === null) return [];
    const before = folders.length > 1 ? `${basename(folder.path)}/` : '';
    return (await listFiles(folder, signal)).map((inside) => ({ root, inside, shown: before + inside }));
  });
  return (await Promise.all(all)).flat();
}

async function placeOf(given: string, { folders, signal }: ToolContext): Promise<Place> {
  const wanted = given.replaceAll('\\', '/').replace(/^\.\//, '');
  const place = (await filesOf(folders, signal)).find(({ shown }) => shown === wanted);
  if (!place) throw new ToolFault(`There is no file ${given} in the workspace, or it may not be read.`);
  return place;
}

async function firstFolder({ folders }: ToolContext): Promise<string> {
  const [folder] = folders;
  const root = folder === undefined ? null : await realFolder(folder.path);
  if (root === null) throw new ToolFault('There is no workspace folder.');
  return root;
}

async function inRepository(
  folder: string,
  parameters: readonly string[],
  { signal }: ToolContext,
): Promise<string> {
  try {
    return await git(parameters, {
      cwd: folder,
      timeout: gitTimeoutMs,
      maxBuffer: mostGitBytes,
      onlyWithWorkTree: true,
      signal,
    });
  } catch {
    signal.throwIfAborted();
    throw new ToolFault('git can’t say: this is no repository with a commit, or the answer is too long.');
  }
}
