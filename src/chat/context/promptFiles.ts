import { basename, join } from 'node:path';
import { closest, distance } from 'fastest-levenshtein';
import { realFolder } from '../../retrieval/workspaceFiles.ts';
import { YamlDocument } from '../../yamlDocument.ts';
import type { DeniedPath } from '../../retrieval/deniedPaths.ts';
import { namesIn, readWorkspaceText } from '../workspaceTexts.ts';

/** A prompt that `/name` puts into the question field. */
export interface PromptCommand {
  name: string;
  description: string;
  text: string;
  /** What it is about, which is attached. */
  about: 'selection' | 'diff' | null;
  /** How it is asked; left out, as the conversation is. Whether they exist is not known here. */
  mode?: string;
  model?: string;
  /** Where it comes from; null for those of the chat. */
  file: string | null;
  /** Why it can't be used; null if it can. */
  fault: string | null;
}

const folders = ['.github/prompts', '.tidyllm/prompts'];
const ending = '.prompt.md';
const mostPrompts = 200;
/** What the front matter says. */
const keys = ['description', 'mode', 'model'];
/** Other tools that read the same files have these. */
const otherKeys = ['name', 'agent', 'tools'];
/** Commands of the chat itself, which no file may take. */
export const reservedPrompts: readonly string[] = ['compare', 'flow'];

/** Of the chat itself. */
const own = { file: null, fault: null };
const builtIn: readonly PromptCommand[] = [
  {
    ...own,
    name: 'explain',
    about: 'selection',
    description: 'Explains the selected code',
    text: 'Explain what the selected code does and why, step by step, with what a reader may overlook.',
  },
  {
    ...own,
    name: 'fix',
    about: 'selection',
    description: 'Finds and fixes faults in the selected code',
    text: 'Find the faults in the selected code. For each, say what is wrong, and show the corrected code.',
  },
  {
    ...own,
    name: 'tests',
    about: 'selection',
    description: 'Writes tests for the selected code',
    text: 'Write tests for the selected code: what it promises, its limits, and its errors. Name each test for the behaviour.',
  },
  {
    ...own,
    name: 'doc',
    about: 'selection',
    description: 'Documents the selected code',
    text: 'Write the documentation comments of the selected code: meaning, units and errors, without repeating the names.',
  },
  {
    ...own,
    name: 'commit',
    about: 'diff',
    description: 'Writes a commit message for the git diff',
    text: 'Write a commit message for the git diff: a subject of at most 72 characters, and a body that says why where that is not obvious.',
  },
  {
    ...own,
    name: 'review',
    about: 'diff',
    description: 'Reviews the git diff',
    text: 'Review the git diff. Name the file and the line of each finding, the worst first, with how to mend it.',
  },
];

/** Those of trusted workspace folders, of which the first of a name counts, and the chat's own where no file has the name. */
export async function readPrompts(
  workspace: readonly string[],
  denied: readonly DeniedPath[],
): Promise<readonly PromptCommand[]> {
  const prompts = new Map<string, PromptCommand>();
  for (const folder of workspace) {
    const root = await realFolder(folder);
    if (root === null) continue;
    for (const place of folders) {
      const { names, fault } = await namesIn(join(root, place));
      if (fault !== null) prompts.set(place, faultyPrompt(place, { path: place, file: null, fault }));
      for (const file of names.filter((one) => one.endsWith(ending)).slice(0, mostPrompts)) {
        const name = basename(file, ending);
        const prompt = prompts.has(name)
          ? null
          : await readPrompt(root, `${place}/${file}`, { name, denied });
        if (prompt) prompts.set(name, prompt);
      }
    }
  }
  const chats = builtIn.filter(({ name }) => !prompts.has(name));
  return [...chats, ...prompts.values()];
}

/** Null for a file that is gone. */
async function readPrompt(
  root: string,
  path: string,
  { name, denied }: { name: string; denied: readonly DeniedPath[] },
): Promise<PromptCommand | null> {
  const file = join(root, path);
  const read = await readWorkspaceText(root, path, denied);
  if (read === null) return null;
  if (read.fault !== null) return faultyPrompt(name, { path, file, fault: read.fault });
  if (!/^[\w-]{1,64}$/.test(name))
    return faultyPrompt(name, { path, file, fault: 'its name may have letters, digits, - and _' });
  if (reservedPrompts.includes(name))
    return faultyPrompt(name, {
      path,
      file,
      fault: `/${name} is a command of the chat: give it another name`,
    });
  return parsedPrompt(file, name, path, read.text);
}

/** What stands in the list for a file or folder that can't be used. */
function faultyPrompt(
  name: string,
  { path, file, fault }: { path: string; file: string | null; fault: string },
): PromptCommand {
  return { name, description: path, text: '', about: null, file, fault };
}

/** A prompt file: front matter in YAML with description, mode and model, and then the prompt. */
function parsedPrompt(file: string, name: string, path: string, content: string): PromptCommand {
  const [, matter = '', body = content] =
    /^\ufeff?---[ \t]*\r?\n(?:([\s\S]*?)\r?\n)?---[ \t]*(?:\r?\n([\s\S]*))?$/.exec(content) ?? [];
  const document = new YamlDocument(file, matter);
  const given = document.contents ?? {};
  const fault =
    document.faults[0]?.message ?? faultOfMatter(given) ?? (body.trim() === '' ? 'it has no prompt' : null);
  const {
    description = path,
    mode,
    model,
  } = (fault === null ? given : {}) as Record<string, string | undefined>;
  return {
    name,
    description,
    text: body.trim(),
    about: null,
    // Other tools call the direct mode so.
    ...(mode !== undefined && { mode: mode === 'ask' ? 'direct' : mode }),
    ...(model !== undefined && { model }),
    file,
    fault,
  };
}

/** Keys of other tools are left alone, misspelt ones of ours are not. */
function faultOfMatter(given: unknown): string | null {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return 'what stands between the --- has to be keys with values';
  for (const [key, value] of Object.entries(given)) {
    if (keys.includes(key) && typeof value !== 'string') return `${key} has to be text`;
    const meant = closest(key, keys);
    if (!keys.includes(key) && distance(key, meant) <= 2 && !otherKeys.includes(key))
      return `there is no key ${key}: did you mean ${meant}?`;
  }
  return null;
}
