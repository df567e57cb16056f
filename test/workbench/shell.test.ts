import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';

describe('the extension beside all that VS Code comes with', () => {
  let editor: Editor;
  let window: EditorWindow;

  beforeAll(async () => {
    editor = await Editor.start({ everyExtension: true });
    window = await editor.open();
  });

  beforeEach(() => window.clear());

  afterAll(() => editor.dispose());

  test('the status bar shows the budget', async () => {
    await expect.poll(() => window.statusItem().innerText()).toContain('$');
  });

  test('the side bars show the chat, and the health of the gateway', async () => {
    await window.showContainer();
    await window.showChat();
    await window.chatFrame().locator('body').waitFor();
    await window.treeItem('Health', /Bedrock/).waitFor();
    await window.screenshot('container');
  });

  test('a run of simulated calls costs nothing, and asks nobody', async () => {
    await window.palette('TidyLLM: Run [Performance Test]');
    await window.editorFrame().getByRole('heading', { name: 'Performance Test', level: 1 }).waitFor();
    expect(await window.dialog().count()).toBe(0);
  });

  test('the gateway is back after its extension host was killed', async () => {
    const killed = editor.killExtensionHosts();
    await expect.poll(() => editor.extensionHosts().filter((pid) => !killed.includes(pid))).not.toEqual([]);
    await expect.poll(() => window.statusItem().innerText()).toContain('$');
  });
});
