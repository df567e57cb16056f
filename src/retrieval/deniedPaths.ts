import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import picomatch from 'picomatch';
import { GatewayError } from '../errors.ts';
import { globOptions, withoutExpressions } from './excludes.ts';

/** A pattern of `compliance.paths_denied`. Plain data, which goes to the search thread. */
export interface DeniedPath {
  /**
   * A glob with `/`. A pattern that begins with `/`, a drive or `~/` is a place on this machine; any other one matches in
   * every folder. What matches a folder denies all that is in it.
   */
  pattern: string;
  /** Where it is set, in words. */
  origin: string;
}

/** The pattern that keeps a path back; null if none does. */
export type DeniedPathOf = (path: string) => DeniedPath | null;

/** Throws `compliance_blocked` for a file or folder that may not leave: as it is named, or where links lead. */
export async function requireAllowedPath(path: string, denied: readonly DeniedPath[]): Promise<void> {
  if (denied.length === 0) return;
  const named = resolve(path);
  const real = await realPlace(named);
  const of = await deniedPathOf(denied);
  const found = of(named) ?? of(real);
  if (found === null) return;
  throw new GatewayError(
    'compliance_blocked',
    `Policy keeps ${path} back: it matches ${found.pattern} of ${found.origin}.`,
    {
      hint: 'Nothing was read or sent. Name another file, or have the pattern changed.',
      remedy: [{ kind: 'open_settings', place: { key: 'compliance.paths_denied' } }],
    },
  );
}

/** The paths inside a real folder that may leave; the folder may be known by another path too. */
export async function withoutDenied(
  folder: { named: string; real: string },
  paths: readonly string[],
  denied: readonly DeniedPath[],
): Promise<string[]> {
  if (denied.length === 0) return [...paths];
  const of = await deniedPathOf(denied);
  const folders = new Set([resolve(folder.named), folder.real]);
  return paths.filter((path) => [...folders].every((one) => of(join(one, path)) === null));
}

/** Decides about absolute paths whose links have been followed. Capitals don't count: a pattern rather denies too much. */
export async function deniedPathOf(denied: readonly DeniedPath[]): Promise<DeniedPathOf> {
  const matchers = await Promise.all(
    denied.map(async (one) => {
      const globs = (await globsOf(one.pattern)).map(withoutExpressions);
      const matches = picomatch(
        globs.flatMap((glob) => [glob, `${glob}/**`]),
        { ...globOptions, nocase: true },
      );
      return { one, matches };
    }),
  );
  return (path) => {
    const place = slashed(path);
    return matchers.find(({ matches }) => matches(place))?.one ?? null;
  };
}

/** A pattern for absolute paths, also with the links in its own folders followed. */
async function globsOf(pattern: string): Promise<string[]> {
  const home = pattern.startsWith('~/') ? slashed(homedir()) + pattern.slice(1) : pattern;
  const glob = home.replace(/\/+$/, '').replace(/^\.\//, '');
  if (!/^(?:\/|[A-Za-z]:\/)/.test(glob)) return [glob.startsWith('**/') ? glob : `**/${glob}`];
  const { base, glob: rest } = picomatch.scan(glob);
  const real = slashed(await realPlace(base));
  return [glob, rest === '' ? real : `${real}/${rest}`];
}

/** Where a path leads, all links followed; of what is gone, that of its folder. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(await realPlace(folder), basename(path));
  }
}

function slashed(path: string): string {
  return path.replaceAll('\\', '/');
}
