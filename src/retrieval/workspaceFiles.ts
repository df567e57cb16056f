import { lstatSync, type Dirent } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { git } from '../git.ts';
import { mostTextBytes, readFileBytes } from '../readFile.ts';
import { utf8Text } from '../utf8Text.ts';
import { withoutDenied, type DeniedPath } from './deniedPaths.ts';
import { withoutExcluded, type ExcludePattern } from './excludes.ts';
import { hasPrivateKey, isKeyFile } from './keyFiles.ts';

/** Milliseconds for git to list a folder; one that takes longer is walked. */
const listTimeoutMs = 30_000;
const mostListBytes = 256 * 1024 * 1024;
/**
 * A line of git's list: a tracked file has a letter, its mode, hash and stage (several in a conflict), any other a
 * question mark; a repository that isn't tracked ends in a slash.
 */
const listLine = /(?:[A-Z] (\d{6}) [0-9a-f]+ \d\t|\? )([^\0]*)\0/gy;
/** The mode of a submodule in git's index. */
const submodule = '160000';

/** Files that programs write: they hide what people wrote. */
const writtenFile =
  /(^|\/)(package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|go\.sum)$|\.lock$|\.min\.(js|css)$|\.map$/i;

/** A folder whose files are searched. Plain data, which goes to the search thread. */
export interface SearchedFolder {
  /** Absolute. */
  path: string;
  /** What the editor's settings exclude. */
  excludes?: readonly ExcludePattern[];
  /** What policy keeps back. */
  denied?: readonly DeniedPath[];
}

/** What policy kept back of a folder is counted. */
type OnDenied = (files: number) => void;

/** The files of a folder that may be searched, as paths relative to it with `/`. */
export async function listFiles(
  { path: folder, excludes = [], denied = [] }: SearchedFolder,
  signal: AbortSignal,
  onDenied?: OnDenied,
): Promise<string[]> {
  const files = withoutExcluded(await filesIn(folder, signal), excludes);
  signal.throwIfAborted();
  const readable = files.filter((path) => !isKeyFile(path) && !writtenFile.test(path));
  const real = (await realFolder(folder)) ?? folder;
  const allowed = await withoutDenied({ named: folder, real }, readable, denied);
  onDenied?.(readable.length - allowed.length);
  return allowed.sort();
}

/** In a repository the files that git doesn't ignore, elsewhere all; the same for every repository inside. */
async function filesIn(folder: string, signal: AbortSignal): Promise<string[]> {
  signal.throwIfAborted();
  const listed = await listedByGit(folder);
  if (!listed) return walk(folder, '', signal);
  const files = [...listed.files];
  for (const inside of listed.repositories)
    if (await isRepository(folder, inside)) files.push(...(await filesInside(folder, inside, signal)));
  return files;
}

async function filesInside(folder: string, inside: string, signal: AbortSignal): Promise<string[]> {
  return (await filesIn(join(folder, inside), signal)).map((path) => `${inside}/${path}`);
}

/** Whether a place in a folder is a repository of its own, such as a submodule that is checked out. No link is followed. */
async function isRepository(folder: string, inside: string): Promise<boolean> {
  try {
    const place = join(await realpath(folder), inside);
    if ((await realpath(place)) !== place) return false;
    await lstat(join(place, '.git'));
    return true;
  } catch {
    return false;
  }
}

interface Listed {
  /** The files that git doesn't ignore. */
  files: string[];
  /** Where submodules and other repositories may be. */
  repositories: string[];
}

/** What git lists of a folder; null outside a repository or without git. */
async function listedByGit(folder: string): Promise<Listed | null> {
  try {
    const parameters = ['ls-files', '-t', '--stage', '--cached', '--others', '--exclude-standard', '-z'];
    const list = await git(parameters, {
      cwd: folder,
      timeout: listTimeoutMs,
      maxBuffer: mostListBytes,
      onlyWithWorkTree: true,
    });
    const files = new Set<string>();
    const repositories = new Set<string>();
    for (const [, mode, path = ''] of list.matchAll(listLine)) {
      if (path.endsWith('/')) repositories.add(path.slice(0, -1));
      else (mode === submodule ? repositories : files).add(path);
    }
    return { files: [...files], repositories: [...repositories] };
  } catch {
    return null;
  }
}

async function walk(folder: string, inside: string, signal: AbortSignal): Promise<string[]> {
  signal.throwIfAborted();
  const entries = await readdir(join(folder, inside), { withFileTypes: true }).catch(() => []);
  if (inside !== '' && entries.some(({ name }) => name === '.git'))
    return filesInside(folder, inside, signal);
  const placeOf = ({ name }: Dirent): string => (inside === '' ? name : `${inside}/${name}`);
  // A link is neither a file nor a folder here.
  const files = entries.filter((entry) => entry.isFile()).map(placeOf);
  const folders = entries.filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules',
  );
  const deeper = await Promise.all(folders.map((entry) => walk(folder, placeOf(entry), signal)));
  return [files, ...deeper].flat();
}

/**
 * A stamp that changes when a file is written or replaced; null for anything but a file of up to 1 MB. It waits for the
 * disk, in a third of the time that a promise for each of many files takes.
 */
export function fileStampSync(path: string): string | null {
  try {
    const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!found?.isFile() || found.size > mostTextBytes) return null;
    return `${found.mtimeNs}:${found.size}:${found.ino}`;
  } catch {
    return null;
  }
}

/** A folder's path without links; null if there is no such folder. */
export async function realFolder(folder: string): Promise<string | null> {
  return realpath(folder).catch(() => null);
}

/**
 * The text of a file in a real folder; null if it is binary, too large, gone, has a private key, or if a link is on the
 * way to it.
 */
export async function readInside(root: string, path: string): Promise<string | null> {
  try {
    const place = join(root, path);
    if ((await realpath(place)) !== place) return null;
    const bytes = await readFileBytes(place);
    const text = bytes.includes(0) ? null : utf8Text(bytes);
    return text === null || hasPrivateKey(text) ? null : text;
  } catch {
    return null;
  }
}

/** Whether a path, all links followed, is a file or folder inside one of these folders. */
export async function isInside(folders: readonly string[], path: string): Promise<boolean> {
  try {
    const place = await realpath(path);
    const roots = await Promise.all(folders.map(realFolder));
    return roots.some((root) => root !== null && place.startsWith(root.endsWith(sep) ? root : root + sep));
  } catch {
    return false;
  }
}
