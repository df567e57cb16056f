import { lstatSync, realpathSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { readFileTextSync } from './readFile.ts';

/**
 * The one name of the workspace that a folder belongs to, by whatever path it was reached: the real path of the
 * outermost git repository around it, otherwise of the outermost folder with `.tidyllm`, otherwise of the folder
 * itself. A worktree is a part of its repository. The user's home folder and `/` hold other things than one
 * workspace: what is marked inside them counts first. A path that isn't there is itself.
 */
export function workspaceKey(folder: string, home = userHome()): string {
  const real = realPath(folder);
  return repositoryAround(real, home) ?? outermost(real, home, hasOwnFolder) ?? real;
}

/** A path without links; of one that isn't there, its absolute form. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return resolve(path);
  }
}

/** The home folder by the system's accounts: a variable can be set to anything. */
function userHome(): string {
  try {
    return realPath(userInfo().homedir);
  } catch {
    return realPath(homedir());
  }
}

/** The outermost repository around a folder, that of a worktree being elsewhere; `follow` bounds files that name each other. */
function repositoryAround(folder: string, home: string, follow = 5): string | null {
  const root = outermost(folder, home, (one) => gitFolderOf(one) !== null);
  const gitFolder = root === null ? null : gitFolderOf(root);
  const common = gitFolder && commonFolderOf(gitFolder);
  if (!common || follow === 0) return root;
  const main = basename(common) === '.git' ? dirname(common) : common;
  return repositoryAround(main, home, follow - 1) ?? main;
}

/** The outermost of a folder and those around it that are marked; home folder and `/` only where no other is. */
function outermost(folder: string, home: string, isMarked: (folder: string) => boolean): string | null {
  const around = [folder];
  for (let one = folder; dirname(one) !== one; one = dirname(one)) around.unshift(dirname(one));
  const marked = around.filter(isMarked);
  return marked.find((one) => one !== home && dirname(one) !== one) ?? marked.at(-1) ?? null;
}

function hasOwnFolder(folder: string): boolean {
  return statSync(join(folder, '.tidyllm'), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Where git keeps what it knows of the work in a folder; null where `.git` is missing or is no repository. */
function gitFolderOf(folder: string): string | null {
  const path = join(folder, '.git');
  const named = /^gitdir: (.+?)\s*$/.exec(textOf(path) ?? '')?.[1];
  const gitFolder = named === undefined ? path : resolve(folder, named);
  return hasHead(gitFolder) ? gitFolder : null;
}

/** What a worktree shares with its repository; null for what is no worktree, or of no repository. */
function commonFolderOf(gitFolder: string): string | null {
  const named = textOf(join(gitFolder, 'commondir'))?.trim();
  if (!named) return null;
  const common = realPath(resolve(gitFolder, named));
  return hasHead(common) ? common : null;
}

function hasHead(gitFolder: string): boolean {
  try {
    // It may be a link to a branch that isn't there yet.
    return !lstatSync(join(gitFolder, 'HEAD')).isDirectory();
  } catch {
    return false;
  }
}

function textOf(path: string): string | null {
  try {
    return readFileTextSync(path, 10_000);
  } catch {
    return null;
  }
}
