import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installedKeys } from '../support/ledgers.ts';
import { writeSyntheticLedger } from '../support/syntheticLedger.ts';
import { naiveHistory, type NaiveHistory } from '../unit/history/naiveHistory.ts';
import { AuditView } from './harness/auditView.ts';
import { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';

describe('the query tab of the audit history', () => {
  let editor: Editor;
  let window: EditorWindow;
  let audit: AuditView;
  let naive: NaiveHistory;

  const sql = () => audit.frame.getByRole('textbox', { name: 'SQL' });
  const status = () => audit.frame.locator('.query-result [role=status]');
  const cells = (): Promise<string[][]> =>
    audit.frame
      .locator('.query-table tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));

  const run = async (text: string): Promise<void> => {
    await sql().fill(text);
    await audit.button('Run').click();
  };

  beforeAll(async () => {
    editor = await Editor.start({ env: { TIDYLLM_USER: 'ada' } });
    const directory = join(editor.home, 'ledger', 'simulated');
    await writeSyntheticLedger({
      directory,
      mode: 'simulated',
      signer: await installedKeys(directory).load(),
      records: 3000,
      days: 20,
      end: new Date(Date.now() - 86_400_000),
    });
    naive = naiveHistory(directory);
    window = await editor.open();
    await window.page.setViewportSize({ width: 1280, height: 800 });
    audit = await AuditView.open(window);
    await audit.frame.getByRole('tab', { name: 'Query' }).click();
  });

  afterAll(() => editor.dispose());

  test('answers with the money of the ledger, as a table and a chart', async () => {
    await sql().fill('SELECT day, calls, spent_usd FROM days ORDER BY day');
    await sql().press('Control+Enter');
    const days = naive.usage('day');
    await expect.poll(() => status().innerText()).toMatch(new RegExp(`^${days.length} rows in`));
    const micro = (await cells()).map(([day, calls, usd]) => [
      day,
      Number(calls),
      Math.round(Number(usd) * 1e6),
    ]);
    expect(micro).toEqual(days.map((day) => [day.key, day.calls, Number(day.spent)]));
    await audit.frame.getByRole('img', { name: /^spent_usd/ }).waitFor();
    await window.screenshot('query-wide');
    expect(await window.accessibilityFindings()).toEqual([]);
  });

  test('says where a query is faulty, and runs none that writes', async () => {
    await run('SELECT day,\n  absent FROM days');
    await audit.frame.getByRole('alert').getByText('line 2, column 3: no such column: absent').waitFor();
    await run('DELETE FROM calls');
    await audit.frame.getByRole('alert').getByText('DELETE is not allowed').waitFor();
  });

  test('is ended by Cancel', async () => {
    await run('WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n');
    await audit.button('Cancel').click();
    await audit.button('Run').waitFor();
    expect(await audit.frame.getByRole('alert').count()).toBe(0);
  });

  test('inserts names of columns, and has examples', async () => {
    await sql().fill('SELECT ');
    await audit.button('spent_usd').click();
    expect(await sql().inputValue()).toBe('SELECT spent_usd');
    await audit.frame.getByLabel('Saved queries').selectOption('Cost by user and day');
    expect(await sql().inputValue()).toContain('GROUP BY day, user_id');
    await audit.button('Run').click();
    await audit.frame.getByRole('columnheader', { name: 'cost_usd' }).waitFor();
  });

  test('saves a query and its result', async () => {
    await run(
      "SELECT outcome, count(*) AS calls, '=1+1' AS formula FROM calls GROUP BY outcome ORDER BY outcome",
    );
    await audit.frame.getByRole('columnheader', { name: 'formula' }).waitFor();
    const input = window.page.locator('.quick-input-widget:visible input.input');
    await audit.button('Save Query…').click();
    await input.fill('Calls by outcome');
    await input.press('Enter');
    await expect.poll(() => audit.frame.getByLabel('Saved queries').inputValue()).toBe('Calls by outcome');
    const shown = await cells();
    const saved = async (button: string, ending: string): Promise<string> => {
      await audit.button(button).click();
      await expect.poll(() => input.inputValue()).toMatch(new RegExp(`tidyllm-query-.*\\.${ending}$`));
      const path = await input.inputValue();
      await window.page.locator('.quick-input-widget:visible').getByRole('button', { name: 'OK' }).click();
      await window.notification(`${shown.length} rows saved to ${path}`).waitFor();
      return path;
    };
    const csv = readFileSync(await saved('Save as CSV…', 'csv'), 'utf8')
      .trim()
      .split('\r\n')
      .slice(1);
    expect(csv).toEqual(shown.map(([outcome, calls]) => `${outcome},${calls},'=1+1`));
    const path = await saved('Save as .sqlite…', 'sqlite');
    const database = new DatabaseSync(path, { readOnly: true });
    const rows = database.prepare('SELECT outcome, calls, formula FROM result').all();
    database.close();
    expect(rows.map((row) => Object.values(row).map(String))).toEqual(shown);
    await audit.button('Delete Saved Query').click();
    await expect.poll(() => audit.frame.getByRole('option', { name: 'Calls by outcome' }).count()).toBe(0);
  });

  test('fits into a narrow editor, and is as it was after it was hidden', async () => {
    await run('SELECT user_id, model, count(*) AS calls FROM calls GROUP BY user_id, model LIMIT 12');
    await audit.frame.getByRole('columnheader', { name: 'model' }).waitFor();
    await window.page.setViewportSize({ width: 720, height: 800 });
    const body = audit.frame.locator('body');
    expect(await body.evaluate((element) => element.scrollWidth <= element.clientWidth)).toBe(true);
    await window.screenshot('query-narrow');
    await window.page.setViewportSize({ width: 1280, height: 800 });
    await window.palette('TidyLLM: Open Budget');
    await audit.frame.getByRole('heading', { name: 'Budget', exact: true }).waitFor();
    await window.page.getByRole('tab', { name: 'Audit History' }).click();
    await expect.poll(() => sql().inputValue()).toContain('GROUP BY user_id, model');
  });

  test('copies the result', async () => {
    await run("SELECT 1 AS a, 'x|y' AS b");
    await audit.frame.getByRole('cell', { name: 'x|y' }).waitFor();
    const copied = (): Promise<string> => window.page.evaluate(() => navigator.clipboard.readText());
    await audit.button('Copy as Markdown').click();
    await expect.poll(copied).toBe('| a | b |\n| --: | --- |\n| 1 | x\\|y |\n');
    await audit.button('Copy as JSON').click();
    await expect.poll(copied).toContain('"columns"');
    expect(JSON.parse(await copied())).toEqual({ columns: ['a', 'b'], rows: [[1, 'x|y']], truncated: false });
  });
});
