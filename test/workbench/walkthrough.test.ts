import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';

/** The steps, with a text of the picture of each. */
const inPicture = {
  'Connect AWS': 'Bedrock',
  'Set the Budget': 'reserved',
  'Make a First Call': 'JIRA-123',
  'See the Record': '#3',
  'Run a FLOW Agreement': '[Cost Analysis]',
  'Run a Workflow': 'notes',
};
const titles = Object.keys(inPicture);

describe('the walkthrough', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let file: string;
  /** What was done when the window was new: the editor marks a step once, and for good. */
  let doneAtFirst: readonly string[];

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    file = join(editor.home, 'settings.yaml');
    window = await editor.open(editor.workspace, { viewport: { width: 1400, height: 900 } });
    await open();
    await completed('Connect AWS').waitFor();
    const done = await Promise.all(titles.map((title) => completed(title).count()));
    doneAtFirst = titles.filter((_, index) => done[index] !== 0);
  });

  beforeEach(async () => {
    await window.clear();
    rmSync(file, { force: true });
    await expect.poll(() => window.statusItem().innerText()).toContain('/ $1,000');
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  async function open(): Promise<void> {
    await window.palette('Welcome: Open Walkthrough...');
    await window.quickPick('Get Started with TidyLLM').click();
    await step('Connect AWS').waitFor();
  }

  function step(title: string): Locator {
    return window.page.locator('.getting-started-step').filter({ hasText: title });
  }

  function completed(title: string): Locator {
    return step(title).locator('.codicon-getting-started-step-checked');
  }

  test('knows what is done already, and nothing else', () => {
    expect(doneAtFirst).toEqual(['Connect AWS']);
  });

  test('asks for the limit, refuses what is no amount, writes it, and is done', async () => {
    await open();
    const [spent] = (await window.statusItem().innerText()).trim().split(' / ');
    await step('Set the Budget').click();
    await step('Set the Budget').getByRole('button', { name: 'Set the Daily Limit' }).click();
    const input = window.page.locator('.quick-input-widget:visible input.input');
    await expect.poll(() => input.inputValue()).toBe('1000');
    for (const wrong of ['', 'twenty', '-5', '0.0000001']) {
      await input.fill(wrong);
      await window.page.locator('.quick-input-message').getByText('Enter an amount such as 20').waitFor();
      await input.press('Enter');
    }
    expect(existsSync(file)).toBe(false);
    await input.fill('$20.50');
    await input.press('Enter');
    await window.notification(`The daily limit is $20.50; ${spent} is spent today.`).waitFor();
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      'budget:',
      expect.stringMatching(/^ {2}daily_limit_usd: "20\.50"/),
    ]);
    await completed('Set the Budget').waitFor();
    await expect.poll(() => window.statusItem().innerText()).toContain('/ $20.50');
  });

  test('keeps the rest of a file in which the limit is set again', async () => {
    const before =
      '# ours\naudit:\n  min_reason_length: 4 # short\nbudget: { daily_limit_usd: 20 } # a day\n';
    writeFileSync(file, before);
    await expect.poll(() => window.statusItem().innerText()).toMatch(/\/ \$20$/);
    await window.palette('TidyLLM: Set Daily Limit…');
    const input = window.page.locator('.quick-input-widget:visible input.input');
    await expect.poll(() => input.inputValue()).toBe('20');
    await input.fill('30');
    await input.press('Enter');
    await expect.poll(() => window.statusItem().innerText()).toMatch(/\/ \$30$/);
    expect(readFileSync(file, 'utf8')).toBe(before.replace('20', '"30"'));
    expect(readdirSync(editor.home).filter((name) => name.startsWith('settings.yaml'))).toEqual([
      'settings.yaml',
    ]);
  });

  test('is done with the first call once there is one', async () => {
    await open();
    await step('Make a First Call').click();
    await step('Make a First Call').getByRole('button', { name: 'Open Chat' }).click();
    // The picture of a step is a webview too.
    await window.palette('View: Close Editor');
    const chat = await ChatView.open(window);
    await chat.ask('Hello');
    await chat.ended();
    await open();
    await completed('Make a First Call').waitFor();
  });

  test('shows the record', async () => {
    await open();
    await step('See the Record').click();
    await step('See the Record').getByRole('button', { name: 'Open Audit History' }).click();
    await window.page.getByRole('tab', { name: 'Audit History' }).waitFor();
    await window.palette('View: Close Editor');
    await completed('See the Record').waitFor();
  });

  test('runs an agreement', async () => {
    await open();
    await step('Run a FLOW Agreement').click();
    await step('Run a FLOW Agreement').getByRole('button', { name: 'Run Cost Analysis' }).click();
    await window.page.getByRole('tab', { name: 'Cost Analysis' }).waitFor();
    await window.palette('View: Close Editor');
    await completed('Run a FLOW Agreement').waitFor();
  });

  test('creates a workflow that is right, and runs from the link above it', async () => {
    await open();
    await step('Run a Workflow').click();
    await step('Run a Workflow').getByRole('button', { name: 'New Workflow' }).click();
    await window.textLine('name: Release notes').waitFor();
    await window.page.locator('.codelens-decoration').getByText('Run', { exact: true }).click();
    await window.answer('The button is blue.');
    await window.page.locator('.quick-input-title', { hasText: 'Audit reason' }).waitFor();
    await window.page.keyboard.press('Escape');
    await window.palette('View: Close Editor');
    await completed('Run a Workflow').waitFor();
  });

  test.each(['dark', 'light', 'highContrast'] as const)('looks right: %s', async (theme) => {
    await editor.changeTheme(window, theme);
    // Beside the chat there is no room for pictures.
    await window.hideChat();
    await open();
    for (const [title, text] of Object.entries(inPicture)) {
      await step(title).click();
      const media = window.page.locator('.getting-started-media iframe.webview.ready').contentFrame();
      await media.frameLocator('iframe#active-frame').getByText(text, { exact: true }).waitFor();
      await window.screenshot(`walkthrough-${theme}-${title.toLowerCase().replaceAll(' ', '-')}`);
    }
  });
});
