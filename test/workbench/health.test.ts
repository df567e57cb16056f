import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { segmentNames } from '../../src/ledger/journal.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { ChatView } from './harness/chatView.ts';
import { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';

describe('the health view', () => {
  let editor: Editor;
  let window: EditorWindow;
  let chat: ChatView;

  beforeAll(async () => {
    editor = await Editor.start();
    window = await editor.open(editor.workspace, { viewport: { width: 1280, height: 3000 } });
    chat = await ChatView.open(window);
    await chat.ask('Hello');
    await chat.ended();
  });

  beforeEach(async () => {
    await window.clear();
    await window.showContainer();
  });

  afterAll(() => editor.dispose());

  const directory = (): string => join(editor.home, 'ledger', 'simulated');
  const journal = (): string => join(directory(), segmentNames(directory()).at(-1) ?? '');
  /** How many records the ledger has. */
  const records = (): number => readFileSync(journal(), 'utf8').trimEnd().split('\n').length;

  test.each([
    /^OPERATIONAL, simulated/,
    /^Infrastructure, simulated/,
    /^Credentials, none found/,
    /^Bedrock, not connected/,
    /^Simulated answers, No AWS credentials/,
    /^S3, not configured/,
    /^PostgreSQL, not configured/,
    /^MLflow, not configured/,
    /^Gateways, 3 of 3 up/,
    /^corporate_llm, healthy · \d+ ms/,
    /^ai_processing, healthy/,
    /^workflow_optimizer, healthy/,
    /^FLOW agreements, 7 can be run/,
    /^Cache, off/,
    /^Ledger, simulated/,
    /^Anchor, not configured/,
    /^Today, \$0\.\d+ of \$1,000/,
    /^settings\.yaml, none \(defaults/,
    /^Workspace settings, none/,
    /^VS Code settings, defaults/,
    new RegExp(`^Machine, ${hostname()}`),
  ])('has the line %s', async (line) => {
    await window.treeItem('Health', line).waitFor();
  });

  test('has the line of the journal with its last record', async () => {
    await window.treeItem('Health', new RegExp(`^Journal, #${records()}`)).waitFor();
  });

  test('has a fix for a line', async () => {
    const line = window.treeItem('Health', /^Bedrock/);
    await line.hover();
    await line.getByRole('button', { name: 'Connect AWS…' }).click();
    await window.quickPick('Default credentials of the AWS SDK').waitFor();
    await window.page.keyboard.press('Escape');
  });

  test('has evidence for a line', async () => {
    const line = window.treeItem('Health', /^Journal/).getByText('Journal', { exact: true });
    await window.tooltip(line, directory());
  });

  test('offers to configure a service where settings.yaml has its section', async () => {
    const line = window.treeItem('Health', /^S3, not configured/);
    await line.hover();
    await line.getByRole('button', { name: 'Open Settings File' }).click();
    await window.page.getByRole('tab', { name: 'settings.yaml' }).waitFor();
    await window.page.locator('.view-line').getByText('s3:').first().waitFor();
  });

  test('opens the dashboard from the verdict, which says that answers are simulated', async () => {
    await window.treeItem('Health', /^OPERATIONAL/).click();
    await window.page.getByRole('tab', { name: 'Health' }).waitFor();
    const view = window.editorFrame();
    await view.getByText('SIMULATED', { exact: true }).waitFor();
    const s3 = view
      .getByRole('row')
      .filter({ has: view.getByRole('rowheader', { name: 'S3', exact: true }) });
    await s3.getByText('s3.bucket names no bucket.').waitFor();
    await s3.getByRole('button', { name: 'S3: Open Settings File' }).waitFor();
    await window.screenshot('health-simulated');
  });

  test('verifies the audit trail', async () => {
    await window.palette('TidyLLM: Verify Audit Trail');
    await window.notification(`${records()} records in 1 segment(s) are intact`).waitFor();
    await window
      .treeItem('Health', new RegExp(`^Journal, #${records()} · ${records()} records intact`))
      .waitFor();
  });

  test('names the exact record that was changed', async () => {
    const path = journal();
    const whole = readFileSync(path, 'utf8');
    onTestFinished(async () => {
      writeFileSync(path, whole);
      const environment = { TIDYLLM_HOME: editor.home, AWS_EC2_METADATA_DISABLED: 'true' };
      const reopen = ['--backend', 'mock', 'audit', 'reopen', '--reason', 'JIRA-9 it is whole again'];
      expect(await tidyllmJson(reopen, { environment })).toMatchObject({ code: 0 });
      await window.treeItem('Health', /^OPERATIONAL, simulated/).waitFor();
    });
    writeFileSync(path, whole.replace('"outcome":"success"', '"outcome":"failure"'));
    await window.palette('TidyLLM: Verify Audit Trail');
    const broken = window.notification('00000001.journal:7');
    await broken.getByRole('button', { name: 'Open Record' }).click();
    await window.page.getByRole('button', { name: 'Ln 7, Col 1' }).waitFor();
    // The editor takes the focus last, and would close a palette.
    await window.page.locator('.editor-instance .monaco-editor.focused').waitFor();
  });

  test('says what came of connecting again, although the view is hidden', async () => {
    await window.palette('View: Toggle Primary Side Bar Visibility');
    onTestFinished(() => window.palette('View: Toggle Primary Side Bar Visibility'));
    await window.palette('TidyLLM: Reconnect');
    await window.notification('The gateway is running; answers are simulated.').waitFor();
  });
});
