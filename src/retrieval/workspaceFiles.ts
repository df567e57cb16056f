import { lstat, readdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { git } from '../git.ts';
import { mostTextBytes, readFileBytes } from '../readFile.ts';
import { utf8Text } from '../utf8Text.ts';

/** Milliseconds for git to list a folder; one that takes longer is walked. */
const listTimeoutMs = 30_000;
const mostListBytes = 256 * 1024 * 1024;

/** Files that hold keys: they must not leave. */
const keyFile =
  /(^|\/)\.env(\.[^/]*)?$|\.(pem|key|p12|pfx|jks|keystore)$|(^|\/)(id_(rsa|dsa|ecdsa|ed25519)|\.npmrc|\.netrc|\.pypirc)$/i;
/** Files that programs write: they hide what people wrote. */
const writtenFile =
  /(^|\/)(package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|go\.sum)$|\.lock$|\.min\.(js|css)$|\.map$/i;

/** Whether a file's name, with the folders before it, says that it holds keys. */
export function isKeyFile(path: string): boolean {
  return keyFile.test(path);
}

/** The files of a folder that may be searched, as paths relative to it with `/`. */
export async function listFiles(folder: string, signal: AbortSignal): Promise<string[]> {
  const files = (await listedByGit(folder)) ?? (await walk(folder, '', signal));
  signal.throwIfAborted();
  return files.filter((path) => !isKeyFile(path) && !writtenFile.test(path)).sort();
}

/** All files that git doesn't ignore; null outside a repository or without git. */
async function listedByGit(folder: string): Promise<string[] | null> {
  try {
    const list = await git(['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
      cwd: folder,
      timeout: listTimeoutMs,
      maxBuffer: mostListBytes,
      onlyWithWorkTree: true,
    });
    // A repository inside is listed as a folder, with a slash. In a conflict a file is listed several times.
    return [...new Set(list.split('\0'))].filter((path) => path !== '' && !path.endsWith('/'));
  } catch {
    return null;
  }
}

async function walk(folder: string, inside: string, signal: AbortSignal): Promise<string[]> {
  signal.throwIfAborted();
  const files: string[] = [];
  for (const entry of await readdir(join(folder, inside), { withFileTypes: true }).catch(() => [])) {
    const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
    // A link is neither a file nor a folder here.
    if (entry.isFile()) files.push(path);
    const isSearched = entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules';
    if (isSearched) files.push(...(await walk(folder, path, signal)));
  }
  return files;
}

/** A stamp that changes when a file is written or replaced; null for anything but a file of up to 1 MB. */
export async function fileStamp(path: string): Promise<string | null> {
  const found = await lstat(path, { bigint: true }).catch(() => null);
  if (!found?.isFile() || found.size > mostTextBytes) return null;
  return `${found.mtimeNs}:${found.size}:${found.ino}`;
}

/** A folder's path without links; null if there is no such folder. */
export async function realFolder(folder: string): Promise<string | null> {
  return realpath(folder).catch(() => null);
}

/** The text of a file in a real folder; null if it is binary, too large, gone, or if a link is on the way to it. */
export async function readInside(root: string, path: string): Promise<string | null> {
  try {
    const place = join(root, path);
    if ((await realpath(place)) !== place) return null;
    const bytes = await readFileBytes(place);
    return bytes.includes(0) ? null : utf8Text(bytes);
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
