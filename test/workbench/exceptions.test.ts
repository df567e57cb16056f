import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tidyllmJson } from '../support/commandLine.ts';
import { storedRecords } from '../support/ledgers.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { ChatView } from './harness/chatView.ts';
import { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { selectModels } from './harness/selectModels.ts';

const key = `AKIA${'Z7QX2MNB'.repeat(2)}`;

describe('a chat under a policy with use classes and approvers', () => {
  let editor: Editor;
  let window: EditorWindow;
  let chat: ChatView;
  /** State folder of grace, who may approve. */
  let graces: string;

  const command = (home: string, user: string, ...args: string[]) =>
    tidyllmJson(['--backend', 'mock', '--user', user, ...args], {
      environment: { TIDYLLM_HOME: home, XDG_STATE_HOME: join(home, 'state') },
    });

  beforeAll(async () => {
    editor = await Editor.start();
    graces = mkdtempSync(join(tmpdir(), 'tidyllm-'));
    const { document } = await command(graces, 'grace', 'compliance', 'key');
    const approvers = [{ name: 'grace', public_key: document['public_key'] }];
    const classes = { use_classes: ['internal', 'customer_facing'], use_class_required: true };
    for (const home of [editor.home, graces])
      writeFileSync(join(home, 'settings.yaml'), stringify({ compliance: { approvers, ...classes } }));
    window = await editor.open();
    chat = await ChatView.open(window);
  });

  afterAll(async () => {
    await editor.dispose();
    rmSync(graces, { recursive: true });
  });

  test('asks what a question is for, and says so where it isn’t stated', async () => {
    await chat.startOver();
    await chat.ask('What is a mutex?');
    await (await chat.ended()).getByText(/the call states no use class/).waitFor();
    await chat.frame.getByLabel('Use').selectOption('internal');
    await chat.ask('What is a mutex?');
    expect(await (await chat.ended()).getByText(/use class/).count()).toBe(0);
    await window.screenshot('chat-use-class');
  });

  test('a comparison that begins in the chat has its use class, and is asked for one otherwise', async () => {
    await chat.startOver();
    const compare = async (question: string): Promise<void> => {
      await chat.reason.fill('JIRA-9 compared');
      await chat.question.fill(`/compare ${question}`);
      await chat.question.press('Enter');
    };
    const confirmed = async (useClass: string): Promise<void> => {
      await selectModels(window, ['nova-lite', 'nova-pro']);
      await window.dialog().getByText(`Use: ${useClass}`).waitFor();
      await window.dialog().getByRole('button', { name: 'Compare', exact: true }).click();
      await window.editorFrame().getByText('2 of 2 ended').waitFor();
      const notes = storedRecords(join(editor.home, 'ledger', 'simulated')).filter(
        (record) => record.kind === 'note' && record.topic === 'compliance.request',
      );
      const last = notes.slice(-2).map((note) => (note.kind === 'note' ? note.data['use_class'] : null));
      expect(last).toEqual([useClass, useClass]);
    };
    await chat.frame.getByLabel('Use').selectOption('internal');
    await compare('Which of you is faster?');
    await confirmed('internal');
    await chat.frame.getByLabel('Use').selectOption('');
    await compare('Which of you is slower?');
    await window.choose('customer_facing');
    await confirmed('customer_facing');
  });

  test('a question that was kept back goes by an exception that another person signed', async () => {
    await chat.startOver();
    await chat.frame.getByLabel('Use').selectOption('internal');
    await chat.ask(`Why is ${key} refused?`);
    const refused = await chat.ended();
    await refused.getByRole('button', { name: 'Redact and Send' }).waitFor();
    await window.screenshot('chat-exception');
    await refused.getByRole('button', { name: 'Ask for an Exception…' }).click();
    await window.answer('JIRA-9 the key is a sample');
    const told = window.notification(/Request [0-9a-f]{8} is recorded/);
    const [, path = ''] = /Give (.*?\.json) to an approver/.exec(await told.innerText()) ?? [];
    await window.screenshot('chat-exception-asked');
    const file = join(temporaryFolder(), 'signed.json');
    const approve = ['compliance', 'exception', 'approve', path, '--reason', 'seen it', '--out', file];
    expect((await command(graces, 'grace', ...approve)).code).toBe(0);
    const { username } = userInfo();
    expect((await command(editor.home, username, 'compliance', 'exception', 'import', file)).code).toBe(0);
    await chat.ask(`Why is ${key} refused?`);
    const answered = await chat.ended();
    expect(await answered.getByText(/Policy keeps this request back/).count()).toBe(0);
    await window.screenshot('chat-exception-used');
  });
});
