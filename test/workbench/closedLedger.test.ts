import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { segmentNames } from '../../src/ledger/journal.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { recordsOf } from '../support/records.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { environmentOf, startOnStandIn } from './harness/standIn.ts';

describe('a ledger that is found damaged under an open window', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let chat: ChatView;
  let directory: string;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    directory = join(editor.home, 'ledger', 'live');
    window = await editor.open(editor.workspace, { viewport: { width: 1400, height: 2000 } });
    chat = await ChatView.open(window);
    await chat.ask('Hello');
    await chat.ended();
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  beforeEach(async () => {
    await window.clear();
    await window.page.setViewportSize({ width: 1400, height: 2000 });
  });

  const journalPath = (): string => join(directory, segmentNames(directory).at(-1) ?? '');
  const journal = (): Buffer => readFileSync(journalPath());
  const broken = 'The audit trail is broken at 00000001.journal:';

  /** Changes one letter of a reason, which the window finds. Returns what was before. */
  async function damage(): Promise<Buffer> {
    const before = journal();
    const changed = Buffer.from(before);
    changed[changed.indexOf('JIRA-123')] = 'K'.charCodeAt(0);
    writeFileSync(journalPath(), changed);
    await window.palette('TidyLLM: Verify Audit Trail');
    await window.notification(broken).waitFor();
    return before;
  }

  /** Puts a journal back, and opens its ledger from the terminal. */
  async function restore(before: Buffer): Promise<void> {
    writeFileSync(journalPath(), before);
    const environment = { TIDYLLM_HOME: editor.home, ...environmentOf(standIn) };
    const reopen = ['audit', 'reopen', '--reason', 'JIRA-9 it is whole again'];
    expect(await tidyllmJson(reopen, { environment })).toMatchObject({ code: 0 });
    await window.statusItem().filter({ hasText: '/ $1,000' }).waitFor();
  }

  async function asked(question: string): Promise<Locator> {
    await chat.ask(question);
    return chat.ended();
  }

  async function reopen(decision: string): Promise<void> {
    const dialog = window.dialog();
    await dialog.getByText('The ledger refuses calls until you decide.').waitFor();
    await dialog.getByRole('button', { name: decision }).click();
    await window.answer('JIRA-9 looked into it');
  }

  test.each(['Performance Test', 'Integration Test', 'Scalability Test'])(
    'before it: [%s] asks with the most it can cost, and runs nothing when nobody says so',
    async (name) => {
      const [before, calls] = [journal(), standIn.calls.length];
      await window.palette(`TidyLLM: Run [${name}]`);
      await window.dialog().getByText(`Run [${name}]?`).waitFor();
      await window
        .dialog()
        .getByText(/^It makes real calls that cost at most \$\d/)
        .waitFor();
      if (name === 'Performance Test') await window.screenshot('closed-cost-modal');
      await window.dialog().getByRole('button', { name: 'Cancel' }).click();
      await window.dialog().waitFor({ state: 'detached' });
      expect(standIn.calls).toHaveLength(calls);
      expect(journal()).toEqual(before);
    },
  );

  test('is said with its place, everywhere, and every door refuses with the same', async () => {
    const calls = standIn.calls.length;
    await window.palette('TidyLLM: Open Health Dashboard');
    await window.editorFrame().getByRole('status').waitFor();
    const whole = await damage();
    onTestFinished(() => restore(whole));
    const changed = journal();
    await expect.poll(() => window.statusItem().innerText()).toContain('TidyLLM blocked');
    await window.treeItem('Health', /^Journal, .*is damaged at 00000001\.journal:/).waitFor();
    await window.treeItem('Health', /^corporate_llm, failed/).waitFor();
    await window.treeItem('Health', /^DEGRADED/).waitFor();
    const dashboard = window.editorFrame();
    await dashboard
      .getByText(/is damaged at 00000001\.journal:/)
      .first()
      .waitFor();
    const turn = await asked('Does it still answer?');
    expect(await turn.innerText()).toMatch(/is damaged at 00000001\.journal:\d+: the hash does not fit/);
    await turn.getByRole('button', { name: 'Reopen Ledger…' }).waitFor();
    await window.screenshot('closed-dark');
    await window.palette('TidyLLM: Open Budget');
    await window.editorFrame().getByText('The budget can’t be shown').waitFor();
    await window
      .editorFrame()
      .getByText(/is damaged at 00000001\.journal:/)
      .waitFor();
    await window.screenshot('closed-budget');
    await window.palette('TidyLLM: Open Audit History');
    await window.editorFrame().getByText('Broken at 00000001.journal:').waitFor();
    await window.palette('Notifications: Clear All Notifications');
    await window.palette('TidyLLM: Run [Cost Analysis]');
    await window.notification(/is damaged at 00000001\.journal:/).waitFor();
    await window.screenshot('closed-flow');
    expect(standIn.calls).toHaveLength(calls);
    expect(journal()).toEqual(changed);
  });

  describe('and stays so', () => {
    let whole: Buffer;

    beforeAll(async () => {
      await window.clear();
      whole = await damage();
    });

    afterAll(() => restore(whole));

    test.each(['dark', 'light', 'highContrast'] as const)(
      'can be read in the theme %s, wide and narrow',
      async (theme) => {
        await window.page.setViewportSize({ width: 1400, height: 1000 });
        await editor.changeTheme(window, theme);
        for (const [command, said] of [
          ['TidyLLM: Open Health Dashboard', 'DEGRADED'],
          ['TidyLLM: Open Budget', 'The budget can’t be shown'],
        ] as const) {
          await window.palette(command);
          const view = window.editorFrame();
          await view.getByText(said, { exact: true }).waitFor();
          for (const width of [1400, 700]) {
            await window.page.setViewportSize({ width, height: 1000 });
            await window.screenshot(
              `closed-${said.split(' ').length > 1 ? 'budget' : 'dashboard'}-${theme}-${width}`,
            );
            const fits = await view.locator('body').evaluate((body) => body.scrollWidth <= body.clientWidth);
            expect([command, width, fits]).toEqual([command, width, true]);
          }
        }
        expect(await window.accessibilityFindings()).toEqual([]);
        await window.palette('TidyLLM: Reopen Ledger…');
        await window.dialog().getByText('The ledger refuses calls until you decide.').waitFor();
        await window.screenshot(`closed-modal-${theme}`);
        await window.page.keyboard.press('Escape');
        await window.dialog().waitFor({ state: 'detached' });
      },
    );
  });

  test('goes on, once it is whole, when a person says so and why', async () => {
    const reopenings = (await recordsOf({ journal: { directory } }, 'reopening')).length;
    const whole = await damage();
    await window.palette('TidyLLM: Open Budget');
    await window.editorFrame().getByText('The budget can’t be shown').waitFor();
    writeFileSync(journalPath(), whole);
    const refused = await asked('Is it open again?');
    expect(await refused.innerText()).toContain('is damaged at 00000001.journal:');
    expect(journal()).toEqual(whole);
    await refused.getByRole('button', { name: 'Reopen Ledger…' }).click();
    await window.screenshot('closed-reopen-modal');
    await reopen('Reopen This Ledger');
    await window.notification('The ledger takes calls again, recorded as #').waitFor();
    await expect.poll(() => window.statusItem().innerText()).toMatch(/^\s*\$0\.\d+ \/ \$1,000/);
    await window.treeItem('Health', /^OPERATIONAL/).waitFor();
    await window.treeItem('Health', /^corporate_llm, healthy/).waitFor();
    await window.editorFrame().getByText('spent today').first().waitFor();
    await window.palette('TidyLLM: Open Audit History');
    await window.editorFrame().getByText('Not verified in this window yet.').waitFor();
    expect(await (await asked('And now?')).innerText()).toContain('stand-in');
    const reopened = (await recordsOf({ journal: { directory } }, 'reopening')).slice(reopenings);
    expect(reopened).toMatchObject([
      { finding: 'hash_mismatch', set_aside: null, reason: 'JIRA-9 looked into it' },
    ]);
  });

  test('is set aside for a new one when a person says so, which every view follows', async () => {
    const calls = standIn.calls.length;
    await damage();
    const changed = journal();
    await window.notification(broken).getByRole('button', { name: 'Reopen Ledger…' }).click();
    await reopen('Start a New Ledger');
    await window.notification(/The old ledger is in .*live-set-aside-/).waitFor();
    await expect.poll(() => window.statusItem().innerText()).toMatch(/\$0 \/ \$1,000/);
    await window.treeItem('Health', /^OPERATIONAL/).waitFor();
    expect(await (await asked('Who is there?')).innerText()).toContain('stand-in');
    expect(standIn.calls).toHaveLength(calls + 1);
    const [aside = ''] = globSync('live-set-aside-*', { cwd: join(editor.home, 'ledger') });
    expect(readFileSync(join(editor.home, 'ledger', aside, '00000001.journal'))).toEqual(changed);
    expect(existsSync(join(directory, 'closed.json'))).toBe(false);
  });
});
