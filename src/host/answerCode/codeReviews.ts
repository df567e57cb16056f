import { EOL } from 'node:os';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { AppliedCode } from '../../chat/apply/appliedNote.ts';
import { hunksBetween, linesOf, placesOf, type Hunk } from '../../chat/apply/hunks.ts';
import { proposalFor } from '../../chat/apply/proposal.ts';
import { CodeReview, editOf, mixedWith, proposalScheme } from './codeReview.ts';
import { exists } from './chooseFile.ts';
import { insertCode } from './insertCode.ts';
import { isWritable, mayWrite, shownPath } from './mayWrite.ts';

/** Code for a file, and who is told what the file took. */
export interface CodeForFile {
  file: vscode.Uri;
  code: string;
  onApplied: (applied: AppliedCode) => Promise<void>;
}

/** Commands of a diff's hunks, for the text that stands beside each. */
const hunkCommands = ['tidyllm.acceptChange', 'tidyllm.rejectChange'] as const;

/** Diffs of files with code of answers, one for each file, whose hunks are accepted or rejected. */
export class CodeReviews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #reviews = new Map<string, { review: CodeReview; asked: CodeForFile }>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #label = vscode.window.createTextEditorDecorationType({});
  readonly #subscriptions: vscode.Disposable;

  constructor() {
    this.#subscriptions = vscode.Disposable.from(
      this.#changed,
      this.#label,
      vscode.workspace.registerTextDocumentContentProvider(proposalScheme, this),
      vscode.workspace.onDidChangeTextDocument((change) => this.#follow(change)),
      vscode.window.onDidChangeVisibleTextEditors(() => this.#labelHunks()),
      vscode.window.tabGroups.onDidChangeTabs(({ closed }) => this.#forget(closed)),
    );
  }

  provideTextDocumentContent({ path, query }: vscode.Uri): string {
    return query === 'proposed' ? (this.#of(path)?.review.text ?? '') : '';
  }

  /** Shows what a file would be with the code in it, or says why it can't be. */
  async propose(asked: CodeForFile): Promise<void> {
    const { file, code } = asked;
    if (!(await mayWrite(file))) return;
    const isNew = !(await exists(file));
    const text = isNew ? '' : (await vscode.workspace.openTextDocument(file)).getText();
    const lines = linesOf(text);
    const proposal = proposalFor(file.path, lines, code);
    const path = shownPath(file);
    switch (proposal.kind) {
      case 'severalFiles':
        warn(vscode.l10n.t('The diff is for several files. Ask for one block of code for each file.'));
        return;
      case 'misfit':
        warn(
          vscode.l10n.t(
            'Change {0} of {1} in the diff, at line {2}, does not fit {3}. Ask again with the file as it is now.',
            ...[proposal.change, proposal.of, proposal.line, path],
          ),
        );
        return;
      case 'unplaced':
        return this.#offerInsertion(asked, path);
      case 'lines': {
        const hunks = hunksBetween(lines, proposal.lines);
        if (hunks.length === 0) warn(vscode.l10n.t('{0} has this code already.', path));
        else await this.#show(new CodeReview(file, lines, hunks, isNew), asked);
      }
    }
  }

  /** Accepts one hunk of a diff, by its index or at its caret. */
  async accept(at?: unknown, index?: unknown): Promise<void> {
    const found = this.#found(at, index);
    if (found?.hunk) await this.#accept(found.review, [found.hunk]);
  }

  async acceptAll(): Promise<void> {
    const found = this.#found();
    if (found) await this.#accept(found.review, found.review.pending);
  }

  /** Rejects one hunk of a diff; the file stays as it is. */
  async reject(at?: unknown, index?: unknown): Promise<void> {
    const found = this.#found(at, index);
    if (found?.hunk) await this.#reject(found.review, [found.hunk]);
  }

  async rejectAll(): Promise<void> {
    const found = this.#found();
    if (found) await this.#reject(found.review, found.review.pending);
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }

  async #offerInsertion(asked: CodeForFile, path: string): Promise<void> {
    const insert = vscode.l10n.t('Insert at Cursor');
    const message = vscode.l10n.t('The code has no place of its own in {0}.', path);
    if ((await vscode.window.showInformationMessage(message, insert)) !== insert) return;
    const applied = await insertCode(asked.code);
    if (applied) await asked.onApplied(applied);
  }

  async #show(review: CodeReview, asked: CodeForFile): Promise<void> {
    const { path } = review.file;
    this.#reviews.set(path, { review, asked });
    this.#changed.fire(review.proposed);
    const title = review.isNew
      ? vscode.l10n.t('{0} (proposed new file)', basename(path))
      : vscode.l10n.t('{0} (proposed changes)', basename(path));
    // A chat that is an editor stays visible.
    const isWebview =
      vscode.window.tabGroups.activeTabGroup.activeTab?.input instanceof vscode.TabInputWebview;
    const viewColumn = isWebview ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active;
    const options = { preserveFocus: true, preview: false, viewColumn };
    await vscode.commands.executeCommand('vscode.diff', review.now, review.proposed, title, options);
    this.#labelHunks();
  }

  async #accept(review: CodeReview, hunks: readonly Hunk[]): Promise<void> {
    const asked = this.#of(review.file.path)?.asked;
    if (!asked || !(await isWritable(review.file))) return;
    const path = shownPath(review.file);
    const document = review.isNew ? null : await vscode.workspace.openTextDocument(review.file);
    if (document ? !review.isOf(document.getText()) : await exists(review.file)) {
      warn(vscode.l10n.t('{0} has changed since. Nothing was written; here is a new diff.', path));
      return this.propose(asked);
    }
    if (document && !(await canEncode(document, hunks))) {
      warn(
        vscode.l10n.t(
          'The code has characters that {0} cannot hold in its encoding, {1}. Save the file with encoding UTF-8 and apply again.',
          ...[path, document.encoding],
        ),
      );
      return;
    }
    const mixed = document && (await mixedWith(document, hunks));
    const edit = document ? editOf(document, hunks) : await creationOf(review);
    const before = review.pending;
    review.pending = before.filter((hunk) => !hunks.includes(hunk));
    if (!(await (mixed ? written(review.file, mixed) : vscode.workspace.applyEdit(edit)))) {
      review.pending = before;
      warn(vscode.l10n.t('{0} has changed or is read-only, so nothing was written. Apply again.', path));
      return;
    }
    await asked.onApplied({
      path,
      hunks: hunks.length,
      linesAdded: hunks.reduce((sum, { added }) => sum + added.length, 0),
      linesRemoved: hunks.reduce((sum, { removed }) => sum + removed, 0),
    });
    await this.#refresh(review, true);
  }

  async #reject(review: CodeReview, hunks: readonly Hunk[]): Promise<void> {
    review.pending = review.pending.filter((hunk) => !hunks.includes(hunk));
    await this.#refresh(review, false);
  }

  /** Shows what is still pending; the diff of a file without pending hunks gives way to the file. */
  async #refresh(review: CodeReview, accepted: boolean): Promise<void> {
    this.#changed.fire(review.proposed);
    // The right side stays the same where a hunk was accepted.
    this.#labelHunks();
    if (review.pending.length > 0) return;
    this.#reviews.delete(review.file.path);
    const tab = tabOf(review);
    if (!tab) return;
    const isDirty = vscode.workspace.textDocuments.some(
      ({ uri, isDirty }) => isDirty && uri.toString() === review.file.toString(),
    );
    const options = { viewColumn: tab.group.viewColumn, preserveFocus: true, preview: false };
    // A file that is not saved yet must not be out of sight.
    if (accepted || isDirty) await vscode.window.showTextDocument(review.file, options);
    await vscode.window.tabGroups.close(tab, true);
  }

  #follow(change: vscode.TextDocumentChangeEvent): void {
    const { uri } = change.document;
    if (uri.scheme === proposalScheme) this.#labelHunks();
    const review = uri.scheme === 'file' ? this.#of(uri.path)?.review : undefined;
    if (!review || change.contentChanges.length === 0) return;
    const lost = review.follow(change);
    if (lost === 0) {
      this.#changed.fire(review.proposed);
      return;
    }
    warn(
      vscode.l10n.t(
        'The lines of {0} proposed changes in {1} were edited, so these are left out. Apply again for a new diff.',
        ...[lost, shownPath(uri)],
      ),
    );
    void this.#refresh(review, false);
  }

  #forget(closed: readonly vscode.Tab[]): void {
    for (const { input } of closed) {
      if (!(input instanceof vscode.TabInputTextDiff) || input.modified.scheme !== proposalScheme) continue;
      const review = this.#of(input.modified.path)?.review;
      if (review && !tabOf(review)) this.#reviews.delete(input.modified.path);
    }
  }

  #of(path: string): { review: CodeReview; asked: CodeForFile } | undefined {
    return this.#reviews.get(path);
  }

  /** The diff that a command is for, with its hunk: by the address of its right side, otherwise of the active tab. */
  #found(at?: unknown, index?: unknown): { review: CodeReview; hunk: Hunk | undefined } | null {
    const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    const active = input instanceof vscode.TabInputTextDiff ? input.modified : undefined;
    const uri = typeof at === 'string' ? vscode.Uri.parse(at) : active;
    const review = uri?.scheme === proposalScheme ? this.#of(uri.path)?.review : undefined;
    if (!review) return null;
    const editor = editorOf(review);
    const line = editor?.selection.active.line ?? 0;
    return { review, hunk: typeof index === 'number' ? review.pending[index] : review.hunkAt(line) };
  }

  /** Says beside each hunk which it is; accept and reject are in the text that appears over it. */
  #labelHunks(): void {
    for (const { review } of this.#reviews.values()) {
      const editor = editorOf(review);
      const places = placesOf(review.pending);
      editor?.setDecorations(
        this.#label,
        review.pending.map((_hunk, index) => labelOf(review, editor.document, index, places[index] ?? 0)),
      );
    }
  }
}

