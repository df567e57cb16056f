import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FrameLocator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { manySteps, review, writeWorkflow } from '../support/editorWorkflows.ts';
import { tidyllm } from '../support/commandLine.ts';
import type { Editor } from './harness/editor.ts';
import { appears, type EditorWindow } from './harness/editorWindow.ts';
import { environmentOf, startOnStandIn } from './harness/standIn.ts';

const themes = ['dark', 'light', 'highContrast', 'highContrastLight'] as const;

describe('workflows in the editor', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let view: FrameLocator;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    writeFileSync(
      join(editor.home, 'settings.yaml'),
      'budget: { daily_limit_usd: "50" }\naudit: { content: full }\n',
    );
    writeWorkflow(editor.workspace, 'review.yaml', review);
    writeWorkflow(editor.workspace, 'many.yaml', manySteps(500));
    window = await editor.open(editor.workspace, { viewport: { width: 1400, height: 900 } });
    view = window.editorFrame();
    await window.hideChat();
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  beforeEach(() => window.clear());

  const box = (name: RegExp | string) => view.getByRole('button', { name });
  const steps = () => view.getByRole('region', { name: 'Table of the steps' });

  /** Gives the reason, and confirms the most that it can cost. */
  async function confirmRun(): Promise<void> {
    await window.page.locator('.quick-input-title', { hasText: 'Audit reason' }).waitFor();
    await window.page.locator('.quick-input-widget:visible input.input').fill('JIRA-19 review of orders');
    await window.choose('JIRA-19 review of orders');
    await window.dialog().getByText('It makes real calls that cost at most $1').waitFor();
    await window.dialog().getByRole('button', { name: 'Run', exact: true }).click();
  }

  /** Runs the workflow from the palette, through every question. */
  async function run(): Promise<void> {
    await window.palette('TidyLLM: Run Workflow…');
    await window.choose('Order review');
    await window.answer('11');
    await confirmRun();
    await window.notification(/Order review ended after .*; it cost \$/).waitFor();
  }

  async function open(file: string): Promise<void> {
    // A list that was made before the file was doesn't get it.
    do {
      await window.clear();
      await window.palette('Go to File...');
      await window.page.locator('.quick-input-widget:visible input.input').fill(file);
    } while (!(await appears(window.quickPick(file).first())));
    await window.choose(file);
    await window.page.getByRole('tab', { name: file }).waitFor();
  }

  test('run from the palette, with the reason and the cost confirmed, and are followed in a graph', async () => {
    await run();
    await view.getByRole('heading', { name: 'Order review', level: 1 }).waitFor();
    await view.getByText('4 of 4 steps done').waitFor();
    expect(readFileSync(join(editor.workspace, 'out/report.json'), 'utf8')).toContain('Twelve.');
    await box(
      /^totals .*\$.*, in looks, ai_processing, done, (on the critical path, )?after orders$/,
    ).waitFor();
    expect(await steps().innerText()).toMatch(/looks\.risks.*done.*\$/s);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('workflow-run');
  });

  test('are walked along their edges by the arrow keys, and lead to the record and the answer', async () => {
    await run();
    await box(/^orders /).press('ArrowRight');
    await expect
      .poll(() =>
        box(/^(risks|totals) /)
          .and(view.locator(':focus'))
          .count(),
      )
      .toBe(1);
    await view.locator(':focus').press('Enter');
    const details = view.getByRole('region', { name: /^looks\./ });
    await details.getByRole('button', { name: 'Show Result' }).click();
    await window.textLine('None.').or(window.textLine('Twelve.')).waitFor();
    await window.page.getByRole('tab', { name: 'Order review' }).click();
    await steps().getByRole('button', { name: 'looks.risks' }).click();
    await view
      .getByRole('region', { name: 'looks.risks' })
      .getByRole('button', { name: 'Open Record' })
      .click();
    await window.page.getByRole('tab', { name: 'Audit History' }).waitFor();
  });

  test('are followed while they go on, stopped from their graph, and resumed', async () => {
    const gated = `name: Waits
steps:
  - { id: first, type: transform, config: { template: "Orders" } }
  - { id: asked, type: ai_processing, depends_on: [first], config: { prompt: "About {{first}}. @stand-in:gate", max_tokens: 20 } }
`;
    writeWorkflow(editor.workspace, 'waits.yaml', gated);
    standIn.closeGate();
    await window.palette('TidyLLM: Run Workflow…');
    await window.choose('Waits');
    await confirmRun();
    await box(/^asked .*, running, /).waitFor();
    await view.getByText('1 of 2 steps done, 1 running').waitFor();
    await view.getByText('at most $1', { exact: true }).waitFor();
    await view.getByRole('button', { name: 'Stop', exact: true }).click();
    await window.notification(/Waits was stopped; it cost/).waitFor();
    await view.getByRole('button', { name: 'Resume', exact: true }).click();
    await window.dialog().getByRole('button', { name: 'Run', exact: true }).click();
    await box(/^asked .*, running, /).waitFor();
    standIn.openGate();
    await window.notification(/Waits ended after .*; it cost \$/).waitFor();
    await view.getByText('2 of 2 steps done').waitFor();
  });

  test('close a level into one box, and open it again', async () => {
    await window.palette('TidyLLM: Show Workflow');
    await window.choose('Order review');
    await view.getByText('Expected time').waitFor();
    await box('Level looks').click();
    const level = box(/^looks 2 steps, level/);
    await level.press('Enter');
    await box('Level looks').waitFor();
    await box(/^risks /).waitFor();
  });

  test('compare two runs, step by step', async () => {
    await run();
    await window.clear();
    await run();
    await view.getByRole('button', { name: 'Compare with Another Run…' }).click();
    await window.quickPick('JIRA-19').first().click();
    await view.getByText(/^Compared with the run of .*: [+−±]/).waitFor();
    expect(await steps().innerText()).toMatch(/Change[^]*Other run/);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('workflow-compared');
  });

  test('are listed in the FLOW view with their runs', async () => {
    await run();
    await window.clear();
    await window.showContainer();
    const line = window.treeItem('FLOW', /^Order review, done · /);
    await line.waitFor();
    await line.locator('.monaco-tl-twistie').click();
    await window
      .treeItem('FLOW', /, done · 4 of 4 steps · /)
      .first()
      .click();
    await view.getByText('4 of 4 steps done').waitFor();
    await window.page.keyboard.press('Control+B');
  });

  test('that another process runs are listed, and followed in their graph until they end', async () => {
    const elsewhere = `name: Elsewhere
steps:
  - { id: asked, type: ai_processing, config: { prompt: "Is it done? @stand-in:gate", max_tokens: 20 } }
`;
    const path = writeWorkflow(editor.workspace, 'elsewhere.yaml', elsewhere);
    standIn.closeGate();
    const environment = { TIDYLLM_HOME: editor.home, ...environmentOf(standIn) };
    const ended = tidyllm(['workflow', 'run', path, '--reason', 'JIRA-19 in the terminal'], {
      environment,
      cwd: editor.workspace,
    });
    await window.showContainer();
    const line = window.treeItem('FLOW', /^Elsewhere, running/);
    await line.waitFor();
    await line.locator('.monaco-tl-twistie').click();
    await window
      .treeItem('FLOW', /^.*, running · 0 of 1 steps/)
      .first()
      .click();
    await box(/^asked .*, running/).waitFor();
    standIn.openGate();
    expect((await ended).code).toBe(0);
    await view.getByText('1 of 1 steps done').waitFor();
    await window.page.keyboard.press('Control+B');
  });

  test('in JSON have diagnostics and lenses too', async () => {
    const workflow = {
      name: 'In JSON',
      steps: [{ id: 'one', type: 'transfrom', config: { template: 'One' } }],
    };
    const path = writeWorkflow(editor.workspace, 'injson.json', JSON.stringify(workflow, null, 2));
    await open('injson.json');
    const lenses = window.page.locator('.codelens-decoration');
    await lenses.getByText('1 problem').waitFor();
    writeFileSync(path, JSON.stringify(workflow, null, 2).replace('transfrom', 'transform'));
    await lenses.getByText('Run', { exact: true }).waitFor();
  });

  test('have diagnostics, lenses, and one fix for all that can be mended', async () => {
    const broken = review.replace('depends_on: [looks]', 'depends_on: [lokos]');
    const path = writeWorkflow(editor.workspace, 'broken.yaml', broken.replace('Order review', 'Broken'));
    await open('broken.yaml');
    await window.page.locator('.codelens-decoration').getByText('1 problem').waitFor();
    await window.palette('Go to Next Problem in Files (Error, Warning, Info)');
    await window.page.keyboard.press('Escape');
    await window.palette('Quick Fix...');
    await window.page.locator('.action-widget').getByText(/lokos/).first().click();
    await window.page
      .locator('.codelens-decoration')
      .getByText('Show Graph')
      .or(window.page.locator('.codelens-decoration').getByText('Save to Run'))
      .first()
      .waitFor();
    await window.palette('File: Save');
    await expect.poll(() => readFileSync(path, 'utf8')).toContain('depends_on: [looks]');
  });

  test('are analyzed, and what would gain is shown as a difference and applied', async () => {
    const slow = `name: Slow
steps:
  - { id: text, type: transform, config: { template: "Orders" } }
  - { id: a, type: ai_processing, depends_on: [text], config: { prompt: "A {{text}}", max_tokens: 500 } }
  - { id: b, type: ai_processing, depends_on: [text, a], config: { prompt: "B {{text}}", max_tokens: 500 } }
`;
    const path = writeWorkflow(editor.workspace, 'slow.yaml', slow);
    await window.palette('TidyLLM: Analyze Workflow…');
    await window.choose('Slow');
    await window.textLine('# Analysis of Slow').waitFor();
    await window.palette('TidyLLM: Optimize Workflow…');
    await window.choose('Slow');
    await window.page.getByRole('tab', { name: 'Slow: proposed changes' }).waitFor();
    await window
      .notification(/Gain: 50\.0 % \(estimated\)/)
      .getByRole('button', { name: 'Apply' })
      .click();
    await window.palette('File: Save');
    await expect.poll(() => readFileSync(path, 'utf8')).not.toContain('[text, a]');
  });

  test('of 500 steps are drawn by levels, in every theme', async () => {
    await window.palette('TidyLLM: Show Workflow');
    await window.choose('Many steps');
    await box(/^level0 20 steps, level/).waitFor();
    for (const theme of themes) {
      await editor.changeTheme(window, theme);
      expect(await window.accessibilityFindings()).toEqual([]);
      await window.screenshot(`workflow-500-${theme}`);
    }
    await view.getByRole('button', { name: 'Open All Levels' }).click();
    await box(/^step499 /).waitFor();
    await view.getByRole('button', { name: 'Fit' }).click();
    await window.screenshot('workflow-500-open');
  });

  test('of a few steps are drawn in every theme, wide and narrow', async () => {
    await run();
    for (const theme of themes) {
      await editor.changeTheme(window, theme);
      await box(/^orders /).waitFor();
      expect(await window.accessibilityFindings()).toEqual([]);
      await window.screenshot(`workflow-5-${theme}`);
    }
    await window.page.setViewportSize({ width: 620, height: 900 });
    await box(/^orders /).waitFor();
    await window.screenshot('workflow-narrow');
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.page.setViewportSize({ width: 1400, height: 900 });
  });
});
