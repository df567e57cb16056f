import { basename, extname, join } from 'node:path';
import { messageOf } from '../errors.ts';
import { readFileText } from '../readFile.ts';
import { realFolder } from '../retrieval/workspaceFiles.ts';
import type { Fault } from '../yamlDocument.ts';
import type { ChatMode } from './chatMode.ts';
import { isChatModeId } from './chatModeIds.ts';
import { parseMode } from './modes/custom.ts';
import type { DeniedPath } from '../retrieval/deniedPaths.ts';
import { namesIn, readWorkspaceText, type WorkspaceText } from './workspaceTexts.ts';

/** Where the user's own modes are, beside settings.yaml, and those of a workspace folder. */
const userFolder = 'modes';
const workspaceFolder = '.tidyllm/modes';
const modeName = /^[a-z][a-z0-9_-]{0,63}$/;

/** Modes from files, and the faults of the files; a file with a fault makes no mode. */
export interface ModeFiles {
  modes: readonly ChatMode[];
  /** By the name that the mode would have. */
  faults: ReadonlyMap<string, readonly Fault[]>;
  /** Of folders with modes that can't be read. */
  folderFaults: readonly Fault[];
}

/**
 * The modes of the user and of workspace folders that are trusted: a YAML file each, named as the mode. The first of a
 * name counts, the user's before all.
 */
export async function readModeFiles(
  configuration: string,
  folders: readonly string[],
  denied: readonly DeniedPath[],
): Promise<ModeFiles> {
  const modes = new Map<string, ChatMode>();
  const faults = new Map<string, readonly Fault[]>();
  const folderFaults: Fault[] = [];
  const roots = (await Promise.all(folders.map(realFolder))).filter((root) => root !== null);
  for (const root of [configuration, ...roots]) {
    // The user's own files may be links.
    const isOwn = root === configuration;
    const path = isOwn ? userFolder : workspaceFolder;
    const place = join(root, path);
    const { names, fault } = await namesIn(place, { followLinks: isOwn });
    if (fault !== null) folderFaults.push(faultOf(place, `the folder with modes can’t be read: ${fault}`));
    for (const file of names.filter((one) => /\.ya?ml$/.test(one))) {
      const name = basename(file, extname(file));
      if (modes.has(name) || faults.has(name)) continue;
      const made = await readMode(name, join(place, file), () =>
        isOwn ? readOwn(join(place, file)) : readWorkspaceText(root, `${path}/${file}`, denied),
      );
      if (Array.isArray(made)) faults.set(name, made);
      else if (made !== null) modes.set(name, made);
    }
  }
  return { modes: [...modes.values()], faults, folderFaults };
}

async function readOwn(file: string): Promise<WorkspaceText> {
  try {
    return { text: await readFileText(file), fault: null };
  } catch (error) {
    return { text: null, fault: messageOf(error) };
  }
}

/** Null for a file that is gone. */
async function readMode(
  name: string,
  file: string,
  read: () => Promise<WorkspaceText | null>,
): Promise<ChatMode | Fault[] | null> {
  if (isChatModeId(name)) return [faultOf(file, `the name ${name} is taken by a mode of the chat`)];
  if (!modeName.test(name))
    return [faultOf(file, 'a mode’s name has small letters, digits, - and _, and begins with a letter')];
  const found = await read();
  if (found === null) return null;
  return found.fault === null
    ? parseMode(name, file, found.text)
    : [faultOf(file, `the mode can’t be read: ${found.fault}`)];
}

function faultOf(file: string, message: string): Fault {
  return { severity: 'error', message, place: { file, line: 1, column: 1, endLine: 1, endColumn: 1 } };
}
