import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { writeWorkflow } from '../support/editorWorkflows.ts';
import { recordsOf } from '../support/records.ts';
import { startPostgres, type Server } from '../support/servers.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { teamEnvironment } from '../support/workers.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

const workflow = `name: Shared
steps:
  - { id: asked, type: ai_processing, config: { prompt: "Who? @stand-in:text=The-window.", max_tokens: 20 } }
`;

describe('a worker in a window', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let database: Server;
  let window: EditorWindow;

  beforeAll(async () => {
    database = await startPostgres();
    ({ editor, standIn } = await startOnStandIn({ PGPASSWORD: 'secret' }));
    window = await editor.open();
    await window.hideChat();
  });

  beforeEach(() => window.clear());

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
    await database.kill();
  });

  /** The settings of the user, from the next command on. */
  function set(others = ''): void {
    writeFileSync(join(editor.home, 'settings.yaml'), `audit: { content: full }\n${others}`);
  }

  test('isn’t started without a database of the team, which it says', async () => {
    set();
    await window.palette('TidyLLM: Start Workflow Worker');
    await window.notification('postgres.host is not set').waitFor();
  });

  test('makes the calls of a run on another machine, on the ledger of the window', async () => {
    const team = teamEnvironment(standIn.url, database.port);
    set(
      `postgres: { host: 127.0.0.1, port: ${database.port}, db_name: tidyllm, db_user: tidyllm, ssl_mode: disable }\n`,
    );
    await window.palette('TidyLLM: Start Workflow Worker');
    const home = temporaryFolder();
    const path = writeWorkflow(home, 'shared.yaml', workflow);
    const run = ['workflow', 'run', path, '--reason', 'JIRA-19 shared', '--on', 'postgres'];
    const options = { environment: { TIDYLLM_HOME: home, ...team }, cwd: home };
    // Until there is a worker it is refused.
    const outputs = async () => (await tidyllmJson(run, options)).document['outputs'];
    await expect.poll(outputs).toEqual({ asked: 'The-window.' });
    const journal = { directory: join(editor.home, 'ledger', 'live') };
    expect(await recordsOf({ journal }, 'SETTLE')).toHaveLength(1);
    await window.screenshot('worker');
    // It is the one that is there, with what it said.
    await window.palette('TidyLLM: Start Workflow Worker');
    await window.page.locator('.terminal-wrapper.active').waitFor();
    expect(await window.page.locator('.terminal-wrapper').count()).toBe(1);
  });
});
