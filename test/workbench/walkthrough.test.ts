import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';

describe('the walkthrough', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    window = await editor.open(editor.workspace, { viewport: { width: 1400, height: 900 } });
    await open(window);
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  async function open(opened: EditorWindow): Promise<void> {
    await opened.palette('Welcome: Open Walkthrough...');
    await opened.quickPick('Get Started with TidyLLM').click();
    await step(opened, 'Connect AWS').waitFor();
  }

  function step(opened: EditorWindow, title: string): Locator {
    return opened.page.locator('.getting-started-step').filter({ hasText: title });
  }

  function completed(title: string): Locator {
    return step(window, title).locator('.codicon-getting-started-step-checked');
  }

  test('knows what is done already, and nothing else', async () => {
    await completed('Connect AWS').waitFor();
    for (const title of ['Set the Budget', 'Make a First Call', 'See the Record', 'Run a FLOW Agreement'])
      expect(await completed(title).count()).toBe(0);
  });

  test('opens settings.yaml at the limit, and is done once a limit is set', async () => {
    await step(window, 'Set the Budget').click();
    await step(window, 'Set the Budget').getByRole('button', { name: 'Set the Daily Limit' }).click();
    const tab = window.page.getByRole('tab', { name: 'settings.yaml' });
    await tab.waitFor();
    await window.page.locator('.view-line').getByText('daily_limit_usd').first().waitFor();
    await window.palette('View: Close Editor');
    expect(await completed('Set the Budget').count()).toBe(0);
    writeFileSync(join(editor.home, 'settings.yaml'), 'budget: { daily_limit_usd: 20 }\n');
    await completed('Set the Budget').waitFor();
  });

  test('is done with the first call once there is one', async () => {
    await step(window, 'Make a First Call').click();
    await step(window, 'Make a First Call').getByRole('button', { name: 'Open Chat' }).click();
    // The picture of a step is a webview too.
    await window.palette('View: Close Editor');
    const chat = await ChatView.open(window);
    await chat.ask('Hello');
    await chat.ended();
    await open(window);
    await completed('Make a First Call').waitFor();
  });

  test('shows the record', async () => {
    await step(window, 'See the Record').click();
    await step(window, 'See the Record').getByRole('button', { name: 'Open Audit History' }).click();
    await window.page.getByRole('tab', { name: 'Audit History' }).waitFor();
    await window.palette('View: Close Editor');
    await completed('See the Record').waitFor();
  });

  test('runs an agreement', async () => {
    await open(window);
    await step(window, 'Run a FLOW Agreement').click();
    await step(window, 'Run a FLOW Agreement').getByRole('button', { name: 'Run Cost Analysis' }).click();
    await window.page.getByRole('tab', { name: 'Cost Analysis' }).waitFor();
    await window.palette('View: Close Editor');
    await completed('Run a FLOW Agreement').waitFor();
    await window.close();
  });

  test.each(['dark', 'light', 'highContrast'] as const)('looks right: %s', async (theme) => {
    const pictured = await editor.open(editor.workspace, { theme, viewport: { width: 1400, height: 900 } });
    await open(pictured);
    const inPicture = {
      'Connect AWS': 'Bedrock',
      'Set the Budget': 'reserved',
      'Make a First Call': 'JIRA-123',
      'See the Record': '#3',
      'Run a FLOW Agreement': '[Cost Analysis]',
    };
    for (const [title, text] of Object.entries(inPicture)) {
      await step(pictured, title).click();
      const media = pictured.page.locator('iframe.webview.ready:visible').last().contentFrame();
      await media.frameLocator('iframe#active-frame').getByText(text, { exact: true }).waitFor();
      await pictured.screenshot(`walkthrough-${theme}-${title.toLowerCase().replaceAll(' ', '-')}`);
    }
    await pictured.close();
  });
});
