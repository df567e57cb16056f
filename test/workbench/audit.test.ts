import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { tidyllmJson } from '../support/commandLine.ts';
import { installedKeys } from '../support/ledgers.ts';
import { Spending } from '../support/spending.ts';
import { writeSyntheticLedger } from '../support/syntheticLedger.ts';
import { naiveHistory, type NaiveHistory } from '../unit/history/naiveHistory.ts';
import { AuditView } from './harness/auditView.ts';
import { ChatView } from './harness/chatView.ts';
import { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';

const yesterday = new Date(Date.now() - 86_400_000);

/** An editor whose ledger of simulated calls has a history. */
async function startWithCalls(): Promise<{ editor: Editor; directory: string }> {
  const editor = await Editor.start({ env: { TIDYLLM_USER: 'ada' } });
  const directory = join(editor.home, 'ledger', 'simulated');
  await writeSyntheticLedger({
    directory,
    mode: 'simulated',
    signer: await installedKeys(directory).load(),
    records: 9000,
    days: 30,
    reasons: 400,
    end: yesterday,
  });
  return { editor, directory };
}

/** Runs a command in the terminal, on the same ledger. */
async function fromTerminal(editor: Editor, args: readonly string[]): Promise<void> {
  const environment = {
    TIDYLLM_HOME: editor.home,
    AWS_EC2_METADATA_DISABLED: 'true',
    TIDYLLM_USER: 'terminal',
  };
  expect(await tidyllmJson(['--backend', 'mock', ...args], { environment })).toMatchObject({ code: 0 });
}

function journal(directory: string): string {
  const first = readdirSync(directory).find((name) => name.endsWith('.journal'));
  return join(directory, first ?? '');
}

describe('the audit history', () => {
  let editor: Editor;
  let directory: string;
  let window: EditorWindow;
  let audit: AuditView;
  let naive: NaiveHistory;

  const expectRows = (sequences: readonly number[]): Promise<void> =>
    expect.poll(() => audit.sequences()).toEqual(sequences);
  const seen = async (): Promise<number> => (await audit.sequences()).length;

  beforeAll(async () => {
    ({ editor, directory } = await startWithCalls());
    window = await editor.open();
    audit = await AuditView.open(window);
  });

  beforeEach(async () => {
    await window.page.setViewportSize({ width: 1280, height: 800 });
    await audit.reset(window);
    naive = naiveHistory(directory);
    await expect.poll(() => audit.total()).toBe(naive.calls.length);
  });

  afterAll(() => editor.dispose());

  test('shows the calls, newest first, with how many there are of each outcome', async () => {
    expect(await audit.total()).toBe(naive.calls.length);
    await expectRows(naive.calls.slice(0, await seen()).map(({ sequence }) => sequence));
    expect(await audit.grid.getAttribute('aria-rowcount')).toBe(String(naive.calls.length + 1));
    const { outcomes } = naive.search({});
    for (const outcome of ['success', 'refused', 'failed'])
      await audit.button(`${outcome} ${(outcomes[outcome] ?? 0).toLocaleString('en')}`).waitFor();
  });

  test('has only the rows that are seen in the page, from end to end', async () => {
    for (const share of [0.25, 0.5, 1, 0]) {
      await audit.scrollTo(share);
      const count = await seen();
      expect(count).toBeLessThan(60);
      const row = Number(await audit.rows.first().getAttribute('aria-rowindex')) - 2;
      await expectRows(naive.calls.slice(row, row + count).map(({ sequence }) => sequence));
      if (share === 1) expect((await audit.sequences()).at(-1)).toBe(naive.calls.at(-1)!.sequence);
    }
  });

  test('finds what the filters ask for, and says so when that is nothing', async () => {
    const some = naive.calls[700]!;
    await audit.button(/^refused/).click();
    const refused = naive.search({ outcomes: ['refused'] }).matching;
    await expect.poll(() => audit.total()).toBe(refused.length);
    await expectRows(refused.slice(0, await seen()).map(({ sequence }) => sequence));
    await audit.button('Clear Filters').click();
    await audit.frame.getByLabel('Model').selectOption(some.modelId);
    await audit.frame.getByLabel('User').selectOption(some.userId);
    await audit.frame.getByLabel('Workspace').selectOption(some.workspace);
    const { matching } = naive.search({
      model: some.modelId!,
      userId: some.userId,
      workspace: some.workspace!,
    });
    await expect.poll(() => audit.total()).toBe(matching.length);
    await audit.frame.getByLabel('Branch').selectOption(some.branch);
    await audit.frame.getByLabel('From').fill(some.day);
    await audit.frame.getByLabel('Until').fill(some.day);
    const text = some.reason.slice(5).toUpperCase();
    await audit.frame.getByRole('searchbox', { name: 'Reason' }).fill(text);
    const one = naive.search({
      ...{ model: some.modelId!, userId: some.userId, workspace: some.workspace!, branch: some.branch! },
      ...{ fromDay: some.day, untilDay: some.day, text },
    }).matching;
    await expectRows(one.map(({ sequence }) => sequence));
    await audit.frame.getByRole('searchbox', { name: 'Reason' }).fill('nothing like it');
    await audit.frame.getByText('No call matches the filters.').waitFor();
    await audit.button('Clear Filters').click();
    await expect.poll(() => audit.total()).toBe(naive.calls.length);
  });

  test('is walked through with the keyboard', async () => {
    await audit.grid.focus();
    const selected = async (): Promise<number> => {
      const id = await audit.grid.getAttribute('aria-activedescendant');
      return Number(await audit.frame.locator(`#${id ?? 'none'} .sequence`).innerText());
    };
    const at = (row: number): number => naive.calls[row]!.sequence;
    const { keyboard } = window.page;
    await keyboard.press('ArrowDown');
    await expect.poll(selected).toBe(at(0));
    await keyboard.press('ArrowDown');
    await expect.poll(selected).toBe(at(1));
    await keyboard.press('End');
    await expect.poll(selected).toBe(at(naive.calls.length - 1));
    await keyboard.press('PageUp');
    await expect.poll(selected).toBeGreaterThan(at(naive.calls.length - 1));
    await keyboard.press('Home');
    await expect.poll(selected).toBe(at(0));
    await audit.detail.getByText(`Call #${at(0)}`).waitFor();
    await keyboard.press('Escape');
    await audit.detail.waitFor({ state: 'detached' });
    expect(await audit.grid.evaluate((element) => element === document.activeElement)).toBe(true);
  });

  test('shows of a call what, why, who and where, its price by class, and its place in the chain', async () => {
    const row = naive.calls.findIndex(
      ({ outcome, tokens }) => outcome === 'success' && tokens!.cache_read_input_tokens > 0,
    );
    const call = naive.calls[row]!;
    await audit.rows.nth(row).click();
    const text = () => audit.detail.innerText();
    await expect.poll(text).toContain(`Call #${call.sequence}`);
    for (const part of [call.reason, call.userId, call.modelId!, call.workspace!, call.branch!, call.callId])
      expect(await text()).toContain(part);
    const cells = await audit.detail.getByRole('row', { name: /^Cache read/ }).innerText();
    expect(cells).toContain('$0.3');
    expect(await text()).toContain('Each hash matches its record and the previous record.');
    expect(await text()).toContain(call.hash);
    for (const { segment, line } of call.records) expect(await text()).toContain(`${segment}:${line}`);
    await audit.detail.getByText(`RESERVE #${call.records[0]!.sequence}`).click();
    await audit.detail.getByText('input_tokens_bound').waitFor();
    await audit.detail.getByRole('button', { name: 'Copy Records as JSON' }).click();
    await expect.poll(() => window.page.evaluate(() => navigator.clipboard.readText())).toContain(call.hash);
  });

  test('has no accessibility fault', async () => {
    await audit.rows.first().click();
    await audit.detail.getByText('Place in the chain').waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
  });

  test('takes in calls of the terminal at its top, and says so where they are not seen', async () => {
    await fromTerminal(editor, ['chat', '--reason', 'JIRA-77 from the terminal', 'hello']);
    await expect.poll(() => audit.total()).toBe(naive.calls.length + 1);
    await expect.poll(() => audit.rows.first().innerText()).toContain('JIRA-77 from the terminal');
    await audit.scrollTo(0.5);
    const row = audit.rows.nth(3);
    await expect.poll(async () => Number(await row.getAttribute('aria-rowindex'))).toBeGreaterThan(1000);
    await expect.poll(() => row.locator('.sequence').innerText()).not.toBe('');
    const before = await row.innerText();
    await fromTerminal(editor, ['chat', '--reason', 'JIRA-78 another one', 'hello']);
    await audit.button('1 new').waitFor();
    expect(await row.innerText()).toBe(before);
    await audit.button('1 new').click();
    await expect.poll(() => audit.rows.first().innerText()).toContain('JIRA-78 another one');
    expect(await audit.button('1 new').count()).toBe(0);
  });

  test('is as it was after it was hidden', async () => {
    const call = naive.search({ text: naive.calls[700]!.reason }).matching[0]!;
    await audit.frame.getByRole('searchbox', { name: 'Reason' }).fill(naive.calls[700]!.reason);
    await expect.poll(async () => (await audit.sequences())[0]).toBe(call.sequence);
    await audit.rows.first().click();
    const detail = audit.frame.getByRole('complementary', { name: `Call #${call.sequence}` });
    await detail.waitFor();
    await window.palette('TidyLLM: Open Budget');
    await audit.frame.getByRole('heading', { name: 'Budget', exact: true }).waitFor();
    await window.page.getByRole('tab', { name: 'Audit History' }).click();
    await detail.waitFor();
    expect(await audit.frame.getByRole('searchbox', { name: 'Reason' }).inputValue()).toBe(
      naive.calls[700]!.reason,
    );
  });

  test('is there once, although it was hidden when the window was loaded again', async () => {
    const tabs = window.page.getByRole('tab', { name: 'Audit History' });
    await window.palette('TidyLLM: Open Budget');
    await audit.frame.getByRole('heading', { name: 'Budget', exact: true }).waitFor();
    // The editor's own way, which keeps what is in front.
    await Promise.all([window.page.waitForEvent('load'), window.palette('Developer: Reload Window')]);
    await window.statusItem().waitFor();
    await audit.frame.getByRole('heading', { name: 'Budget', exact: true }).waitFor();
    await window.palette('TidyLLM: Open Audit History');
    await audit.rows.first().waitFor();
    await tabs.first().click();
    await audit.rows.first().waitFor();
    await expect.poll(() => tabs.count()).toBe(1);
  });

  test('says that live calls are another ledger, and shows them as they come', async () => {
    const live = new Spending(join(editor.home, 'ledger', 'live'), 'UTC');
    onTestFinished(() => live.ledger.dispose());
    await live.settle(await live.reserve({ cost: 1 }), 1);
    await window.palette('View: Close All Editors');
    await AuditView.open(window);
    const chain = audit.frame.getByText(/Not verified|records intact/);
    const simulated = await chain.innerText();
    await audit.button('Show Live Calls').click();
    await expect.poll(() => audit.total()).toBe(1);
    expect(await audit.frame.getByText('SIMULATED', { exact: true }).count()).toBe(0);
    await live.settle(await live.reserve({ cost: 2 }), 2);
    await expect.poll(() => audit.total()).toBe(2);
    await audit.button('Verify').click();
    await audit.frame.getByText(/\d records intact, verified at/).waitFor();
    await audit.button('Show Simulated Calls').click();
    await expect.poll(() => audit.total()).toBeGreaterThan(1000);
    await audit.frame.getByText('SIMULATED', { exact: true }).waitFor();
    await expect.poll(() => chain.innerText()).toBe(simulated);
  });

  test('exports what the filters choose', async () => {
    await audit.button(/^failed/).click();
    const { matching } = naive.search({ outcomes: ['failed'] });
    await expect.poll(() => audit.total()).toBe(matching.length);
    await audit.button('Export CSV…').click();
    const name = window.page.locator('.quick-input-widget:visible input.input');
    await expect.poll(() => name.inputValue()).toMatch(/tidyllm-calls-.*\.csv$/);
    const target = await name.inputValue();
    await window.page.locator('.quick-input-widget:visible').getByRole('button', { name: 'OK' }).click();
    await window.notification(`${matching.length} calls exported`).waitFor();
    const lines = readFileSync(target, 'utf8').trimEnd().split('\r\n');
    expect(lines.slice(1).map((line) => Number(line.split(',')[1]))).toEqual(
      matching.map(({ sequence }) => sequence),
    );
  });

  test('opens with the call whose number is chosen in the chat', async () => {
    const chat = await ChatView.open(window);
    await chat.ask('Show me my record');
    const footer = (await chat.ended()).locator('.record');
    const number = /#(\d+)/.exec(await footer.innerText())![1];
    await footer.click();
    await audit.frame.getByRole('complementary', { name: `Call #${number}` }).waitFor();
    await audit.detail.getByText('JIRA-123 test the chat').first().waitFor();
    await audit.detail.getByText('They were not kept.').waitFor();
  });

  test('is as it was after the window is loaded again', async () => {
    await window.reload();
    await audit.frame.locator('.window .row .time').first().waitFor();
    expect(await audit.total()).toBe(naive.calls.length);
  });

  describe('what policy keeps of a call', () => {
    let chat: ChatView;
    const settings = (): string => join(editor.home, 'settings.yaml');

    beforeAll(async () => {
      chat = await ChatView.open(window);
      writeFileSync(settings(), 'audit: { content: full }\nbudget: { daily_limit_usd: 500 }\n');
      await chat.button(/^\$(4\d\d(\.\d+)?|500) left/).waitFor();
    });

    afterAll(() => {
      rmSync(settings());
    });

    /** Makes a call in a conversation of its own and shows its record. */
    async function record(question: string): Promise<void> {
      await chat.startOver();
      await chat.ask(question);
      await (await chat.ended()).locator('.record').click();
    }

    test('is shown with its record, and can be erased for good', async () => {
      await record('Where does the answer lie?');
      await audit.detail.getByText('Kept in full, as recorded.').waitFor();
      await audit.detail.getByText('Where does the answer lie?').waitFor();
      await audit.button(/^Erase Kept Content of/).click();
      await window.answer('x');
      await window.page.locator('.quick-input-widget:visible').getByText('At least 3 characters.').waitFor();
      await window.answer('JIRA-9 request for erasure');
      await window.dialog().getByRole('button', { name: 'Erase' }).click();
      await audit.detail.getByText(/^They were erased at/).waitFor();
      expect(await audit.detail.innerText()).not.toContain('Where does the answer lie?');
      await audit.button('Verify').click();
      await audit.frame.getByText(/records intact/).waitFor();
    });

    test('is not shown any longer once it was erased elsewhere', async () => {
      await record('Is it erased in the terminal?');
      await audit.detail.getByText('Is it erased in the terminal?').waitFor();
      await fromTerminal(editor, ['audit', 'erase', '--subject', 'ada', '--reason', 'JIRA-9', '--yes']);
      await audit.detail.getByText(/^They were erased at/).waitFor();
      expect(await audit.detail.innerText()).not.toContain('Is it erased in the terminal?');
    });
  });

  test.each(['dark', 'light', 'highContrast', 'highContrastLight'] as const)(
    'looks right in %s',
    async (theme) => {
      await window.hideChat();
      await window.page.setViewportSize({ width: 1440, height: 900 });
      await editor.changeTheme(window, theme);
      await audit.rows.nth(4).click();
      await audit.detail.getByText('Place in the chain').waitFor();
      await window.screenshot(`audit-${theme}`);
      expect(await window.accessibilityFindings()).toEqual([]);
      const toggleSideBar = (): Promise<void> => window.palette('View: Toggle Primary Side Bar Visibility');
      await toggleSideBar();
      onTestFinished(toggleSideBar);
      await window.page.setViewportSize({ width: 480, height: 860 });
      await expect.poll(() => audit.frame.locator('.cell.model').first().isVisible()).toBe(false);
      await audit.rows.nth(2).waitFor();
      await window.screenshot(`audit-${theme}-narrow`);
      const overflowing = await audit.frame
        .locator('main')
        .evaluate((element) => element.scrollWidth > element.clientWidth);
      expect(overflowing).toBe(false);
    },
  );

  test('verifies the chain with its progress, and says where it is broken', async () => {
    await audit.button('Verify').click();
    await audit.frame.getByText(/\d records intact, verified at/).waitFor();
    const path = journal(directory);
    const whole = readFileSync(path, 'utf8');
    writeFileSync(path, whole.replace('"user_id":"grace"', '"user_id":"mallo"'));
    await audit.button('Verify Again').click();
    await audit.frame.getByText(/Broken at 00000001\.journal:\d+, record #\d+: the hash/).waitFor();
    await audit.button('Open Record').click();
    const tab = window.page.getByRole('tab', { name: '00000001.journal' });
    await tab.waitFor();
    // A key pressed by mistake must not break the chain.
    await window.page.locator('.editor-instance .monaco-editor.focused').waitFor();
    await window.page.keyboard.press('x');
    await window.page.getByText('Editor is read-only').first().waitFor();
    writeFileSync(path, whole);
    await fromTerminal(editor, ['audit', 'reopen', '--reason', 'JIRA-9 it is whole again']);
    await audit.reset(window);
    await audit.button('Verify').click();
    await audit.frame.getByText(/\d records intact, verified at/).waitFor();
  });
});
