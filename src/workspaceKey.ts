import { lstatSync, realpathSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { readFileTextSync } from './readFile.ts';

/**
 * The one name of a folder's workspace, whatever path leads to it: the real path of the
 * outermost git repository around it, otherwise of the outermost folder with `.tidyllm`, otherwise of the folder
 * itself. A worktree is part of its repository. The home folder and `/` hold more than one
 * workspace: marked folders inside them count first. A missing path is its own name.
 */
export function workspaceKey(folder: string, home = userHome()): string {
  const real = realPath(folder);
  return repositoryAround(real, home) ?? outermost(real, home, hasOwnFolder) ?? real;
}

/** A path without links; the absolute path if it doesn't exist. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return resolve(path);
  }
}

/** The home folder from the system's accounts, since a variable can be set to anything. */
function userHome(): string {
  try {
    return realPath(userInfo().homedir);
  } catch {
    return realPath(homedir());
  }
}

/** The outermost repository around a folder; a worktree's is elsewhere. `follow` bounds files that refer to each other. */
function repositoryAround(folder: string, home: string, follow = 5): string | null {
  const root = outermost(folder, home, (one) => gitFolderOf(one) !== null);
  const gitFolder = root === null ? null : gitFolderOf(root);
  const common = gitFolder && commonFolderOf(gitFolder);
  if (!common || follow === 0) return root;
  const main = basename(common) === '.git' ? dirname(common) : common;
  return repositoryAround(main, home, follow - 1) ?? main;
}

/** The outermost marked one of a folder and its parents; home folder and `/` only if no other is marked. */
function outermost(folder: string, home: string, isMarked: (folder: string) => boolean): string | null {
  const around = [folder];
  for (let one = folder; dirname(one) !== one; one = dirname(one)) around.unshift(dirname(one));
  const marked = around.filter(isMarked);
  return marked.find((one) => one !== home && dirname(one) !== one) ?? marked.at(-1) ?? null;
}

function hasOwnFolder(folder: string): boolean {
  return statSync(join(folder, '.tidyllm'), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Git's data folder for a work folder; null if `.git` is missing or no repository. */
function gitFolderOf(folder: string): string | null {
  const path = join(folder, '.git');
  const named = /^gitdir: (.+?)\s*$/.exec(textOf(path) ?? '')?.[1];
  const gitFolder = named === undefined ? path : resolve(folder, named);
  return hasHead(gitFolder) ? gitFolder : null;
}

/** The folder that a worktree shares with its repository; null if it is no worktree or has no repository. */
function commonFolderOf(gitFolder: string): string | null {
  const named = textOf(join(gitFolder, 'commondir'))?.trim();
  if (!named) return null;
  const common = realPath(resolve(gitFolder, named));
  return hasHead(common) ? common : null;
}

function hasHead(gitFolder: string): boolean {
  try {
    // It may link to a branch that doesn't exist yet.
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
