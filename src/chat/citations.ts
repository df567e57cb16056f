/** How an answer begins if the sources don't have it. */
export const notFound = 'Not found in the workspace';

/** The heading of what an answer adds from the model's own knowledge. */
export const ownKnowledge = 'Not from the workspace';

/** Lines of a file that an answer may cite. */
export interface Source {
  /** As people know it: relative to its folder, after the folder's name if there are several. With `/`. */
  path: string;
  /** The absolute path. */
  file: string;
  firstLine: number;
  lastLine: number;
}

/** A source that an answer cites as `[n]`. */
export interface Citation extends Source {
  n: number;
}

/** What an answer cites, each number once, in ascending order. */
export interface Citations {
  valid: readonly Citation[];
  /** Numbers that no source has. */
  invalid: readonly number[];
  /** Why the sources were not ordered by meaning, in a sentence; left out if they were, or need not be. */
  byWords?: string;
  /** Files of the workspace that policy keeps back; left out if there are none. */
  deniedFiles?: number;
}

/** The numbers in square brackets, outside code, as `[1]` or `[1, 2]`; sources are numbered from 1. */
export function citationsIn(answer: string, sources: readonly Source[]): Citations {
  const prose = answer.replace(/```[^]*?(?:```|$)|`[^`\n]*`/g, '');
  const lists = [...prose.matchAll(/\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\](?!\()/g)].flatMap(([, list = '']) =>
    list.split(','),
  );
  const numbers = [...new Set(lists.map(Number))].sort((one, other) => one - other);
  const valid = numbers.flatMap((n): Citation[] => {
    const source = sources[n - 1];
    if (!source) return [];
    const { path, file, firstLine, lastLine } = source;
    return [{ n, path, file, firstLine, lastLine }];
  });
  return { valid, invalid: numbers.filter((n) => !sources[n - 1]) };
}

/** Why an answer can't be relied on as far as its citations show, and what wasn't searched, each in a sentence. */
export function citationFaults(answer: string, { byWords, deniedFiles = 0, ...cited }: Citations): string[] {
  const files = deniedFiles === 1 ? '1 file was' : `${deniedFiles} files were`;
  return [
    ...(byWords === undefined ? [] : [byWords]),
    ...(deniedFiles === 0 ? [] : [`${files} not searched: compliance.paths_denied keeps them back.`]),
    ...faultsOf(answer, cited),
  ];
}

function faultsOf(answer: string, { valid, invalid }: Citations): string[] {
  if (invalid.length > 0) {
    const numbers = invalid.map((n) => `[${n}]`).join(', ');
    return [
      `${numbers} ${invalid.length === 1 ? 'is not a source' : 'are not sources'} of this answer: check what it claims there.`,
    ];
  }
  const isClaim = answer.trim() !== '' && !answer.trimStart().startsWith(notFound);
  return valid.length === 0 && isClaim ? ['The answer cites no source: check it before you rely on it.'] : [];
}
