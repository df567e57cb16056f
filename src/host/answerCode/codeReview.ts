import * as vscode from 'vscode';
import { afterChange, linesOf, placesOf, withHunks, type Hunk } from '../../chat/apply/hunks.ts';

export const proposalScheme = 'tidyllm-proposal';

/** The hunks of one file that nobody has accepted or rejected yet. */
export class CodeReview {
  readonly file: vscode.Uri;
  /** The left side of the diff: the file itself, or an empty document where it is new. */
  readonly now: vscode.Uri;
  /** The right side: the file with the pending hunks in it. */
  readonly proposed: vscode.Uri;
  readonly isNew: boolean;
  pending: readonly Hunk[];
  /** The file as the hunks know it. */
  #lines: readonly string[];

  constructor(file: vscode.Uri, lines: readonly string[], hunks: readonly Hunk[], isNew: boolean) {
    this.file = file;
    this.isNew = isNew;
    this.pending = hunks;
    this.#lines = lines;
    this.now = isNew ? file.with({ scheme: proposalScheme, query: 'new' }) : file;
    this.proposed = file.with({ scheme: proposalScheme, query: 'proposed' });
  }

  /** The text of the right side. */
  get text(): string {
    return withHunks(this.#lines, this.pending).join('\n');
  }

  /** Whether a text is the file as the hunks know it. */
  isOf(text: string): boolean {
    const lines = linesOf(text);
    return lines.length === this.#lines.length && lines.every((line, index) => line === this.#lines[index]);
  }

  /** Follows a change of the file; a hunk whose lines were edited falls away. Returns how many did. */
  follow({ document, contentChanges }: vscode.TextDocumentChangeEvent): number {
    const before = this.pending.length;
    // From the end to the start, so that the places of one change are not moved by another.
    const changes = contentChanges.toSorted((a, b) => b.range.start.compareTo(a.range.start)).map(lineChange);
    this.pending = this.pending.flatMap((hunk) => {
      let moved: Hunk | null = hunk;
      for (const change of changes) moved &&= afterChange(moved, change);
      return moved ?? [];
    });
    this.#lines = linesOf(document.getText());
    return before - this.pending.length;
  }

  /** The pending hunk that is nearest to a line of the right side. */
  hunkAt(line: number): Hunk | undefined {
    const places = placesOf(this.pending);
    const distances = this.pending.map(({ added }, index) => {
      const start = places[index] ?? 0;
      return Math.max(start - line, line - (start + Math.max(added.length, 1) - 1), 0);
    });
    return this.pending[distances.indexOf(Math.min(...distances))];
  }
}

function lineChange({ range: { start, end }, text }: vscode.TextDocumentContentChangeEvent) {
  const lines = linesOf(text).length - 1;
  // A change of whole lines doesn't touch the line behind them.
  const isWhole = start.character === 0 && end.character === 0 && (text === '' || /[\r\n]$/.test(text));
  return isWhole
    ? { start: start.line, end: end.line, lines }
    : { start: start.line, end: end.line + 1, lines: lines + 1 };
}

/** The edit that puts hunks into a document. All lines but theirs stay as they are. */
export function editOf(document: vscode.TextDocument, hunks: readonly Hunk[]): vscode.WorkspaceEdit {
  const edit = new vscode.WorkspaceEdit();
  const eol = document.eol === vscode.EndOfLine.CRLF ? '\r\n' : '\n';
  for (const { start, removed, added } of hunks) {
    const end = start + removed;
    const isLast = end >= document.lineCount;
    // The last line has no line end behind it: the one before goes, or comes, instead.
    const from = isLast && start > 0 ? document.lineAt(start - 1).range.end : new vscode.Position(start, 0);
    const until = isLast ? document.lineAt(document.lineCount - 1).range.end : new vscode.Position(end, 0);
    const before = isLast && start > 0;
    const text = added.map((line) => (before ? eol + line : line + eol)).join('');
    edit.replace(document.uri, new vscode.Range(from, until), isLast && !before ? added.join(eol) : text);
  }
  return edit;
}

/**
 * The bytes of a saved file with mixed line ends with hunks in it; null for any other file. An editor makes all line ends
 * one kind when it saves, so only this way those of other lines stay.
 */
export async function mixedWith(
  document: vscode.TextDocument,
  hunks: readonly Hunk[],
): Promise<Uint8Array | null> {
  if (document.isDirty) return null;
  const { encoding, uri } = document;
  const bytes = await vscode.workspace.fs.readFile(uri);
  const text = await vscode.workspace.decode(bytes, { encoding });
  const ends: string[] = text.match(/\r\n|\r|\n/g) ?? [];
  const lines = linesOf(text);
  const isAsShown = lines.join('\n') === linesOf(document.getText()).join('\n');
  const isAsRead = Buffer.from(bytes).equals(await vscode.workspace.encode(text, { encoding }));
  if (new Set(ends).size < 2 || !isAsShown || !isAsRead) return null;
  const eol = document.eol === vscode.EndOfLine.CRLF ? '\r\n' : '\n';
  const newEnds = withHunks(
    [...ends, ''],
    hunks.map((hunk) => ({ ...hunk, added: hunk.added.map(() => eol) })),
  );
  const newLines = withHunks(lines, hunks);
  const endOf = (index: number) => (index === newLines.length - 1 ? '' : newEnds[index] || eol);
  return vscode.workspace.encode(newLines.map((line, index) => line + endOf(index)).join(''), { encoding });
}
