import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { AuditView } from './harness/auditView.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

const before = `export function greet(name: string): string {
  return \`Hello \${name}\`;
}

export function leave(name: string): string {
  return \`Bye \${name}\`;
}
`;
const after = before.replace('Hello ', 'Good morning, ').replace('Bye ', 'Goodbye, ');

describe('code of an answer', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let chat: ChatView;
  let file: string;

  beforeAll(async () => {
    // A file that the editor saves by itself isn't shown again after its diff.
    ({ editor, standIn } = await startOnStandIn({}, { settings: { 'files.autoSave': 'off' } }));
    standIn.behave = () => ({
      blocks: [{ text: `In \`src/greet.ts\`:\n\n\`\`\`typescript\n${after}\`\`\`\n` }],
    });
    file = join(editor.workspace, 'src', 'greet.ts');
    window = await editor.open();
    await window.page.setViewportSize({ width: 1600, height: 900 });
    chat = await ChatView.open(window);
  });

  beforeEach(async () => {
    await window.clear();
    writeFileSync(file, before);
    await chat.startOver();
    await chat.ask('Greet them better');
    await chat.ended();
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  const codeButton = (name: string): Locator => chat.turns.last().getByRole('button', { name });
  const titleButton = (name: string): Locator =>
    window.page.locator('.editor-group-container .title').getByRole('button', { name });

  /** What stands beside the changes of the diff. */
  function labels(): Promise<string[]> {
    return window.page.locator('.editor-instance .modified .view-line span').evaluateAll((spans) =>
      spans.flatMap((span) => {
        const { content } = getComputedStyle(span, '::after');
        return content.includes('Change') ? [content.slice(1, -1).replaceAll('\u00a0', ' ')] : [];
      }),
    );
  }

  /** Presses Apply, goes on writing in the chat, and waits for the diff. */
  async function apply(): Promise<void> {
    await chat.question.fill('');
    await codeButton('Apply to File…').click();
    await chat.question.focus();
    await window.page.keyboard.type('written ');
    await window.page.getByRole('tab', { name: 'greet.ts (proposed changes)' }).waitFor();
    await expect.poll(labels).toEqual(['Change 1 of 2', 'Change 2 of 2']);
    await window.page.keyboard.type('meanwhile');
    expect(await chat.question.inputValue()).toBe('written meanwhile');
  }

  /** Saves the file, and waits until it has this text. */
  async function isSavedAs(text: string): Promise<void> {
    await window.page
      .getByRole('tab', { name: 'greet.ts (proposed changes)' })
      .waitFor({ state: 'detached' });
    await window.page.getByRole('tab', { name: /^greet.ts/ }).click();
    await window.palette('File: Save');
    await expect.poll(() => readFileSync(file, 'utf8')).toBe(text);
    await window.page.locator('.tab.dirty').first().waitFor({ state: 'detached' });
  }

  test('is shown as a diff of the file that the answer names, and the focus stays in the chat', async () => {
    await apply();
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(await window.accessibilityFindings()).toEqual([]);
    for (const theme of ['light', 'highContrast', 'highContrastLight', 'dark'] as const) {
      await editor.changeTheme(window, theme);
      await window.screenshot(`apply-${theme}`);
    }
  });

  test('is accepted and rejected change by change, and its record names the file', async () => {
    await apply();
    await titleButton('Accept Change').click();
    await expect.poll(labels).toEqual(['Change 1 of 1']);
    await titleButton('Reject Change').click();
    await titleButton('Reject Change').waitFor({ state: 'detached' });
    await isSavedAs(before.replace('Hello ', 'Good morning, '));
    await chat.button(/^recorded #\d+$/).click();
    await new AuditView(window).detail.getByText('src/greet.ts (+1 −1)', { exact: true }).waitFor();
  });

  test('is accepted as a whole, and the file comes in place of its diff', async () => {
    await apply();
    await titleButton('Accept All Changes').click();
    await titleButton('Accept All Changes').waitFor({ state: 'detached' });
    await isSavedAs(after);
  });

  test('is rejected as a whole, and the file stays as it is', async () => {
    await apply();
    await titleButton('Reject All Changes').click();
    await titleButton('Reject All Changes').waitFor({ state: 'detached' });
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test('is inserted at the caret, says where, and the focus stays in the chat', async () => {
    await window.palette('File: New Untitled Text File');
    await window.page.keyboard.type('first line');
    await window.page.keyboard.press('Enter');
    await codeButton('Insert at Cursor').click();
    await window.page
      .locator('.statusbar')
      .getByText(/^Inserted at line 2 of Untitled-\d+$/)
      .waitFor();
    await window.textLine('Good morning,').waitFor();
    expect(await chat.frame.locator('body').evaluate(() => document.hasFocus())).toBe(true);
    await window.palette('View: Close Editor');
    await window.dialog().getByRole('button', { name: "Don't Save" }).click();
  });

  test('does not replace what is selected without a question', async () => {
    await window.palette('File: New Untitled Text File');
    await window.page.keyboard.type('precious words');
    await window.palette('Select All');
    await codeButton('Insert at Cursor').click();
    const question = window.notification('Replace what is selected in lines 1 to 1');
    await question.waitFor();
    await window.textLine('precious words').waitFor();
    await question.getByRole('button', { name: 'Replace', exact: true }).click();
    await window.textLine('precious words').waitFor({ state: 'detached' });
    await window.textLine('Good morning,').waitFor();
    await window.palette('View: Close Editor');
    await window.dialog().getByRole('button', { name: "Don't Save" }).click();
  });
});
