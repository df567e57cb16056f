import picomatch from 'picomatch';

/** A pattern of the editor's `files.exclude` or `search.exclude`. Plain data, which goes to the search thread. */
export interface ExcludePattern {
  glob: string;
  /** Only beside a file of this name; `$(basename)` in it stands for the excluded file's name without its ending. */
  when?: string;
}

/** As VS Code reads its patterns: `*`, `**`, `?`, `[…]` and `{…}`, in which a dot is a letter like others. */
export const globOptions = {
  dot: true,
  noextglob: true,
  nonegate: true,
  posix: true,
  windows: false,
} as const;

/** A glob in which brackets, bars and plus signs are letters: picomatch takes them for parts of a regular expression. */
export function withoutExpressions(glob: string): string {
  return glob.replace(/[()|+]/g, '\\$&');
}

/** The paths, with `/`, that no pattern excludes. A pattern that matches a folder excludes all that is in it. */
export function withoutExcluded(paths: readonly string[], patterns: readonly ExcludePattern[]): string[] {
  if (patterns.length === 0) return [...paths];
  const matchers = patterns.map(({ glob, when }) => ({
    matches: picomatch(withoutExpressions(glob), globOptions),
    when,
  }));
  const known = new Set(paths);
  const decided = new Map<string, boolean>([['', false]]);
  const isExcluded = (path: string): boolean => {
    const before = decided.get(path);
    if (before !== undefined) return before;
    const cut = path.lastIndexOf('/');
    const excluded =
      isExcluded(path.slice(0, Math.max(0, cut))) ||
      matchers.some(({ matches, when }) => {
        if (!matches(path)) return false;
        const name = path.slice(cut + 1).replace(/(?<=.)\.[^.]*$/, '');
        return when === undefined || known.has(path.slice(0, cut + 1) + when.replaceAll('$(basename)', name));
      });
    decided.set(path, excluded);
    return excluded;
  };
  return paths.filter((path) => !isExcluded(path));
}
