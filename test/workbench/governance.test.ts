import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BudgetFold } from '../../src/ledger/budgetFold.ts';
import { naiveHistory } from '../unit/history/naiveHistory.ts';
import { readRecords, verifyLedger } from '../../src/ledger/readJournal.ts';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';

const reason = 'JIRA-123 fix flaky login test';
/** Holds one call of the default model and answer length, not two. */
const limit = 100_000n;

async function ask(window: EditorWindow, question: string): Promise<void> {
  await window.showContainer();
  const chat = window.chatFrame();
  await chat.getByLabel('Reason', { exact: true }).fill(reason);
  await chat.getByLabel('Question').fill(question);
  await chat.getByLabel('Question').press('Enter');
}

describe('on Bedrock', () => {
  let standIn: BedrockStandIn;
  let environment: Record<string, string>;
  let editor: Editor;
  let directory: string;
  let window: EditorWindow;

  beforeAll(async () => {
    standIn = await startBedrockStandIn();
    editor = await Editor.start({
      env: {
        AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
        AWS_SECRET_ACCESS_KEY: 'secret',
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
      },
    });
    writeFileSync(join(editor.home, 'settings.yaml'), 'budget: { daily_limit_usd: "0.1" }\n');
    environment = {
      TIDYLLM_HOME: editor.home,
      AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
    };
    directory = join(editor.home, 'ledger', 'live');
    window = await editor.open();
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  test('two windows and the terminal share one budget and never pass it', async () => {
    const other = await editor.open();
    await ask(window, '@stand-in:gate');
    await expect.poll(() => standIn.calls.length).toBe(1);
    await ask(other, 'does it fit?');
    await other
      .chatFrame()
      .getByText(/The call may cost/)
      .waitFor();
    const terminal = await tidyllmJson(['chat', '--reason', reason, 'does it fit?'], { environment });
    expect(terminal.code).toBe(3);
    expect(standIn.calls).toHaveLength(1);

    standIn.openGate();
    await expect.poll(() => naiveHistory(directory).calls.map(({ outcome }) => outcome)).toContain('success');
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
