import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type * as vscode from 'vscode';
import { temporaryFolder } from '../../support/temporary.ts';

const editor = vi.hoisted(() => ({ folder: '', dirty: new Map<string, string>() }));

vi.mock('vscode', async () => {
  const { fakeVscode } = await import('../../support/vscode.ts');
  const isPart = ({ fsPath }: vscode.Uri): boolean =>
    fsPath === editor.folder || fsPath.startsWith(`${editor.folder}/`);
  const documentOf = (uri: vscode.Uri) => ({
    uri,
    isDirty: true,
    getText: () => editor.dirty.get(uri.fsPath),
  });
  return {
    ...fakeVscode,
    FileType: { File: 1, Directory: 2 },
    workspace: {
      ...fakeVscode.workspace,
      get workspaceFolders() {
        return [{ uri: uriOf(editor.folder) }];
      },
      get textDocuments() {
        return [...editor.dirty.keys()].map((path) => documentOf(uriOf(path)));
      },
      openTextDocument: (uri: vscode.Uri) => Promise.resolve(documentOf(uri)),
      getWorkspaceFolder: (uri: vscode.Uri) => (isPart(uri) ? { uri: uriOf(editor.folder) } : undefined),
      asRelativePath: ({ fsPath }: vscode.Uri) => relative(editor.folder, fsPath),
      decode: (bytes: Uint8Array) => Promise.resolve(Buffer.from(bytes).toString('utf8')),
      fs: {
        isWritableFileSystem: (scheme: string) => scheme === 'file',
        stat: ({ fsPath }: vscode.Uri) => Promise.resolve({ type: statSync(fsPath).isDirectory() ? 2 : 1 }),
      },
    },
  };
});

const { attachSelection, attachUri } = await import('../../../src/host/attach.ts');

function uriOf(path: string): vscode.Uri {
  return { scheme: 'file', path, fsPath: path, toString: () => pathToFileURL(path).href } as vscode.Uri;
}

const attach = (...path: string[]): ReturnType<typeof attachUri> => attachUri(uriOf(join(...path)), []);
const selectionIn = (path: string): ReturnType<typeof attachSelection> =>
  attachSelection([], {
    document: { uri: uriOf(path), getText: () => 'a line' },
    selection: { isEmpty: false, start: { line: 0 }, end: { line: 0 } },
  } as unknown as vscode.TextEditor);

describe.runIf(process.platform !== 'win32')('what is attached by its name', () => {
  let workspace: string;
  let outside: string;

  beforeEach(() => {
    workspace = editor.folder = temporaryFolder();
    outside = temporaryFolder();
    editor.dirty.clear();
    mkdirSync(join(outside, '.aws'));
    writeFileSync(join(outside, '.aws', 'credentials'), 'SECRET');
    writeFileSync(join(outside, 'plan.md'), 'A plan of somebody else.');
    writeFileSync(join(workspace, 'notes.md'), 'Notes.');
    const links = { 'guide.md': '.aws/credentials', 'plan.md': 'plan.md', more: '.' };
    for (const [name, target] of Object.entries(links))
      symlinkSync(join(outside, target), join(workspace, name));
    symlinkSync(join(workspace, 'notes.md'), join(workspace, 'inside.md'));
  });

  it('is a file of the workspace, also by a link inside it, and any other file by its own path', async () => {
    expect(await attach(workspace, 'notes.md')).toMatchObject({ name: 'notes.md', text: 'Notes.' });
    expect(await attach(workspace, 'inside.md')).toMatchObject({ name: 'inside.md', text: 'Notes.' });
    expect(await attach(outside, 'plan.md')).toMatchObject({ name: 'plan.md' });
    expect(await attach(workspace)).toMatchObject({ kind: 'folder' });
  });

  it.each(['plan.md', 'more', 'more/plan.md'])('is not what a link leads out to: %s', async (name) => {
    const target = join(outside, name === 'more' ? '' : basename(name));
    const refusal = {
      code: 'invalid_request',
      message: `${name} leads by a link to ${target.replace(/\/$/, '')}, which is outside of the workspace.`,
    };
    await expect(attach(workspace, name)).rejects.toMatchObject(refusal);
    editor.dirty.set(join(workspace, name), 'not saved');
    await expect(attach(workspace, name)).rejects.toMatchObject(refusal);
    await expect(selectionIn(join(workspace, name))).rejects.toMatchObject(refusal);
  });

  it('is nothing that policy keeps back, by its name or by where a link leads', async () => {
    const denied = [{ pattern: 'plan.md', origin: 'compliance.paths_denied.0 in settings.yaml' }];
    const blocked = {
      code: 'compliance_blocked',
      message: expect.stringContaining(denied[0]!.origin) as string,
    };
    const place = join(outside, 'plan.md');
    symlinkSync(place, join(outside, 'harmless.md'));
    for (const path of [
      place,
      join(outside, 'harmless.md'),
      join(workspace, '..', basename(outside), 'plan.md'),
    ]) {
      await expect(attachUri(uriOf(path), denied)).rejects.toMatchObject(blocked);
      editor.dirty.set(path, 'not saved');
      await expect(attachUri(uriOf(path), denied)).rejects.toMatchObject(blocked);
      const selection = attachSelection(denied, {
        document: { uri: uriOf(path), getText: () => 'a line' },
        selection: { isEmpty: false, start: { line: 0 }, end: { line: 0 } },
      } as unknown as vscode.TextEditor);
      await expect(selection).rejects.toMatchObject(blocked);
    }
    writeFileSync(join(workspace, 'plan.md.txt'), 'a plan');
    expect(await attachUri(uriOf(join(workspace, 'plan.md.txt')), denied)).toMatchObject({ text: 'a plan' });
  });

  it('is no key file, by the name of what a link leads to', async () => {
    const message = `${join(outside, '.aws', 'credentials')} usually holds keys, which must not leave.`;
    await expect(attach(workspace, 'guide.md')).rejects.toMatchObject({ message });
    await expect(selectionIn(join(workspace, 'guide.md'))).rejects.toMatchObject({ message });
    symlinkSync(join(outside, '.aws', 'credentials'), join(outside, 'harmless.md'));
    await expect(attach(outside, 'harmless.md')).rejects.toMatchObject({ message });
  });
});
