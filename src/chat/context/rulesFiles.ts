import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { realFolder } from '../../retrieval/workspaceFiles.ts';
import type { DeniedPath } from '../../retrieval/deniedPaths.ts';
import { readWorkspaceText } from '../workspaceTexts.ts';

/** Of a folder, in the order in which they are sent. */
const names = ['AGENTS.md', 'CLAUDE.md', '.github/copilot-instructions.md', '.tidyllm/instructions.md'];
const mostBytes = 32_768;
const tooLong = `it has more than ${mostBytes.toLocaleString('en-US')} bytes`;

/** A file with a team's rules for models. */
export interface RulesFile {
  /** As people know it. */
  path: string;
  /** Absolute. */
  file: string;
  /** Of its text, lower-case hex. */
  sha256: string;
  text: string;
}

/** The rules files that are followed, and those that are not, each with why. */
export interface Rules {
  followed: readonly RulesFile[];
  ignored: readonly { path: string; why: string }[];
}

/**
 * The rules files of trusted workspace folders. A text counts once, whatever files have it. Links are not followed, and
 * files that others may write are ignored.
 */
export async function readRules(folders: readonly string[], denied: readonly DeniedPath[]): Promise<Rules> {
  const followed = new Map<string, RulesFile>();
  const ignored: { path: string; why: string }[] = [];
  for (const folder of folders) {
    const root = await realFolder(folder);
    if (root === null) continue;
    for (const name of names) {
      const file = join(root, name);
      const path = folders.length > 1 ? `${basename(folder)}/${name}` : name;
      const read = await readWorkspaceText(root, name, denied);
      if (read === null || read.text?.trim() === '') continue;
      const { text } = read;
      if (text === null) ignored.push({ path, why: read.fault });
      else if (Buffer.byteLength(text) > mostBytes) ignored.push({ path, why: tooLong });
      else {
        const sha256 = createHash('sha256').update(text).digest('hex');
        if (!followed.has(sha256)) followed.set(sha256, { path, file, sha256, text });
      }
    }
  }
  return { followed: [...followed.values()], ignored };
}

/** The rules as part of a system prompt; undefined without any. */
export function rulesPrompt(rules: readonly RulesFile[]): string | undefined {
  if (rules.length === 0) return undefined;
  const files = rules.map(({ path, text }) => `From ${path}:\n\n${text.trim()}`);
  return ['Follow the rules that this workspace’s team has for you.', ...files].join('\n\n');
}
