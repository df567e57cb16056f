import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readInside, realFolder } from '../../retrieval/workspaceFiles.ts';
import { foreignFile } from '../../settings/foreignFile.ts';
import { YamlDocument } from '../../yamlDocument.ts';
import { isChatModeId, type ChatModeId } from '../chatModeIds.ts';

/** A prompt that `/name` puts into the question field. */
export interface PromptCommand {
  name: string;
  description: string;
  text: string;
  /** What it is about, which is attached. */
  about: 'selection' | 'diff' | null;
  /** How it is asked; left out, as the conversation is. */
  mode?: ChatModeId;
  model?: string;
  /** Where it comes from; null for those of the chat. */
  file: string | null;
  /** Why it can't be used; null if it can. */
  fault: string | null;
}

const folders = ['.github/prompts', '.tidyllm/prompts'];
const ending = '.prompt.md';
const mostPrompts = 200;

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

/** The chat's prompts, and those of trusted workspace folders, of which the first of a name counts. */
export async function readPrompts(workspace: readonly string[]): Promise<readonly PromptCommand[]> {
  const prompts = new Map(builtIn.map((one) => [one.name, one]));
  for (const folder of workspace) {
    const root = await realFolder(folder);
    if (root === null) continue;
    for (const place of folders) {
      const names = await readdir(join(root, place)).catch(() => []);
      for (const file of names
        .filter((one) => one.endsWith(ending))
        .sort()
        .slice(0, mostPrompts)) {
        const name = basename(file, ending);
        if (!prompts.has(name)) prompts.set(name, await readPrompt(root, `${place}/${file}`, name));
      }
    }
  }
  return [...prompts.values()];
}

async function readPrompt(root: string, path: string, name: string): Promise<PromptCommand> {
  const file = join(root, path);
  const faulty = (fault: string): PromptCommand => ({
    name,
    description: path,
    text: '',
    about: null,
    file,
    fault,
  });
  const foreign = foreignFile(file);
  if (foreign !== null) return faulty(foreign);
  if (!/^[\w-]{1,64}$/.test(name)) return faulty('its name may have letters, digits, - and _');
  const content = await readInside(root, path);
  if (content === null) return faulty('it is a link, or no text of up to 1 MB');
  return parsedPrompt(file, name, path, content);
}

/** A prompt file: front matter in YAML with description, mode and model, and then the prompt. */
function parsedPrompt(file: string, name: string, path: string, content: string): PromptCommand {
  const [, matter = '', body = content] =
    /^\ufeff?---\r?\n([\s\S]*?)\r?\n?---[ \t]*(?:\r?\n([\s\S]*))?$/.exec(content) ?? [];
  const document = new YamlDocument(file, matter);
  const given = (document.contents ?? {}) as Record<string, unknown>;
  const text = (key: string): string | undefined => {
    const value = Object.hasOwn(given, key) ? given[key] : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  // Other tools call the direct mode so.
  const mode = text('mode') === 'ask' ? 'direct' : text('mode');
  const model = text('model');
  const fault =
    document.faults[0]?.message ??
    (body.trim() === '' ? 'it has no prompt' : null) ??
    (mode !== undefined && !isChatModeId(mode) ? `the chat has no mode ${JSON.stringify(mode)}` : null);
  return {
    name,
    description: text('description') ?? path,
    text: body.trim(),
    about: null,
    ...(mode !== undefined && isChatModeId(mode) && { mode }),
    ...(model !== undefined && { model }),
    file,
    fault,
  };
}

/** `/name argument` at the start of a message; null for any other message. */
export function promptAsked(message: string): { name: string; argument: string } | null {
  const [, name, argument = ''] = /^\s*\/([\w-]+)(?:\s+([\s\S]*))?$/.exec(message) ?? [];
  return name === undefined ? null : { name, argument: argument.trim() };
}

const input = /\$\{input:([\w-]+)(?::([^}]*))?\}/g;

/** The inputs that a prompt asks for, each once, with what is said of it. */
export function inputsOf(text: string): { name: string; hint: string }[] {
  const inputs = new Map<string, string>();
  for (const [, name = '', hint = ''] of text.matchAll(input)) if (!inputs.has(name)) inputs.set(name, hint);
  return [...inputs].map(([name, hint]) => ({ name, hint }));
}

/** The prompt with its inputs; an argument that no input takes stands at the end. */
export function filledPrompt(text: string, values: ReadonlyMap<string, string>, argument = ''): string {
  const filled = text.replace(input, (_, name: string) => values.get(name) ?? '');
  return argument === '' ? filled : `${filled}\n\n${argument}`;
}
