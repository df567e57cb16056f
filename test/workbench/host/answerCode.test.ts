import assert from 'node:assert/strict';
import { readdirSync, readFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { AppliedCode } from '../../../src/chat/apply/appliedNote.ts';
import { CodeReviews } from '../../../src/host/answerCode/codeReviews.ts';
import { insertCode } from '../../../src/host/answerCode/insertCode.ts';

const lines = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', ''];
/** A file of these lines with the second and the fifth changed. */
const code = lines
  .join('\n')
  .replace('second', 'second and more')
  .replace('fifth', 'fifth and more')
  .trimEnd();

describe('code of an answer', () => {
  const reviews = new CodeReviews();
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
  let applied: AppliedCode[] = [];
  let number = 0;

  beforeEach(async () => {
    applied = [];
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  after(() => reviews.dispose());

  /** A new file of the workspace. */
  function fileOf(bytes: Uint8Array | string): vscode.Uri {
    const path = join(folder, `applied-${(number += 1)}.txt`);
    writeFileSync(path, bytes);
    return vscode.Uri.file(path);
  }

  function propose(file: vscode.Uri, text = code): Promise<void> {
    return reviews.propose({
      file,
      code: text,
      onApplied: (one) => {
        applied.push(one);
        return Promise.resolve();
      },
    });
  }

  /** Waits until the right side of the open diff has a text. */
  async function proposes(text: string): Promise<void> {
    for (;;) {
      const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
      const isDiff = input instanceof vscode.TabInputTextDiff;
      if (isDiff && (await vscode.workspace.openTextDocument(input.modified)).getText() === text) return;
      await new Promise(setImmediate);
    }
  }

  for (const [name, encoding, text] of [
    ['GBK', 'gbk', '中文\r\nsecond\r\nthird\r\n'],
    ['Shift-JIS', 'shiftjis', '日本\nsecond\nthird\n'],
    ['Windows-1252', 'windows1252', 'café\r\nsecond\r\nthird'],
    ['UTF-8 with a BOM', 'utf8bom', 'é\r\nsecond\r\nthird\r\n'],
    ['UTF-16', 'utf16le', 'é\nsecond\nthird\n'],
  ] as const) {
    it(`leaves the other bytes of a file in ${name} as they are`, async () => {
      const before = await vscode.workspace.encode(text, { encoding });
      const file = fileOf(before);
      const document = await vscode.workspace.openTextDocument(file, { encoding });
      assert.equal(document.getText(), text);
      await propose(file, text.replace('second', 'changed').replaceAll('\r\n', '\n').trimEnd());
      await reviews.acceptAll();
      // The editor may be saving already; then a second save saves nothing.
      while (readFileSync(file.fsPath).equals(before)) await document.save();
      const expected = await vscode.workspace.encode(text.replace('second', 'changed'), { encoding });
      assert.deepEqual(new Uint8Array(readFileSync(file.fsPath)), new Uint8Array(expected));
    });
  }

  it('leaves mixed line ends as they are, and is undone in one step', async () => {
    const text = 'first\r\nsecond\nthird\r\nfourth\nfifth\nsixth\r\n';
    const file = fileOf(text);
    const document = await vscode.workspace.openTextDocument(file);
    const before = document.getText();
    await propose(file);
    await reviews.acceptAll();
    const expected = text.replace('second', 'second and more').replace('fifth', 'fifth and more');
    assert.equal(readFileSync(file.fsPath, 'utf8'), expected);
    while (document.getText() === before) await new Promise(setImmediate);
    assert.equal(document.isDirty, false);
    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand('undo');
    assert.equal(document.getText(), before);
  });

  it('is refused where the encoding of the file lacks its characters', async () => {
    const file = fileOf('first\nsecond\n');
    const document = await vscode.workspace.openTextDocument(file, { encoding: 'windows1252' });
    await propose(file, 'first\n第二');
    await reviews.acceptAll();
    assert.equal(document.getText(), 'first\nsecond\n');
    assert.deepEqual(applied, []);
  });

  it('is accepted in one step that is undone in one', async () => {
    const file = fileOf(lines.join('\n'));
    await propose(file);
    await reviews.acceptAll();
    const document = await vscode.workspace.openTextDocument(file);
    assert.equal(document.getText().trimEnd(), code);
    const { path } = file;
    assert.deepEqual(applied, [
      { path: path.slice(path.lastIndexOf('/') + 1), hunks: 2, linesAdded: 2, linesRemoved: 2 },
    ]);
    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand('undo');
    assert.equal(document.getText(), lines.join('\n'));
  });

  it('leaves no copy of the file behind, and .git as it is', async () => {
    const marked = lines.join('\n').replace('third', 'only in this file');
    const file = fileOf(marked);
    const before = namesAndBytes(join(folder, '.git'));
    await propose(file, marked.replace('second', 'changed').trimEnd());
    await reviews.acceptAll();
    assert.ok(await (await vscode.workspace.openTextDocument(file)).save());
    assert.deepEqual(namesAndBytes(join(folder, '.git')), before);
    const holding = [folder, process.env.TIDYLLM_HOME ?? ''].flatMap((root) =>
      [...namesAndBytes(root)].filter(([, bytes]) => bytes.includes('only in this file')),
    );
    assert.deepEqual(
      holding.map(([path]) => path),
      [file.fsPath],
    );
  });

  it('is accepted hunk by hunk; a rejected one leaves the others and what people write', async () => {
    const file = fileOf(lines.join('\n'));
    const document = await vscode.workspace.openTextDocument(file);
    await propose(file);
    const edit = new vscode.WorkspaceEdit();
    edit.insert(file, new vscode.Position(0, 0), 'by hand\n');
    await vscode.workspace.applyEdit(edit);
    await proposes(`by hand\n${code}\n`);
    await reviews.accept(undefined, 1);
    await reviews.reject(undefined, 0);
    assert.equal(document.getText(), `by hand\n${lines.join('\n').replace('fifth', 'fifth and more')}`);
    assert.deepEqual(
      applied.map(({ hunks }) => hunks),
      [1],
    );
  });

  it('never overwrites lines that were edited since', async () => {
    const file = fileOf(lines.join('\n'));
    const document = await vscode.workspace.openTextDocument(file);
    await propose(file);
    const edit = new vscode.WorkspaceEdit();
    edit.replace(file, document.lineAt(1).range, 'second by hand');
    await vscode.workspace.applyEdit(edit);
    await reviews.acceptAll();
    const expected = lines.join('\n').replace('second', 'second by hand').replace('fifth', 'fifth and more');
    assert.equal(document.getText(), expected);
    await propose(file);
    await proposes(`${code}\n`);
  });

  it('becomes a new file, which is there only once it is accepted', async () => {
    const file = vscode.Uri.file(join(folder, 'new folder', 'new.txt'));
    await propose(file);
    await proposes(`${code}\n`);
    await assert.rejects(async () => vscode.workspace.fs.stat(file));
    await reviews.acceptAll();
    assert.equal(readFileSync(file.fsPath, 'utf8'), `${code}\n`);
  });

  it('is refused outside of the workspace, over links and among the files of git', async () => {
    const outside = join(folder, '..', 'outside');
    mkdirSync(outside, { recursive: true });
    symlinkSync(outside, join(folder, 'link'));
    for (const path of ['../outside/a.txt', 'link/a.txt', '.git/hooks/post-commit', '.git/config'])
      await propose(vscode.Uri.file(join(folder, path)));
    assert.equal(vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs).length, 0);
  });

  it('is inserted at one caret, in one step', async () => {
    const document = await vscode.workspace.openTextDocument(fileOf(lines.join('\n')));
    const editor = await vscode.window.showTextDocument(document);
    editor.selection = new vscode.Selection(1, 0, 1, 0);
    assert.deepEqual(await insertCode('new\nlines\n'), {
      path: vscode.workspace.asRelativePath(document.uri),
      ...{ hunks: 1, linesAdded: 3, linesRemoved: 0 },
    });
    assert.equal(document.getText(), lines.join('\n').replace('second', 'new\nlines\nsecond'));
    await vscode.commands.executeCommand('undo');
    assert.equal(document.getText(), lines.join('\n'));
  });

  it('is not inserted at several carets', async () => {
    const document = await vscode.workspace.openTextDocument(fileOf(lines.join('\n')));
    const editor = await vscode.window.showTextDocument(document);
    editor.selections = [0, 1, 2].map((line) => new vscode.Selection(line, 0, line, 0));
    assert.equal(await insertCode('new'), null);
    assert.equal(document.getText(), lines.join('\n'));
  });
});

/** All files of a folder, with what they hold. */
function namesAndBytes(root: string): Map<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(paths.map((path) => [path, readFileSync(path, 'latin1')]));
}
