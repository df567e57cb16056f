import { basename } from 'node:path';
import type { JsonObject } from '../../content/messages.ts';
import { git } from '../../git.ts';
import {
  isKeyFile,
  listFiles,
  readInside,
  realFolder,
  type SearchedFolder,
} from '../../retrieval/workspaceFiles.ts';
import { searchWorkspace } from '../../retrieval/workspaceSearch.ts';
import { visibleLine } from '../../visibleText.ts';
import { numberInput, textInput, ToolFault, type ChatTool, type ToolContext } from './chatTool.ts';

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
    const text = await fileText(textInput(input, 'path'), context);
    const lines = text.split('\n');
    const first = numberInput(input, 'first_line', 1, lines.length);
    const last = Math.min(numberInput(input, 'last_line', lines.length, lines.length), first + mostLines - 1);
    const part = lines.slice(first - 1, last).join('\n');
    return `Lines ${first} to ${Math.max(first, last)} of ${lines.length}:\n${part}`;
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
    return (
      [...found.slice(0, mostListed), ...(rest > 0 ? [`… and ${rest} more`] : [])].join('\n') || 'No files.'
    );
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
    return parts.join('\n\n') || 'Nothing was found.';
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
    return (await problems()) || 'No problems.';
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
    const most = numberInput(input, 'most', 10, mostCommits);
    const format = '--format=%h %ad %an%n  %s';
    const place = input['path'] === undefined ? null : await placeOf(textInput(input, 'path'), context);
    const folder = place?.root ?? (await firstFolder(context));
    const parameters = ['log', `-${most}`, '--date=short', format, '--', ...(place ? [place.inside] : [])];
    return inRepository(folder, parameters, context);
  },
};

const gitDiff: ChatTool = {
  definition: {
    name: 'git_diff',
    description: 'What changed in the working tree since the last commit.',
    input_schema: noInput,
  },
  describe: () => 'Read the git diff of the working tree',
  run: async (_input, context) =>
    (await workingTreeDiff(await firstFolder(context), context.signal)) || 'No changes.',
};

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

/** The changes since the last commit, without those of key files. Throws a `ToolFault` where git can't say. */
export async function workingTreeDiff(folder: string, signal: AbortSignal): Promise<string> {
  const context = { folders: [{ path: folder }], signal };
  // git would look into a submodule by the programs that the submodule's own configuration names.
  const submodules = ['--ignore-submodules=dirty', '--submodule=short'];
  const compare = ['diff', 'HEAD', '--no-ext-diff', '--no-textconv', '--relative', ...submodules];
  const names = await inRepository(folder, [...compare, '--name-only', '-z'], context);
  const changed = names.split('\0').filter((name) => name !== '' && !isKeyFile(name));
  if (changed.length === 0) return '';
  return inRepository(folder, [...compare, '--', ...changed.map((name) => `:(literal)${name}`)], context);
}

/** Text of a file that may be searched. Throws a `ToolFault`. */
async function fileText(given: string, context: ToolContext): Promise<string> {
  const { root, inside } = await placeOf(given, context);
  const text = await readInside(root, inside);
  if (text === null) throw new ToolFault(`${given} is no text of up to 1 MB.`);
  return text;
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
