import * as vscode from 'vscode';
import type { AppliedCode } from '../../chat/apply/appliedNote.ts';
import { linesOf } from '../../chat/apply/hunks.ts';
import { mayWrite, shownPath } from './mayWrite.ts';

/** Milliseconds for which the status bar says where code went. */
const toldMs = 10_000;

/**
 * Inserts code at the caret of the active editor, or opens a document of it where no editor takes it. The focus stays.
 * Asks before it replaces what is selected, or writes where nobody looks. Returns what a file took; null if none did.
 */
export async function insertCode(code: string): Promise<AppliedCode | null> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return openDocument(code);
  const { document, selection, selections } = editor;
  const { version } = document;
  const path = shownPath(document.uri);
  if (selections.length > 1) {
    void vscode.window.showWarningMessage(
      vscode.l10n.t('{0} has several carets, so nothing was inserted. Leave one and insert again.', path),
    );
    return null;
  }
  if (!(await mayWrite(document.uri, { open: true })) || !(await mayReplace(editor, path))) return null;
  if (document.version !== version || !editor.selection.isEqual(selection)) {
    void vscode.window.showWarningMessage(
      vscode.l10n.t('{0} or its caret has changed, so nothing was inserted. Insert again.', path),
    );
    return null;
  }
  const before = document.lineCount;
  if (!(await editor.edit((edit) => edit.replace(selection, code)))) return openDocument(code);
  const linesAdded = linesOf(code).length;
  const line = selection.start.line + 1;
  editor.revealRange(editor.selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  vscode.window.setStatusBarMessage(vscode.l10n.t('Inserted at line {0} of {1}', line, path), toldMs);
  const linesRemoved = before + linesAdded - document.lineCount - (selection.isEmpty ? 1 : 0);
  return document.isUntitled ? null : { path, hunks: 1, linesAdded, linesRemoved };
}

/** Whether the place is what a person expects: an empty caret that is shown, or one that they confirm. */
async function mayReplace(editor: vscode.TextEditor, path: string): Promise<boolean> {
  const { selection, visibleRanges } = editor;
  const { start, end, active, isEmpty } = selection;
  if (isEmpty && visibleRanges.some((range) => range.contains(active))) return true;
  editor.revealRange(selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  const go = isEmpty ? vscode.l10n.t('Insert') : vscode.l10n.t('Replace');
  const asked = isEmpty
    ? vscode.l10n.t(
        'The caret is at line {0} of {1}, which was not shown. Insert there?',
        active.line + 1,
        path,
      )
    : vscode.l10n.t(
        'Replace what is selected in lines {0} to {1} of {2}?',
        start.line + 1,
        end.line + 1,
        path,
      );
  return (await vscode.window.showWarningMessage(asked, go)) === go;
}

async function openDocument(content: string): Promise<null> {
  const document = await vscode.workspace.openTextDocument({ content });
  await vscode.window.showTextDocument(document, { preserveFocus: true });
  return null;
}