function labelOf(
  review: CodeReview,
  document: vscode.TextDocument,
  index: number,
  place: number,
): vscode.DecorationOptions {
  const { range } = document.lineAt(Math.min(place, document.lineCount - 1));
  const argument = encodeURIComponent(JSON.stringify([review.proposed.toString(), index]));
  const [accept, reject] = hunkCommands.map((command) => `command:${command}?${argument}`);
  const hoverMessage = new vscode.MarkdownString(
    `[${vscode.l10n.t('Accept')}](${accept}) | [${vscode.l10n.t('Reject')}](${reject})`,
  );
  hoverMessage.isTrusted = { enabledCommands: hunkCommands };
  const contentText = vscode.l10n.t('Change {0} of {1}', index + 1, review.pending.length);
  const color = new vscode.ThemeColor('editorCodeLens.foreground');
  return { range, hoverMessage, renderOptions: { after: { contentText, color, margin: '0 0 0 2em' } } };
}

function warn(message: string): void {
  void vscode.window.showWarningMessage(message);
}

function tabOf({ proposed }: CodeReview): vscode.Tab | undefined {
  return vscode.window.tabGroups.all
    .flatMap(({ tabs }) => tabs)
    .find(
      ({ input }) =>
        input instanceof vscode.TabInputTextDiff && input.modified.toString() === proposed.toString(),
    );
}

