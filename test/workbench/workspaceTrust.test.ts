import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { recordsOf } from '../support/records.ts';
import { ChatView } from './harness/chatView.ts';
import { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';

const ofTheWorkspace = `agreements:
  - trigger: "[Greeting]"
    flow_encoding: "@chat#greet!ask@model"
    expanded_meaning: Ask the model for a greeting.
    action: greeting
    real_implementation: prompt
    parameters:
      name: { type: text, description: Whom to greet }
    prompt: { template: "Say hello to {{name}}.", max_tokens: 50 }
  - trigger: "[Make a File]"
    flow_encoding: "@files#make!write@workspace"
    expanded_meaning: Write a file into the folder.
    action: make_a_file
    real_implementation: shell
    shell: { command: echo made > made.txt && echo written }
`;

const ofTheUser = `agreements:
  - trigger: "[Make My File]"
    flow_encoding: "@files#own!write@workspace"
    expanded_meaning: Write a file into the folder.
    action: make_my_file
    real_implementation: shell
    shell: { command: echo made > made.txt && echo written }
`;

describe('a workspace that is not trusted', () => {
  let editor: Editor;
  let window: EditorWindow;

  beforeAll(async () => {
    editor = await Editor.start({ trust: false });
    writeFileSync(join(editor.home, 'flow.yaml'), ofTheUser);
    const folder = join(editor.workspace, '.tidyllm');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'flow.yaml'), ofTheWorkspace);
    writeFileSync(join(folder, 'settings.yaml'), 'budget:\n  daily_limit_usd: 2\n');
    window = await editor.open(editor.workspace, { viewport: { width: 1280, height: 3000 } });
  });

  beforeEach(async () => {
    await window.clear();
    await window.showContainer();
  });

  afterAll(() => editor.dispose());

  /** Records of FLOW runs after as many as there were. */
  async function recorded<Kind extends 'flow_start' | 'flow_end'>(kind: Kind, after = 0) {
    const directory = join(editor.home, 'ledger', 'simulated');
    return existsSync(directory) ? (await recordsOf({ journal: { directory } }, kind)).slice(after) : [];
  }

  test('runs no command line', async () => {
    await window.palette('TidyLLM: Run FLOW…');
    await window.quickPick('[Make My File]').click();
    await window.notification('the workspace is not trusted').waitFor();
    expect(existsSync(join(editor.workspace, 'made.txt'))).toBe(false);
    expect((await recorded('flow_end')).at(-1)).toMatchObject({
      ...{ outcome: 'refused', error_code: 'flow_not_approved' },
    });
  });

  test('has its own agreements refused, in the chat as well, and that is recorded', async () => {
    const chat = await ChatView.open(window);
    await window.treeItem('FLOW', /^\[Greeting\], can run once the workspace is trusted/).waitFor();
    const before = (await recorded('flow_end')).length;
    const turns = await chat.turns.count();
    for (const [index, command] of ['[Greeting]', '[Greeting] name=Ada', '[Make a File]'].entries()) {
      await chat.ask(command);
      const turn = chat.turns.nth(turns + index);
      await turn.getByText('does not run: the workspace is not trusted').waitFor();
      await turn.locator('.footer').waitFor();
      expect(await recorded('flow_end', before)).toHaveLength(index + 1);
    }
    const starts = await recorded('flow_start', before);
    expect(starts.map(({ trigger, approved }) => [trigger, approved])).toEqual([
      ['[Greeting]', null],
      ['[Greeting]', null],
      ['[Make a File]', false],
    ]);
    for (const end of await recorded('flow_end', before))
      expect(end).toMatchObject({ outcome: 'refused', error_code: 'flow_not_approved' });
    expect(existsSync(join(editor.workspace, 'made.txt'))).toBe(false);
  });

  test('has its settings ignored until it is trusted', async () => {
    await window.budgetLine('1,000').waitFor();
    await window.palette('TidyLLM: Open Workspace Settings File');
    await window.notification('Trust the workspace to apply').waitFor();
    await window.palette('TidyLLM: Show Settings with Origins');
    await window.textLine('Ignored until the workspace is trusted').waitFor();
    onTestFinished(() => window.withdrawTrust());
    await window.grantTrust();
    await window.budgetLine('2').waitFor();
  });
});
