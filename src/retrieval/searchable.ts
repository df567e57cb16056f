import { homedir } from 'node:os';
import { parse } from 'node:path';
import { GatewayError } from '../errors.ts';
import { realFolder } from './workspaceFiles.ts';

/** Files of a folder that are searched; with more, people would wait for minutes without knowing for what. */
export const mostFiles = 50_000;

/** Throws `invalid_request` for a folder that is no workspace: a whole disk, or all that a person has. */
export async function requireWorkspaces(folders: readonly string[]): Promise<void> {
  const home = await realFolder(homedir());
  for (const folder of folders) {
    const root = await realFolder(folder);
    if (root === null || (root !== parse(root).root && root !== home)) continue;
    const what = root === home ? 'your home folder' : 'a whole disk';
    throw refused(`${root} is ${what}, which is not searched.`);
  }
}

/** The error for a folder with more files than are searched. */
export function tooManyFiles(folder: string, files: number): GatewayError {
  const count = (value: number): string => value.toLocaleString('en-US');
  return refused(`${folder} has ${count(files)} files, and at most ${count(mostFiles)} are searched.`);
}

function refused(message: string): GatewayError {
  return new GatewayError('invalid_request', message, {
    hint: 'Nothing was sent. Open the folder of a project, or change to it; what its .gitignore leaves out is not searched.',
  });
}
