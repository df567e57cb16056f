import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FrameLocator, Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm } from '../support/commandLine.ts';
import { recordsOf } from '../support/records.ts';
import { startMlflow, startPostgres, startS3, type Server } from '../support/servers.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { environmentOf, startOnStandIn } from './harness/standIn.ts';

describe('health on real servers', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let servers: Record<'PostgreSQL' | 'S3' | 'MLflow' | 'Bedrock', Pick<Server, 'start' | 'kill'>>;
  let window: EditorWindow;
  let view: FrameLocator;
  let times = '';

  beforeAll(async () => {
    const [postgres, s3, mlflow, editorOnStandIn] = await Promise.all([
      startPostgres(),
      startS3('audit'),
      startMlflow(),
      startOnStandIn({ DB_PASSWORD: 'secret' }),
    ]);
    ({ editor, standIn } = editorOnStandIn);
    const port = Number(new URL(standIn.url).port);
    const bedrock = {
      kill: () => standIn.close(),
      start: async () => {
        standIn = await startBedrockStandIn(port);
      },
    };
    servers = { PostgreSQL: postgres, S3: s3, MLflow: mlflow, Bedrock: bedrock };
    writeFileSync(
      join(editor.home, 'settings.yaml'),
      `budget:
  daily_limit_usd: 50
postgres:
  host: 127.0.0.1
  port: ${postgres.port}
  db_name: tidyllm
  db_user: tidyllm
  db_password: \${DB_PASSWORD}
  ssl_mode: prefer
s3:
  bucket: audit
  endpoint: ${s3.url}
mlflow:
  tracking_uri: ${mlflow.url}
`,
    );
    window = await editor.open(editor.workspace, { viewport: { width: 1500, height: 1000 } });
    await window.palette('TidyLLM: Open Health Dashboard');
    view = window.editorFrame();
    // Only a new ledger has neither runs nor calls.
    await view.getByText('7 agreements can be run · no runs yet').waitFor();
    await view.getByText(/^Live ledger · .* · \$0 of \$50 spent today$/).waitFor();
  });

  beforeEach(async () => {
    await window.page.setViewportSize({ width: 1500, height: 1000 });
    await window.showContainer();
    const shown = view.getByRole('table', { name: 'Infrastructure' });
    if (!(await shown.isVisible())) await window.palette('TidyLLM: Open Health Dashboard');
    await verdict('OPERATIONAL').waitFor();
  });

  afterAll(async () => {
    writeFileSync(join('test-results', 'health.txt'), times);
    await editor.dispose();
    await Promise.all(Object.values(servers).map((server) => server.kill()));
  });

  function row(name: string): Locator {
    return view.getByRole('row').filter({ has: view.getByRole('rowheader', { name, exact: true }) });
  }

  /** Runs an agreement that calls no model, in the terminal, and waits for it. Returns the table of runs. */
  async function run(): Promise<Locator> {
    const environment = { TIDYLLM_HOME: editor.home, DB_PASSWORD: 'secret', ...environmentOf(standIn) };
    expect((await tidyllm(['flow', 'run', '[Cost Analysis]'], { environment })).code).toBe(0);
    const journal = { directory: join(editor.home, 'ledger', 'live') };
    const { length } = await recordsOf({ journal }, 'flow_start');
    const runs = length === 1 ? '1 run' : `${length} runs`;
    await view.getByText(`7 agreements can be run · ${runs} in the last hour`).waitFor();
    return view.getByRole('table', { name: 'Recent runs' });
  }

  function verdict(text: string): Locator {
    return view.getByRole('status').getByText(text, { exact: true });
  }

  test('everything is healthy, with latency and evidence', async () => {
    for (const name of ['Bedrock', 'S3', 'PostgreSQL', 'MLflow']) {
      await window.treeItem('Health', new RegExp(`^${name}, healthy · (\\d+|< 1) ms`)).waitFor();
      await row(name).getByText('healthy', { exact: true }).waitFor();
    }
    await row('PostgreSQL')
      .getByText(/^PostgreSQL \d+.* database tidyllm\.$/)
      .waitFor();
    await row('AWS credentials').getByText('AWS_ACCESS_KEY_ID (environment)').waitFor();
    await verdict('OPERATIONAL').waitFor();
    await window.treeItem('Health', /^OPERATIONAL/).waitFor();
    await window.page.locator('.activitybar .badge:visible').waitFor({ state: 'detached' });
  });

  test.each([
    ['PostgreSQL', /Nothing answers at 127\.0\.0\.1/, 'Start PostgreSQL there', true],
    ['S3', /Nothing answers at the bucket audit/, 'Start S3 there', true],
    ['MLflow', /Nothing answers at http/, 'Start MLflow there', true],
    ['Bedrock', /Bedrock/, '', false],
  ] as const)(
    '%s killed shows with why and what to do, and is green again when it is back',
    async (name, why, what, callsGoOn) => {
      await servers[name].kill();
      const killedAt = performance.now();
      await Promise.all([
        window.treeItem('Health', new RegExp(`^${name}, failed · .*since`)).waitFor(),
        row(name).getByText('failed', { exact: true }).waitFor(),
        verdict('DEGRADED').waitFor(),
        window.treeItem('Health', new RegExp(`^DEGRADED, ${name}`)).waitFor(),
      ]);
      const shown = performance.now() - killedAt;
      await row(name).getByText(why).first().waitFor();
      await row(name).getByText(what).first().waitFor();
      await window.page.locator('.activitybar .badge:visible').getByText('1').waitFor();
      if (name === 'PostgreSQL') await window.screenshot('health-degraded');
      if (callsGoOn) {
        const chat = await ChatView.open(window);
        await chat.ask('Does it go on?');
        expect(await (await chat.ended()).innerText()).toContain('stand-in');
      }
      await servers[name].start();
      const backAt = performance.now();
      await Promise.all([
        window.treeItem('Health', new RegExp(`^${name}, healthy`)).waitFor(),
        row(name).getByText('healthy', { exact: true }).waitFor(),
        verdict('OPERATIONAL').waitFor(),
      ]);
      const green = performance.now() - backAt;
      await window.page.locator('.activitybar .badge:visible').waitFor({ state: 'detached' });
      times += `${name}: failure shown after ${shown.toFixed(0)} ms, green ${green.toFixed(0)} ms after it was back\n`;
    },
  );

  test('what is wrong is mended from its line', async () => {
    await servers.S3.kill();
    await row('S3').getByRole('button', { name: 'S3: Open Settings File' }).click();
    await window.page.getByRole('tab', { name: 'settings.yaml' }).waitFor();
    await window.page.getByRole('button', { name: 'Ln 10, Col 1' }).waitFor();
    await window.palette('View: Close Editor');
    const line = window.treeItem('Health', /^S3, failed/);
    await line.hover();
    await line.getByRole('button', { name: 'Open Settings File' }).click();
    await window.page.getByRole('button', { name: 'Ln 10, Col 1' }).waitFor();
    await window.palette('View: Close Editor');
    await servers.S3.start();
    await verdict('OPERATIONAL').waitFor();
  });

  test('the doctor says it too, with what helps', async () => {
    await servers.S3.kill();
    await verdict('DEGRADED').waitFor();
    await window.palette('TidyLLM: Run Doctor');
    const found = window.quickPick('Nothing answers at the bucket audit').first();
    await found.getByText('Start S3 there').waitFor();
    await window.screenshot('health-doctor');
    await window.quickPick(/records intact in/).waitFor();
    await found.click();
    await window.page.getByRole('button', { name: 'Ln 10, Col 1' }).waitFor();
    await window.palette('View: Close Editor');
    await servers.S3.start();
    await verdict('OPERATIONAL').waitFor();
  });

  test('a run of an agreement, here or in the terminal, stands there with its report', async () => {
    const runs = await run();
    const newest = runs.getByRole('row', { name: /^\[Cost Analysis\] nothing found .* just now$/ }).first();
    await newest.getByRole('button', { name: '[Cost Analysis]' }).click();
    await window.page.getByRole('tab', { name: /Cost Analysis/ }).waitFor();
    await window.palette('View: Close Editor');
    await window.palette('TidyLLM: Open Health Dashboard');
    await runs.waitFor();
  });

  test('has each column under its heading', async () => {
    await run();
    for (const [table, heading, cell] of [
      ['Infrastructure', 'State', 'healthy'],
      ['Gateways', 'State', 'healthy'],
      ['Recent runs', 'Result', 'nothing found'],
    ] as const) {
      const shown = view.getByRole('table', { name: table });
      const [head, body] = await Promise.all([
        shown.getByRole('columnheader', { name: heading }).boundingBox(),
        shown.getByRole('cell', { name: cell }).first().locator('.state-icon').boundingBox(),
      ]);
      expect([table, Math.abs((head?.x ?? 0) - (body?.x ?? 99))]).toEqual([table, expect.closeTo(0, 0)]);
    }
  });

  test('can be used with a screen reader', async () => {
    expect(await window.accessibilityFindings()).toEqual([]);
  });

  test('comes back with its window', async () => {
    await window.reload();
    await verdict('OPERATIONAL').waitFor();
  });

  test.each([
    ['dark', 'dark', 1500, 1000],
    ['narrow', 'dark', 780, 1300],
    ['light', 'light', 1500, 1000],
    ['high-contrast', 'highContrast', 1280, 1000],
    ['high-contrast-light', 'highContrastLight', 1280, 1000],
  ] as const)('looks right: %s', async (name, theme, width, height) => {
    await window.closeEditors();
    await window.hideChat();
    await window.page.setViewportSize({ width, height });
    await editor.changeTheme(window, theme);
    await window.palette('TidyLLM: Open Health Dashboard');
    await view.locator('.sparkline polyline').first().waitFor();
    await verdict('OPERATIONAL').waitFor();
    expect(await view.locator('body').evaluate((body) => body.scrollWidth <= body.clientWidth)).toBe(true);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot(`dashboard-${name}`);
  });
});
