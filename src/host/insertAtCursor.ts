import * as vscode from 'vscode';

/** Replaces the selections of the active editor with a text, or opens a document of it. */
export async function insertAtCursor(text: string): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const inserted = await editor?.edit((edit) => {
    for (const selection of editor.selections) edit.replace(selection, text);
  });
  if (!editor || !inserted) {
    // No editor is open, or it is read-only.
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content: text }));
    return;
  }
  await vscode.window.showTextDocument(editor.document, editor.viewColumn);
}
