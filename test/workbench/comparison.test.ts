import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import type { FrameLocator, Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { Spending } from '../support/spending.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { selectModels } from './harness/selectModels.ts';
import { startOnStandIn } from './harness/standIn.ts';

const three = ['claude-sonnet', 'nova-lite', 'nova-pro'];

describe('a comparison of models', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let view: FrameLocator;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn({ TIDYLLM_CACHE_ENABLED: 'true' }));
    window = await editor.open(editor.workspace, { viewport: { width: 1400, height: 900 } });
    view = window.editorFrame();
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  beforeEach(async () => {
    standIn.behave = null;
    await window.clear();
  });

  function compareButton(): Locator {
    return window.dialog().getByRole('button', { name: 'Compare', exact: true });
  }

  /** Starts a comparison from the palette. */
  async function compare(question: string, names: readonly string[] = three): Promise<void> {
    await window.palette('TidyLLM: Compare Models…');
    await window.answer(question);
    await window.choose('JIRA-123 fix flaky login test');
    await selectModels(window, names);
    await compareButton().click();
    await view.getByRole('heading', { name: 'Comparison', level: 1 }).waitFor();
  }

  function column(model: string): Locator {
    return view.getByRole('article', { name: model });
  }

  function ended(count = three.length): Promise<void> {
    return view.getByText(`${count} of ${count} ended`).waitFor();
  }

  /** Takes the name that the save dialog offers, with this ending. */
  async function saved(ending: string): Promise<string> {
    await view.getByRole('button', { name: 'Export…' }).click();
    const input = window.page.locator('.quick-input-widget:visible input.input');
    await expect.poll(() => input.inputValue()).toMatch(/\/workspace\/comparison-[0-9a-f]{8}\.md$/);
    await input.fill((await input.inputValue()).replace(/md$/, ending));
    await input.press('Enter');
    const file = (): string | undefined =>
      readdirSync(editor.workspace).find((name) => name.startsWith('comparison-') && name.endsWith(ending));
    await expect.poll(file).toBeTruthy();
    return readFileSync(join(editor.workspace, file() ?? ''), 'utf8');
  }

  test('shows one worst case and makes no call before it is confirmed', async () => {
    const before = standIn.calls.length;
    await window.palette('TidyLLM: Compare Models…');
    await window.answer('Why is the sky blue?');
    await window.choose('JIRA-123 fix flaky login test');
    await selectModels(window, ['nova-lite']);
    await window.page.getByText('Compare Models: select 2 to 8, not 1').waitFor();
    await selectModels(window, three);
    const dialog = window.dialog();
    await dialog.getByText('Compare 3 models?').waitFor();
    const text = await dialog.innerText();
    expect(text).toMatch(/All answers together cost at most \$0\.0\d/);
    for (const model of three) expect(text).toMatch(new RegExp(`${model}: at most \\$0\\.\\d`));
    expect(text).toContain('Reason: JIRA-123 fix flaky login test');
    await window.screenshot('comparison-confirmation');
    await window.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(standIn.calls.length).toBe(before);
  });

  test('streams the answers side by side with their figures, in every theme and width', async () => {
    standIn.behave = ({ modelId }) =>
      modelId.includes('nova-pro')
        ? { delayMs: 600_000 }
        : modelId.includes('nova-lite')
          ? { refusal: 'denied' }
          : {};
    await compare('What does this stand-in say, and how does it look?');
    await view.getByText('2 of 3 ended').waitFor();
    await column('nova-pro').getByText('This answer comes from').waitFor();
    expect(await column('nova-pro').innerText()).toContain('Answering …');
    const sonnet = await column('claude-sonnet').innerText();
    expect(sonnet).toMatch(/Answered\s+#\d+/);
    expect(sonnet).toMatch(/Time\s+\d+ ms\s+First token\s+\d+ ms\s+Tokens\s+\d+ → 38\s+Cost\s+\$0\.0\d+/);
    expect(await column('nova-lite').innerText()).toMatch(/Failed/);
    const boxes = await Promise.all(three.map(async (model) => column(model).boundingBox()));
    expect(new Set(boxes.map((box) => box?.y)).size).toBe(1);
    for (const theme of ['dark', 'light', 'highContrast', 'highContrastLight'] as const) {
      await editor.changeTheme(window, theme);
      expect(await window.accessibilityFindings()).toEqual([]);
      await window.screenshot(`comparison-${theme}`);
    }
    await editor.changeTheme(window, 'dark');
    await window.page.setViewportSize({ width: 760, height: 900 });
    await expect
      .poll(
        async () =>
          new Set(await Promise.all(three.map(async (one) => (await column(one).boundingBox())?.x))).size,
      )
      .toBe(1);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('comparison-narrow');
    await window.page.setViewportSize({ width: 1400, height: 900 });
    await view.getByRole('button', { name: 'Cancel All' }).press('Enter');
    await ended();
  });

  test('stops one model while the others go on', async () => {
    standIn.behave = ({ modelId }) => (modelId.includes('nova-lite') ? { firstTokenDelayMs: 600_000 } : {});
    await compare('Stop one of them');
    await view.getByText('2 of 3 ended').waitFor();
    await view.getByRole('button', { name: 'Cancel nova-lite' }).press('Enter');
    await ended();
    expect(await column('nova-lite').innerText()).toContain('Cancelled');
    expect(await column('nova-pro').innerText()).toContain('Answered');
  });

  test('tells a screen reader when an answer ends, and not each piece of it', async () => {
    await compare('Say it aloud');
    await ended();
    const status = view.getByRole('status');
    expect(await status.innerText()).toMatch(/: Answered\..*3 of 3 ended/s);
    expect(await column('nova-pro').locator('[aria-live], [role=log], [role=status]').count()).toBe(0);
  });

  test('marks cached answers and leads to a record that names the comparison', async () => {
    await compare('Answer this twice');
    await ended();
    await compare('Answer this twice');
    // The view may still show the one before.
    await expect.poll(() => column('nova-pro').innerText()).toContain('cached $0');
    await ended();
    await column('nova-pro').getByTitle('Show Audit Record').click();
    await window.page.getByRole('tab', { name: 'Audit History' }).waitFor();
    const detail = window.editorFrame().getByRole('complementary');
    await detail.getByText('Comparison', { exact: true }).waitFor();
    await detail.getByText(/^[0-9a-f-]{36} \(3 models\)$/).waitFor();
  });

  test('ends its calls when its editor is closed', async () => {
    const { ledger } = new Spending(join(editor.home, 'ledger', 'live'), 'UTC');
    onTestFinished(() => ledger.dispose());
    standIn.behave = () => ({ firstTokenDelayMs: 600_000 });
    const before = standIn.calls.length;
    await compare('Nobody waits for this');
    await expect.poll(() => standIn.calls.length).toBe(before + 3);
    expect((await ledger.budget()).reserved).toBeGreaterThan(0n);
    await window.closeEditors();
    await expect.poll(async () => (await ledger.budget()).reserved).toBe(0n);
  });

  test('sends the selection of the active editor below the question', async () => {
    const { keyboard } = window.page;
    await keyboard.press('Control+P');
    await window.page.locator('.quick-input-widget:visible input.input').fill('login.ts');
    await window.quickPick('login.ts').first().waitFor();
    await keyboard.press('Enter');
    await window.textLine('export').first().click();
    await keyboard.press('Control+A');
    await window.palette('TidyLLM: Compare Models…');
    await window.page.getByText(/The selection \(\d+ characters\) is sent below the question/).waitFor();
    await window.answer('What does this do?');
    await window.choose('JIRA-123 fix flaky login test');
    await selectModels(window, three);
    await compareButton().click();
    await ended();
    const prompt = view.locator('.question p');
    expect(await prompt.textContent()).toMatch(/^What does this do\?\n\n.*export/s);
  });

  test('is refused as a whole if the day can’t pay for it, before it is confirmed', async () => {
    const settings = join(editor.home, 'settings.yaml');
    const before = standIn.calls.length;
    writeFileSync(settings, 'budget: { daily_limit_usd: "0.07" }\n');
    onTestFinished(async () => {
      rmSync(settings);
      await expect.poll(() => window.statusItem().innerText()).toContain('/ $1,000');
    });
    await expect.poll(() => window.statusItem().innerText()).toContain('/ $0.07');
    await window.palette('TidyLLM: Compare Models…');
    await window.answer('Too dear together');
    await window.choose('JIRA-123 fix flaky login test');
    await selectModels(window, three);
    const refused = window.notification('The comparison may cost $0.08');
    await refused.getByRole('button', { name: 'Raise Cap…' }).waitFor();
    expect(await window.dialog().count()).toBe(0);
    expect(standIn.calls.length).toBe(before);
  });

  test('shows the difference of two answers in the editor’s own diff', async () => {
    standIn.behave = ({ modelId }) => (modelId.includes('nova-lite') ? { delayMs: 600_000 } : {});
    await compare('Show me a difference');
    await column('nova-lite').getByText('This answer comes from').waitFor();
    await view.getByRole('button', { name: 'Cancel nova-lite' }).press('Enter');
    await ended();
    await view.getByLabel('Second answer').selectOption('nova-lite');
    await view.getByRole('button', { name: 'Show Difference' }).press('Enter');
    await window.page.getByRole('tab', { name: 'claude-sonnet ↔ nova-lite' }).waitFor();
    const sides = window.page.locator('.monaco-diff-editor .editor');
    await sides.nth(0).getByText('reports them').waitFor();
    await sides.nth(1).getByText('This answer comes from').waitFor();
    expect(await sides.nth(1).innerText()).not.toContain('typescript');
    await window.screenshot('comparison-difference');
  });

  test('is exported as Markdown and as CSV', async () => {
    await compare('=1+1 exported');
    await ended();
    const markdown = await saved('md');
    expect(markdown).toMatch(/^# Comparison of models\n/);
    expect(markdown).toContain('=1+1 exported');
    const lines = parse<Record<string, string>>(await saved('csv'), { columns: true });
    expect(lines.map(({ model, outcome }) => [model, outcome])).toEqual(
      three.map((model) => [model, 'success']),
    );
  });

  test('starts in the chat with its question and reason', async () => {
    const chat = await ChatView.open(window);
    await chat.reason.fill('JIRA-9 from the chat');
    await chat.question.fill('/compare Which of you is faster?');
    await chat.question.press('Enter');
    await selectModels(window, three);
    await window.dialog().getByText('Reason: JIRA-9 from the chat').waitFor();
    await window.page.keyboard.press('Escape');
    await window.dialog().waitFor({ state: 'detached' });
    await expect.poll(() => chat.question.inputValue()).toBe('/compare Which of you is faster?');
    await chat.question.press('Enter');
    await selectModels(window, three);
    await compareButton().click();
    await view.getByText('Which of you is faster?', { exact: true }).waitFor();
    await ended();
    expect(await chat.question.inputValue()).toBe('');
    expect(await chat.turns.count()).toBe(0);
  });
});
