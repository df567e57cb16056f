import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FrameLocator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { StoredReport } from '../../src/flow/report.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

describe('the report of a FLOW run', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let view: FrameLocator;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    writeFileSync(join(editor.home, 'settings.yaml'), 'budget: { daily_limit_usd: "50" }\n');
    window = await editor.open(editor.workspace, { viewport: { width: 1280, height: 1400 } });
    view = window.editorFrame();
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  beforeEach(() => window.clear());

  /** Runs an agreement that makes calls, and waits for its report in a new tab. */
  async function run(): Promise<void> {
    const tabs = window.page.getByRole('tab', { name: 'Integration Test' });
    const before = await tabs.count();
    await window.palette('TidyLLM: Run [Integration Test]');
    await window.dialog().getByRole('button', { name: 'Run', exact: true }).click();
    await expect.poll(() => tabs.count()).toBe(before + 1);
    await view.getByRole('heading', { name: 'Integration Test', level: 1 }).waitFor();
  }

  /** Takes the name that the save dialog offers, with another ending where one is given. */
  async function save(ending: string): Promise<string> {
    await view.getByRole('button', { name: 'Save…' }).click();
    const input = window.page.locator('.quick-input-widget:visible input.input');
    await expect.poll(() => input.inputValue()).toMatch(/\/workspace\/integration_test-[\dT-]+\.md$/);
    await input.fill((await input.inputValue()).replace(/md$/, ending));
    await input.press('Enter');
    await input.waitFor({ state: 'detached' });
    const file = (): string | undefined =>
      readdirSync(editor.workspace).find(
        (name) => name.startsWith('integration_test') && name.endsWith(ending),
      );
    await expect.poll(file).toBeTruthy();
    return readFileSync(join(editor.workspace, file() ?? ''), 'utf8');
  }

  test('shows what was found, the figures, and a chart with its table behind', async () => {
    await run();
    await view.getByText('[Integration Test]', { exact: true }).waitFor();
    const model = view.getByRole('region', { name: 'Figures' });
    expect(await model.innerText()).toMatch(/Model\s+[\d,.]+ ms/);
    await view.getByRole('img', { name: /^Steps\. Duration: / }).waitFor();
    const steps = view.getByRole('region', { name: 'Steps' });
    await steps.getByText('Show Table').press('Enter');
    await steps.getByRole('rowheader', { name: 'Model: Compare the cost' }).waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('flow-report');
  });

  test('is saved to the workspace as Markdown or JSON', async () => {
    await run();
    expect(await save('md')).toMatch(/^# Integration Test\n/);
    const saved = JSON.parse(await save('json')) as StoredReport;
    expect(saved).toMatchObject({ agreement: 'integration_test', execution_mode: 'real' });
  });

  test('of the first run has none to be compared with', async () => {
    // No other test runs this agreement.
    await window.palette('TidyLLM: Run [Error Analysis]');
    await view.getByRole('heading', { name: 'Error Analysis', level: 1 }).waitFor();
    await view.getByRole('button', { name: 'Compare with Earlier Run…' }).click();
    await window.notification('There is no earlier run of [Error Analysis] with a report.').waitFor();
  });

  test('is compared with an earlier run, and says so after the window was loaded again', async () => {
    await run();
    await run();
    await view.getByRole('button', { name: 'Compare with Earlier Run…' }).click();
    await window.page.locator('.quick-input-widget:visible input.input').press('Enter');
    const comparison = view.getByRole('region', { name: /^Compared with the run of / });
    await comparison.getByText('Findings: 0 new, 0 gone,').waitFor();
    expect(await view.getByRole('region', { name: 'Figures' }).innerText()).toMatch(/unchanged|better|worse/);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('flow-report-compared');
    await window.reload();
    await comparison.waitFor();
    await comparison.getByRole('button', { name: 'Stop Comparing' }).click();
    await comparison.waitFor({ state: 'detached' });
  });

  test('leads to its record, and runs again', async () => {
    await run();
    await view.getByRole('button', { name: 'Run Again' }).click();
    await window.quickPick('Run [Integration Test]').click();
    await expect.poll(() => window.page.getByRole('tab', { name: 'Integration Test' }).count()).toBe(2);
    await view.getByRole('button', { name: 'Open Record' }).click();
    await window.page.getByRole('tab', { name: 'Audit History' }).waitFor();
  });
});
