import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ChatView } from './harness/chatView.ts';
import { Editor } from './harness/editor.ts';
import { appears, type EditorWindow } from './harness/editorWindow.ts';

/** High enough for every line of the health view. */
const viewport = { width: 1280, height: 3000 };

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A row of the Problems view, once it is shown. */
function problem(window: EditorWindow, message: string): Locator {
  return window.page.locator('.markers-panel .monaco-list-row').filter({ hasText: message });
}

describe('settings.yaml', () => {
  let editor: Editor;
  let window: EditorWindow;
  let file: string;

  beforeAll(async () => {
    editor = await Editor.start();
    file = join(editor.home, 'settings.yaml');
    write(file, 'budget:\n  daily_limit_usd: 5\n');
    window = await editor.open(editor.workspace, { viewport });
    await window.showContainer();
    await window.palette('Problems: Focus on Problems View');
  });

  beforeEach(async () => {
    await window.clear();
    await window.showContainer();
    write(file, 'budget:\n  daily_limit_usd: 5\n');
    await window.budgetLine('5').waitFor();
  });

  afterAll(() => editor.dispose());

  test('an edit with a fault keeps the last good settings and says so; the mended one counts at once', async () => {
    write(file, 'budget:\n  daily_limit: 7\n');
    const notice = window.notification('settings.yaml:2:3: unknown key "budget.daily_limit"');
    await notice.getByText('the previous settings stay in effect').waitFor();
    await problem(window, 'unknown key "budget.daily_limit"').getByText('[Ln 2, Col 3]').waitFor();
    await window.budgetLine('5').waitFor();
    const chat = await ChatView.open(window);
    await chat.ask('Are you there?');
    expect(await (await chat.ended()).innerText()).toContain('SIMULATED');
    await notice.getByRole('button', { name: 'Open Settings File' }).click();
    await window.page.getByRole('button', { name: 'Ln 2, Col 3' }).waitFor();
    write(file, 'budget:\n  daily_limit_usd: 7\n');
    await window.budgetLine('7').waitFor();
    await problem(window, 'unknown key').waitFor({ state: 'detached' });
  });

  test('what is typed is checked as it is typed, and a key that is nearly right has a quick fix', async () => {
    await window.palette('TidyLLM: Open Settings File');
    await window.page.getByRole('tab', { name: 'settings.yaml' }).waitFor();
    await window.page.keyboard.press('Control+End');
    await window.page.keyboard.insertText('audit:\n  min_reason_lenght: 4\n');
    await problem(window, 'did you mean "min_reason_length"').getByText('[Ln 4, Col 3]').click();
    await window.page.getByRole('button', { name: /^Ln 4, Col/ }).waitFor();
    const fix = window.page.getByText('Change to "min_reason_length"');
    // A check that runs just then leaves nothing to mend for a moment, and the menu says so.
    do await window.palette('Quick Fix...');
    while (!(await appears(fix)));
    await fix.click();
    await problem(window, 'did you mean').waitFor({ state: 'detached' });
    await window.page.keyboard.press('Control+s');
    await expect.poll(() => readFileSync(file, 'utf8')).toContain('min_reason_length: 4');
  });

  test('every value in effect is shown with where it comes from, but no secret', async () => {
    write(file, 'budget:\n  daily_limit_usd: 8\npostgres:\n  db_password: hush\n');
    await window.palette('TidyLLM: Show Settings with Origins');
    await window.page.getByRole('tab', { name: 'Settings in effect.yaml' }).waitFor();
    await window.textLine(`budget.daily_limit_usd: "8" # file: budget.daily_limit_usd in ${file}`).waitFor();
    await window.textLine('budget.timezone: "UTC" # default').waitFor();
    await window.textLine('postgres.db_password is in plain text').waitFor();
    // The editor draws only what is in sight.
    await window.page.keyboard.press('Control+End');
    await window.textLine('postgres.db_password: "(set, not shown)"').waitFor();
  });

  test('a file that is gone leaves no faults behind', async () => {
    write(file, 'nonsense: true\n');
    await problem(window, 'unknown key "nonsense"').waitFor();
    rmSync(file);
    await problem(window, 'unknown key').waitFor({ state: 'detached' });
    await window.budgetLine('1,000').waitFor();
  });

  test('a new file begins with every key in a comment', async () => {
    rmSync(file);
    await window.budgetLine('1,000').waitFor();
    await window.palette('TidyLLM: Open Settings File');
    await window.textLine('daily_limit_usd: "1000"').waitFor();
    expect(existsSync(file)).toBe(true);
  });

  test('of a workspace tightens, and is warned about where it would loosen', async () => {
    const file = join(editor.workspace, '.tidyllm', 'settings.yaml');
    onTestFinished(() => rmSync(dirname(file), { recursive: true, force: true }));
    write(file, 'budget:\n  daily_limit_usd: 3\n');
    await window.budgetLine('3').waitFor();
    write(file, 'budget:\n  daily_limit_usd: 900\n');
    await window.budgetLine('5').waitFor();
    await problem(window, 'would loosen').getByText('[Ln 2, Col 3]').waitFor();
    write(file, 's3:\n  bucket: elsewhere\n');
    await problem(window, "can't be set by a workspace").getByText('[Ln 2, Col 3]').waitFor();
    await window.notification("s3.bucket can't be set by a workspace").waitFor();
    rmSync(dirname(file), { recursive: true });
    await problem(window, "can't be set").waitFor({ state: 'detached' });
    await window.budgetLine('5').waitFor();
    await window.palette('TidyLLM: Open Workspace Settings File');
    await window.page.getByRole('tab', { name: 'settings.yaml' }).waitFor();
    expect(readFileSync(file, 'utf8')).toContain('# Settings of TidyLLM Gateway');
  });

  test('with a fault at the start shows it everywhere, and nothing is called until it is mended', async () => {
    write(file, 'budget:\n  daily_limit: 5\n');
    await window.reload();
    await window.showContainer();
    await window.showChat();
    const chat = window.chatFrame();
    await window.treeItem('Health', /^settings\.yaml, .*settings\.yaml:2:3: unknown key/).waitFor();
    await expect.poll(() => window.statusItem().innerText()).toContain('TidyLLM blocked');
    await chat.locator('header').getByText('unknown key "budget.daily_limit"').waitFor();
    await chat.locator('header').getByRole('button', { name: 'Open Settings File' }).click();
    await window.page.getByRole('button', { name: 'Ln 2, Col 3' }).waitFor();
    write(file, 'budget:\n  daily_limit_usd: 5\n');
    await window.budgetLine('5').waitFor();
    await expect.poll(() => window.statusItem().innerText()).toContain('simulated $0');
  });
});
