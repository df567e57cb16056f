import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { messageOf, systemCodeOf } from '../errors.ts';
import { readFileText } from '../readFile.ts';
import { readInside, realFolder } from '../retrieval/workspaceFiles.ts';
import { foreignFile } from '../settings/foreignFile.ts';
import type { Fault } from '../yamlDocument.ts';
import type { ChatMode } from './chatMode.ts';
import { isChatModeId } from './chatModeIds.ts';
import { parseMode } from './modes/custom.ts';

/** Where the user's own modes are, beside settings.yaml, and those of a workspace folder. */
const userFolder = 'modes';
const workspaceFolder = join('.tidyllm', 'modes');
const modeName = /^[a-z][a-z0-9_-]{0,63}$/;

/** Modes from files, and the faults of the files; a file with a fault makes no mode. */
export interface ModeFiles {
  modes: readonly ChatMode[];
  /** By the name that the mode would have. */
  faults: ReadonlyMap<string, readonly Fault[]>;
}

/**
 * The modes of the user and of workspace folders that are trusted: a YAML file each, named as the mode. The first of a
 * name counts, the user's before all.
 */
export async function readModeFiles(configuration: string, folders: readonly string[]): Promise<ModeFiles> {
  const modes = new Map<string, ChatMode>();
  const faults = new Map<string, readonly Fault[]>();
  const places = [join(configuration, userFolder), ...folders.map((folder) => join(folder, workspaceFolder))];
  for (const [index, place] of places.entries()) {
    for (const file of await yamlFilesIn(place)) {
      const name = basename(file, extname(file));
      if (modes.has(name) || faults.has(name)) continue;
      const read = await readMode(name, file, index > 0);
      if (Array.isArray(read)) faults.set(name, read);
      else modes.set(name, read);
    }
  }
  return { modes: [...modes.values()], faults };
}

async function yamlFilesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '')) return [];
    throw error;
  }
}

async function readMode(name: string, file: string, ofWorkspace: boolean): Promise<ChatMode | Fault[]> {
  if (isChatModeId(name)) return [faultOf(file, `the name ${name} is taken by a mode of the chat`)];
  if (!modeName.test(name))
    return [faultOf(file, 'a mode’s name has small letters, digits, - and _, and begins with a letter')];
  const foreign = ofWorkspace ? foreignFile(file) : null;
  if (foreign !== null) return [faultOf(file, foreign)];
  try {
    const folder = await realFolder(dirname(file));
    const text = ofWorkspace
      ? folder && (await readInside(folder, basename(file)))
      : await readFileText(file);
    return text === null
      ? [faultOf(file, 'the mode can’t be read: it is a link, or no text of up to 1 MB')]
      : parseMode(name, file, text);
  } catch (error) {
    return [faultOf(file, `the mode can't be read: ${messageOf(error)}`)];
  }
}

function faultOf(file: string, message: string): Fault {
  return { severity: 'error', message, place: { file, line: 1, column: 1, endLine: 1, endColumn: 1 } };
}
