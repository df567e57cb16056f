import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BudgetFold } from '../../src/ledger/budgetFold.ts';
import { naiveHistory } from '../unit/history/naiveHistory.ts';
import { formatUsd } from '../../src/pricing/cost.ts';
import { readRecords } from '../../src/ledger/readJournal.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { environmentOf, startOnStandIn } from './harness/standIn.ts';

const reason = 'JIRA-123 fix flaky login test';

async function ask(window: EditorWindow, question: string): Promise<void> {
  const chat = await ChatView.open(window);
  await chat.reason.fill(reason);
  await chat.ask(question);
}

describe('on Bedrock', () => {
  let standIn: BedrockStandIn;
  let environment: Record<string, string>;
  let editor: Editor;
  let directory: string;
  let window: EditorWindow;
  /** Micro-USD. */
  let limit: bigint;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    environment = { TIDYLLM_HOME: editor.home, ...environmentOf(standIn) };
    directory = join(editor.home, 'ledger', 'live');
    window = await editor.open();
  });

  beforeEach(async () => {
    const { document: budget } = await tidyllmJson(['budget'], { environment });
    // Room for one call of the default model and answer length, not for two.
    limit = BigInt(Math.round((Number(budget['spent_usd']) + 0.1) * 1e6));
    const settings = `budget: { daily_limit_usd: "${Number(limit) / 1e6}" }\n`;
    writeFileSync(join(editor.home, 'settings.yaml'), settings);
    await expect.poll(() => window.statusItem().innerText()).toContain(`/ ${formatUsd(limit)}`);
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  test('two windows and the terminal share one budget and never pass it', async () => {
    const calls = standIn.calls.length;
    const other = await editor.open();
    await ask(window, '@stand-in:gate');
    await expect.poll(() => standIn.calls.length).toBe(calls + 1);
    const answered = (): number => naiveHistory(directory).search({ outcomes: ['success'] }).matching.length;
    const before = answered();
    await ask(other, 'does it fit?');
    await other
      .chatFrame()
      .getByText(/The call may cost/)
      .waitFor();
    const terminal = await tidyllmJson(['chat', '--reason', reason, 'does it fit?'], { environment });
    expect(terminal.code).toBe(3);
    expect(standIn.calls).toHaveLength(calls + 1);

    standIn.openGate();
    await expect.poll(answered).toBe(before + 1);
    const after = await tidyllmJson(['chat', '--reason', reason, 'and now?'], { environment });
    expect(after.code).toBe(0);
    const { document: budget } = await tidyllmJson(['budget'], { environment });
    const spent = String(budget['spent_usd']).slice(0, 6);
    for (const one of [window, other]) await expect.poll(() => one.statusItem().innerText()).toContain(spent);

    const fold = new BudgetFold();
    for await (const { record, hash } of readRecords(directory)) {
      fold.apply(record, hash);
      const day = fold.day(record.time.slice(0, 10));
      expect(day.spent + day.reserved <= limit).toBe(true);
    }
    await other.close();
  });

  test('a call whose extension host is killed in mid-answer is charged, marked as estimated, and the ledger verifies', async () => {
    const before = standIn.calls.length;
    await ask(window, '@stand-in:stall please');
    await expect.poll(() => standIn.calls.length).toBe(before + 1);
    const killed = editor.killExtensionHosts();
    await expect.poll(() => editor.extensionHosts().filter((pid) => !killed.includes(pid))).not.toEqual([]);
    await expect
      .poll(() => naiveHistory(directory).calls[0])
      .toMatchObject({ outcome: 'orphaned', costEstimated: true, reason });
    expect(await verifyLedger({ directory: directory, mode: null })).toMatchObject({ ok: true });
    const { document } = await tidyllmJson(['budget'], { environment });
    expect(document).toMatchObject({ reserved_usd: '0' });
  });
});
