import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { recordsOf } from '../support/records.ts';
import { naiveHistory } from '../unit/history/naiveHistory.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

const agreements = `agreements:
  - trigger: "[Greeting]"
    flow_encoding: "@chat#greet!ask@model"
    expanded_meaning: Ask the model for a greeting.
    action: greeting
    real_implementation: prompt
    cost_limit_usd: "0.50"
    parameters:
      name: { type: text, description: Whom to greet }
    prompt: { template: "Say hello to {{name}}.", max_tokens: 50 }
  - trigger: "[Farewell]"
    flow_encoding: "@chat#leave!ask@model"
    expanded_meaning: Ask the model for a farewell.
    action: farewell
    real_implementation: prompt
    prompt: { template: "Say goodbye.", max_tokens: 50 }
  - trigger: "[Make a File]"
    flow_encoding: "@files#make!write@workspace"
    expanded_meaning: Write a file into the folder.
    action: make_a_file
    real_implementation: shell
    shell: { command: echo made > made.txt && echo written }
`;

describe('FLOW', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    mkdirSync(join(editor.workspace, '.tidyllm'), { recursive: true });
    writeFileSync(join(editor.workspace, '.tidyllm', 'flow.yaml'), agreements);
    window = await editor.open(editor.workspace, { viewport: { width: 1400, height: 1000 } });
    await window.showContainer();
  });

  beforeEach(async () => {
    await window.page.setViewportSize({ width: 1400, height: 1000 });
    await window.clear();
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  const ledger = (): { journal: { directory: string } } => ({
    journal: { directory: join(editor.home, 'ledger', 'live') },
  });

  test('lists the agreements with their last result', async () => {
    // Agreements that no other test runs.
    await window.treeItem('FLOW', /^\[Security Test\], not run yet/).waitFor();
    await window.treeItem('FLOW', /^\[Farewell\], not run yet/).waitFor();
  });

  test('runs a default by its own command and shows its report', async () => {
    const before = standIn.calls.length;
    await window.palette('TidyLLM: Run [Performance Test]');
    await window.dialog().getByRole('button', { name: 'Run', exact: true }).click();
    const view = window.editorFrame();
    await view.getByRole('heading', { name: 'Performance Test', level: 1 }).waitFor();
    await view.getByText('20 of 20 calls answered').waitFor();
    await view.getByRole('heading', { name: 'Latency by stage' }).waitFor();
    expect(standIn.calls.length).toBe(before + 20);
    // A busy machine is slow enough for a warning.
    await window.treeItem('FLOW', /^\[Performance Test\], .* · just now/).waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('flow-view');
    expect((await recordsOf(ledger(), 'flow_end')).at(-1)).toMatchObject({
      execution_mode: 'real',
      outcome: 'success',
      calls: 20,
    });
  });

  test('finds an agreement by its trigger, as written or nearly so', async () => {
    const chat = await ChatView.open(window);
    await chat.ask('Make a call to analyse');
    await chat.ended();
    const { calls } = naiveHistory(ledger().journal.directory);
    await window.palette('TidyLLM: Run FLOW…');
    const input = window.page.locator('.quick-input-widget:visible input.input');
    await input.fill('[Cost Analysis]');
    await window.quickPick('[Cost Analysis]').first().waitFor();
    await input.fill('cost anlysis days=3');
    await window.quickPick('matches your text').first().click();
    await window.quickPick('days').filter({ hasText: '3' }).waitFor();
    await window.quickPick('Run [Cost Analysis]').click();
    const view = window.editorFrame();
    await view.getByRole('heading', { name: 'Cost Analysis', level: 1 }).waitFor();
    await view.getByText(new RegExp(` in ${calls.length} calls? since `)).waitFor();
    const [start] = (await recordsOf(ledger(), 'flow_start')).slice(-1);
    expect(start).toMatchObject({ agreement: 'cost_analysis', command: 'palette' });
    expect(start?.confidence).toBeGreaterThan(0.8);
    expect(start?.confidence).toBeLessThan(1);
  });

  test('asks for a parameter that has to be given, and shows the answer of a prompt', async () => {
    await window.palette('TidyLLM: Run FLOW…');
    await window.quickPick('[Greeting]').click();
    await window.page.locator('.quick-input-title').getByText('[Greeting] · name').waitFor();
    await window.answer('Ada');
    await window.quickPick('Run [Greeting]').click();
    const view = window.editorFrame();
    await view.getByRole('heading', { name: 'Answer' }).waitFor();
    expect(JSON.stringify(standIn.calls.at(-1)?.body.messages)).toContain('Say hello to Ada.');
  });

  test('runs a command line only when it was approved', async () => {
    const made = join(editor.workspace, 'made.txt');
    await window.palette('TidyLLM: Run FLOW…');
    await window.quickPick('[Make a File]').click();
    await window.dialog().getByText('> echo made > made.txt').waitFor();
    await window.dialog().getByRole('button', { name: 'Cancel' }).click();
    await window.notification('was not approved').waitFor();
    expect(existsSync(made)).toBe(false);
    expect((await recordsOf(ledger(), 'flow_start')).at(-1)).toMatchObject({ approved: false });
    expect((await recordsOf(ledger(), 'flow_end')).at(-1)).toMatchObject({ outcome: 'refused' });
    await window.palette('TidyLLM: Run FLOW…');
    await window.quickPick('[Make a File]').first().click();
    await window.dialog().getByRole('button', { name: 'Run Command' }).click();
    await window.editorFrame().getByText('written').waitFor();
    expect(readFileSync(made, 'utf8')).toBe('made\n');
  });

  test('runs a trigger that is sent in the chat, and shows the report in the conversation', async () => {
    const chat = await ChatView.open(window);
    const calls = standIn.calls.length;
    await chat.question.fill('[Error Analysis] days=2');
    await chat.question.press('Enter');
    const turn = await chat.ended();
    await turn.getByText('None of').waitFor();
    expect(standIn.calls.length).toBe(calls);
    await turn.getByRole('button', { name: 'Open Report' }).click();
    await window.editorFrame().getByRole('heading', { name: 'Error Analysis', level: 1 }).waitFor();
    await turn.getByRole('button', { name: /^recorded #\d+/ }).click();
    await window.page.getByRole('tab', { name: 'Audit History' }).waitFor();
  });

  test('marks what is wrong in a file of agreements, and runs one from above it', async () => {
    await window.palette('TidyLLM: Open FLOW Agreements');
    const lens = window.page.locator('.codelens-decoration a').filter({ hasText: 'Run [Greeting]' });
    await lens.waitFor();
    writeFileSync(
      join(editor.workspace, '.tidyllm', 'flow.yaml'),
      agreements.replace('@chat#greet!ask@model', '@chat#greet@model'),
    );
    await window.page.locator('.squiggly-error').first().waitFor();
    await window.treeItem('FLOW', /^1 problem in flow.yaml/).waitFor();
    writeFileSync(join(editor.workspace, '.tidyllm', 'flow.yaml'), agreements);
    await window.page.locator('.squiggly-error').first().waitFor({ state: 'detached' });
    await lens.click();
    await window.page.locator('.quick-input-title').getByText('[Greeting] · name').waitFor();
    await window.answer('Grace');
    await window.quickPick('Run [Greeting]').click();
    await window.editorFrame().getByRole('heading', { name: 'Answer' }).waitFor();
  });

  test('stops a run, charges what it used and holds nothing afterwards', async () => {
    await window.palette('TidyLLM: Run FLOW…');
    await window.quickPick('[Performance Test]').first().click();
    await window.quickPick('Calls to make').click();
    await window.page.locator('.quick-input-title').getByText('· calls').waitFor();
    await window.answer('200');
    await window.quickPick('Run [Performance Test]').click();
    const notification = window.notification('[Performance Test]');
    await notification.getByText(/Call \d+ of 200/).waitFor();
    await notification.getByRole('button', { name: 'Cancel' }).click();
    await window.notification('was stopped; it cost').waitFor();
    expect((await recordsOf(ledger(), 'flow_end')).at(-1)).toMatchObject({ outcome: 'cancelled' });
    await window.treeItem('FLOW', /^\[Performance Test\], stopped/).waitFor();
  });

  test.each([
    ['dark', 'dark', 1400, 1300],
    ['narrow', 'dark', 640, 1000],
    ['light', 'light', 1400, 1300],
    ['high-contrast', 'highContrast', 1400, 1300],
    ['high-contrast-light', 'highContrastLight', 1400, 1300],
  ] as const)('looks right: %s', async (name, theme, width, height) => {
    await window.page.setViewportSize({ width, height });
    await editor.changeTheme(window, theme);
    await window.palette('TidyLLM: Run [Cost Analysis]');
    const frame = window.editorFrame();
    await frame.getByRole('heading', { name: 'Cost Analysis', level: 1 }).waitFor();
    await frame.getByRole('heading', { name: 'By day' }).scrollIntoViewIfNeeded();
    await frame.locator('svg').first().waitFor();
    await frame.locator('body').evaluate(() => document.fonts.ready);
    expect(await frame.locator('body').evaluate((body) => body.scrollWidth <= body.clientWidth)).toBe(true);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot(`flow-${name}-end`);
    await frame.getByRole('heading', { name: 'Cost Analysis', level: 1 }).scrollIntoViewIfNeeded();
    await window.screenshot(`flow-${name}`);
  });
});
