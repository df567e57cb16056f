/** A word that may be a path: it has a folder or an ending. */
const path = /^(?=[^\s]*[/\\.])[^\s"'`<>|*?:]*[^\s"'`<>|*?:/\\.]$/;

/**
 * The file that an answer names for a block of its code: in the fence's info string, in the line before it, or in the
 * header of a diff. Null for none, and where the same code is there for several files.
 */
export function namedFile(answer: string, code: string): string | null {
  const named = new Set(fences(answer).flatMap((fence) => (fence.code === code ? [fileOf(fence)] : [])));
  const [name = null] = named.size === 1 ? named : [];
  return name ?? diffTarget(code);
}

interface Fence {
  /** What stands behind the opening fence. */
  info: string;
  /** The last line of text before it. */
  before: string;
  code: string;
}

function fences(answer: string): Fence[] {
  const found: Fence[] = [];
  let open: (Fence & { mark: string; lines: string[]; indent: number }) | null = null;
  let before = '';
  for (const line of answer.split(/\r\n|\r|\n/)) {
    const [, indent = '', mark = '', info = ''] = /^([\s>]*)(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (open && mark.startsWith(open.mark) && info.trim() === '') {
      found.push({ ...open, code: open.lines.join('\n') });
      open = null;
      before = '';
    } else if (open) {
      const { length } = /^[ \t>]*/.exec(line.slice(0, open.indent))?.[0] ?? '';
      open.lines.push(line.slice(length));
    } else if (mark !== '') open = { info, before, code: '', mark, lines: [], indent: indent.length };
    else if (line.trim() !== '') before = line;
  }
  // An answer may end in an open fence.
  return open ? [...found, { ...open, code: open.lines.join('\n') }] : found;
}

function fileOf({ info, before }: Fence): string | null {
  const words = info.trim().split(/[\s,{}]+|:(?![\\/])/);
  const inInfo = words.map((word) => word.replace(/^(?:\w+=)?(["'`]?)(.*)\1$/, '$2')).find(isPath);
  if (inInfo !== undefined) return inInfo;
  const quoted = [...before.matchAll(/`([^`]+)`/g)].flatMap(([, word = '']) => (isPath(word) ? [word] : []));
  if (quoted.length > 0) return quoted.length === 1 ? (quoted[0] ?? null) : null;
  const bare = before.replace(/^[\s>#*_-]*(?:\p{L}+:\s+)?|[\s:*_]+$/gu, '');
  return isPath(bare) ? bare : null;
}

function isPath(word: string): boolean {
  return path.test(word);
}

/** The new name of the file in a diff's header. */
function diffTarget(code: string): string | null {
  const names = [...code.matchAll(/^\+\+\+ (?:b\/)?([^\t\n]+)/gm)].map(([, name = '']) => name.trim());
  return names.length === 1 && names[0] !== '/dev/null' ? (names[0] ?? null) : null;
}