function editorOf({ proposed }: CodeReview): vscode.TextEditor | undefined {
  return vscode.window.visibleTextEditors.find(
    ({ document }) => document.uri.toString() === proposed.toString(),
  );
}

/** Whether the encoding of a file has all characters of the hunks. */
async function canEncode({ encoding }: vscode.TextDocument, hunks: readonly Hunk[]): Promise<boolean> {
  const text = hunks.flatMap(({ added }) => added).join('\n');
  const bytes = await vscode.workspace.encode(text, { encoding });
  return (await vscode.workspace.decode(bytes, { encoding })) === text;
}

/** Writes a file whose line ends no editor would keep, and says whether it could. */
function written(file: vscode.Uri, bytes: Uint8Array): Thenable<boolean> {
  return vscode.workspace.fs.writeFile(file, bytes).then(
    () => true,
    () => false,
  );
}

/** A new file with the encoding and line ends of the settings. */
async function creationOf({ file, text }: CodeReview): Promise<vscode.WorkspaceEdit> {
  const eol = vscode.workspace.getConfiguration('files', file).get<string>('eol');
  const lines = linesOf(text).join(eol === undefined || eol === 'auto' ? EOL : eol);
  const edit = new vscode.WorkspaceEdit();
  edit.createFile(file, { contents: await vscode.workspace.encode(lines, { uri: file }) });
  return edit;
}
