import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ConversationFiles } from '../../src/chat/conversationFiles.ts';
import type { Turn } from '../../src/chat/turn.ts';
import { workspaceKey } from '../../src/workspaceKey.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import { appears, type EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

describe('conversations', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let chat: ChatView;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    window = await editor.open();
    chat = await ChatView.open(window);
  });

  beforeEach(async () => {
    await window.clear();
    await chat.startOver();
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  /** Asks, and waits for the answer. */
  async function answered(question: string): Promise<void> {
    await chat.ask(question);
    await chat.ended();
  }

  function questions(view = chat): Promise<string[]> {
    return view.frame.locator('.question').allInnerTexts();
  }

  async function listed(): Promise<void> {
    await window.palette('TidyLLM: Show Conversations…');
    await window.quickPick('').first().waitFor();
  }

  /** Opens a conversation from the list, by the keyboard. */
  async function reopen(title: string): Promise<void> {
    await listed();
    await window.choose(title);
    // Until it is open, the one before it is shown.
    await chat.frame.locator('.question').filter({ hasText: title }).first().waitFor();
  }

  /** Presses a button of a row of the list. */
  async function press(title: string, button: string): Promise<void> {
    const row = window.quickPick(title);
    await row.hover();
    await row.getByRole('button', { name: button }).click();
  }

  /** Takes the name that the save dialog offers, with this ending. */
  async function saved(ending: string): Promise<string> {
    await window.palette('TidyLLM: Export Conversation…');
    const input = window.page.locator('.quick-input-widget:visible input.input');
    await expect.poll(() => input.inputValue()).toMatch(/\/workspace\/conversation-[0-9a-f]{8}\.md$/);
    await input.fill((await input.inputValue()).replace(/md$/, ending));
    await input.press('Enter');
    const file = (): string | undefined =>
      readdirSync(editor.workspace).find((name) => name.startsWith('conversation-') && name.endsWith(ending));
    await expect.poll(file).toBeTruthy();
    return readFileSync(join(editor.workspace, file() ?? ''), 'utf8');
  }

  test('Ctrl+L loses nothing: what was said is in the list, after the window was loaded again too', async () => {
    await answered('apples and pears');
    do await chat.question.press('Control+l');
    while (!(await appears(chat.frame.locator('.welcome'))));
    // A key that was pressed once too often would clear what is written now.
    await chat.reason.and(chat.frame.locator(':placeholder-shown')).waitFor();
    await answered('plums');
    await reopen('apples and pears');
    expect(await questions()).toEqual(['apples and pears']);
    await answered('more apples');
    await window.reload();
    chat = await ChatView.open(window);
    await expect.poll(() => questions()).toEqual(['apples and pears', 'more apples']);
    await reopen('plums');
    expect(await questions()).toEqual(['plums']);
  });

  test('a question that was asked before is offered with its answer, here and in another conversation', async () => {
    const offer = chat.frame.getByRole('button', { name: 'Asked before — show the answer' });
    await answered('Where are the mulberries checked?');
    await answered(`And the elderberries? @stand-in:text=${'A long answer.\n\n'.repeat(60)}`);
    await chat.question.fill('Where do we store the mulberries?');
    await chat.frame.getByText(/^at most/).waitFor();
    expect(await offer.count()).toBe(0);
    await chat.question.fill('Where do we check the mulberries?');
    await offer.waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
    const before = standIn.calls.length;
    await offer.click();
    const first = chat.turns.first();
    await expect.poll(() => first.evaluate((turn) => turn === document.activeElement)).toBe(true);
    await expect
      .poll(() => first.evaluate((turn) => Math.abs(turn.getBoundingClientRect().top)))
      .toBeLessThan(200);
    expect(await chat.question.inputValue()).toBe('Where do we check the mulberries?');
    await window.palette('TidyLLM: New Conversation');
    await chat.frame.locator('.welcome').waitFor();
    await chat.question.fill('where are mulberries checked');
    await offer.click();
    // It is above what is in sight, so it has no inner text.
    await expect
      .poll(() => first.locator('.question').textContent())
      .toContain('Where are the mulberries checked?');
    expect(standIn.calls).toHaveLength(before);
    await chat.question.fill('');
    await offer.waitFor({ state: 'detached' });
  });

  test('are found by their title, renamed and pinned', async () => {
    await answered('quinces');
    await window.palette('TidyLLM: Rename Conversation…');
    await window.answer('Fruit of the quince tree');
    await chat.startOver();
    await answered('newer than the quinces');
    await listed();
    await press('Fruit of the quince tree', 'Pin to the top');
    const rows = window.quickPick('');
    await expect.poll(() => rows.first().innerText()).toContain('Fruit of the quince tree');
    // The buttons of a row cover the end of its first line.
    await rows.first().hover();
    expect(await rows.first().locator('.quick-input-list-label-meta').innerText()).toMatch(/· 1 question$/);
    await window.screenshot('conversations');
    await window.page.keyboard.type('quince tree');
    await expect.poll(() => rows.count()).toBe(1);
    await window.page.keyboard.press('Enter');
    await expect.poll(() => questions()).toEqual(['quinces']);
  });

  test('are deleted, and come back by Undo and from the list', async () => {
    await answered('medlars');
    await window.palette('TidyLLM: Delete Conversation');
    await expect.poll(() => chat.turns.count()).toBe(0);
    await window.notification('Deleted “medlars”').getByRole('button', { name: 'Undo' }).click();
    await expect.poll(() => questions()).toEqual(['medlars']);
    await window.palette('TidyLLM: Delete Conversation');
    await expect.poll(() => chat.turns.count()).toBe(0);
    await window.palette('TidyLLM: Restore Conversation…');
    await window.choose('medlars');
    await expect.poll(() => questions()).toEqual(['medlars']);
    await listed();
    await press('medlars', 'Delete');
    await expect.poll(() => chat.turns.count()).toBe(0);
    await listed();
    await press('medlars', 'Delete Permanently');
    await window.dialog().getByRole('button', { name: 'Delete Permanently' }).click();
    await window.quickPick('').first().waitFor();
    await expect.poll(() => window.quickPick('medlars').count()).toBe(0);
  });

  test('are exported as Markdown and as JSON, with the numbers of their records', async () => {
    await answered('@stand-in:text=It is **so**.');
    const footer = await chat.turns.last().locator('.footer').innerText();
    const record = /#(\d+)/.exec(footer)?.[1] ?? '';
    const markdown = await saved('md');
    expect(markdown).toContain('It is **so**.');
    expect(markdown).toContain(`- Record: #${record} of ledger`);
    const document = JSON.parse(await saved('json')) as { turns: object[] };
    expect(document.turns).toMatchObject([
      { answer: 'It is **so**.', result: { record: { sequence: Number(record) }, cost_estimated: false } },
    ]);
  });

  test('keep an old answer beside another one, and an old question beside the edited one', async () => {
    await answered('@stand-in:text=One.');
    await answered('and then');
    await chat.button('Get Another Answer').first().click();
    await expect.poll(() => questions()).toEqual(['@stand-in:text=One.']);
    await chat.ended();
    await chat.frame.getByText('2/2').waitFor();
    await chat.button('Previous Version').click();
    await expect.poll(() => questions()).toEqual(['@stand-in:text=One.', 'and then']);
    await chat.button('Edit Question').nth(1).click();
    const editor = chat.frame.getByRole('textbox', { name: 'Edited question' });
    await editor.press('Escape');
    await chat.button('Edit Question').nth(1).press('Enter');
    await editor.fill('and now');
    await editor.press('Enter');
    await expect.poll(() => questions()).toEqual(['@stand-in:text=One.', 'and now']);
    await chat.ended();
    await chat.button('Previous Version').nth(1).click();
    await expect.poll(() => questions()).toEqual(['@stand-in:text=One.', 'and then']);
    await window.reload();
    chat = await ChatView.open(window);
    await expect.poll(() => questions()).toEqual(['@stand-in:text=One.', 'and then']);
    expect(await chat.frame.getByText('1/2').count()).toBe(2);
  });

  test('branch from an earlier turn, and return to what followed it', async () => {
    await answered('root');
    await answered('one way');
    await chat.button('Branch from Here').click();
    await expect.poll(() => questions()).toEqual(['root']);
    await chat.button('Return to the Later Questions').click();
    await expect.poll(() => questions()).toEqual(['root', 'one way']);
    await chat.button('Branch from Here').click();
    await chat.frame.getByText('The next question begins another branch.').waitFor();
    await answered('another way');
    expect(await questions()).toEqual(['root', 'another way']);
    await chat.frame.getByText('2/2').waitFor();
  });

  test('a question waits for the running answer, can be taken back, and is asked then', async () => {
    await chat.ask('@stand-in:gate');
    await chat.turns.last().getByText('This answer comes from').waitFor();
    await chat.question.fill('next');
    await chat.question.press('Enter');
    await chat.question.fill('never');
    await chat.question.press('Enter');
    const waiting = chat.frame.getByRole('list', { name: 'Waiting questions' }).getByRole('listitem');
    await expect.poll(() => waiting.count()).toBe(2);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('conversation-queued');
    await chat.button('Take Back: never').click();
    await expect.poll(() => chat.question.inputValue()).toBe('never');
    await chat.question.fill('');
    standIn.openGate();
    await expect.poll(() => questions()).toEqual(['@stand-in:gate', 'next']);
    await chat.ended();
    expect(await waiting.count()).toBe(0);
  });

  test('questions that wait go back to the question field when the answer is stopped', async () => {
    await chat.ask('@stand-in:stall');
    await chat.button('Stop').waitFor();
    await chat.question.fill('after that');
    await chat.question.press('Enter');
    await chat.frame.getByRole('list', { name: 'Waiting questions' }).waitFor();
    await chat.question.press('Escape');
    await expect.poll(() => chat.question.inputValue()).toBe('after that');
    expect(await (await chat.ended()).locator('.footer').innerText()).toMatch(/stopped.*charged/s);
    await chat.question.fill('');
  });

  test('an answer whose extension host was killed is told as such, and its question is kept', async () => {
    await chat.ask('@stand-in:stall while the host dies');
    await chat.button('Stop').waitFor();
    await chat.turns.last().locator('.answer').waitFor();
    const killed = editor.killExtensionHosts();
    await expect.poll(() => editor.extensionHosts().filter((pid) => !killed.includes(pid))).not.toEqual([]);
    await window.reload();
    chat = await ChatView.open(window);
    await expect.poll(() => questions()).toEqual(['@stand-in:stall while the host dies']);
    expect(await chat.turns.last().innerText()).toContain('The answer is not here');
  });

  test('two windows on one folder keep every turn, and each has its own model and mode', async () => {
    await answered('asked in the first window');
    const second = await editor.open();
    const other = await ChatView.open(second);
    await expect.poll(() => questions(other)).toEqual(['asked in the first window']);
    await other.ask('asked in the second window');
    await other.ended();
    const both = ['asked in the first window', 'asked in the second window'];
    await expect.poll(() => questions()).toEqual(both);
    await other.frame.getByRole('combobox', { name: 'Mode' }).selectOption('Workspace');
    await other.button('claude-sonnet').click();
    await second.quickPick(/nova-micro/).click();
    await other.button('nova-micro').waitFor();
    await answered('asked in the first window again');
    expect(standIn.calls.at(-1)?.modelId).toContain('claude-sonnet');
    expect(await chat.frame.getByRole('combobox', { name: 'Mode' }).inputValue()).toBe('direct');
    await expect.poll(() => questions(other)).toEqual([...both, 'asked in the first window again']);
    await Promise.all([chat.ask('at once, here'), other.ask('at once, there')]);
    await Promise.all([chat.ended(), other.ended()]);
    await window.reload();
    chat = await ChatView.open(window);
    const seen = new Set<string>();
    const everything = [...both, 'at once, here', 'at once, there'];
    // They are versions, or one follows the other, if its window saw the other's question first.
    await expect
      .poll(async () => {
        for (const question of await questions()) seen.add(question);
        const step = chat.frame
          .locator('.versions button:enabled')
          .or(chat.button('Return to the Later Questions'));
        if (seen.size > 1 && !everything.every((one) => seen.has(one)) && (await step.count()) > 0)
          await step.first().click();
        return [...seen];
      })
      .toEqual(expect.arrayContaining(everything));
    await second.close();
  });

  test('are found from another folder, with the folder where they began', async () => {
    await answered('asked in the sample');
    const folder = join(editor.folder, 'another');
    mkdirSync(folder);
    const elsewhere = await editor.open(folder);
    const other = await ChatView.open(elsewhere);
    expect(await other.turns.count()).toBe(0);
    await elsewhere.palette('TidyLLM: Show Conversations…');
    await elsewhere.quickPick(/asked in the sample.*workspace/s).waitFor();
    await elsewhere.choose('asked in the sample');
    await expect.poll(() => questions(other)).toEqual(['asked in the sample']);
    await elsewhere.close();
  });

  test('40 MB reopen with the last turns, and the earlier ones come when they are asked for', async () => {
    const files = new ConversationFiles(editor.home);
    const file = files.create([workspaceKey(editor.workspace)]);
    const answer = 'All work and no play makes a long answer.\n\n'.repeat(190);
    const turns = Array.from({ length: 4_000 }, (_, index): Turn => ({
      id: `long-${index}`,
      ...(index > 0 && { parent: `long-${index - 1}` }),
      question: index === 0 ? 'the long conversation' : `question ${index}`,
      reason: 'JIRA-1 long',
      model: 'claude-sonnet',
      simulated: true,
      answer,
      result: null,
    }));
    await files.append(file, { user: 'somebody', policy: 'full', patterns: [] }, turns, {
      leaf: 'long-3999',
    });
    expect(file.offset).toBeGreaterThan(40_000_000);
    await listed();
    await window.page.keyboard.type('the long conv');
    await expect.poll(() => window.quickPick('').count()).toBe(1);
    await window.page.keyboard.press('Enter');
    await chat.frame.getByText('question 3999', { exact: true }).waitFor();
    const first = await chat.turns.count();
    expect(first).toBeLessThanOrEqual(50);
    await chat.button(`Show Earlier Questions (${4_000 - first})`).click();
    await expect.poll(() => chat.turns.count()).toBe(2 * first);
    await chat.frame.getByText(`question ${4_000 - 2 * first}`, { exact: true }).waitFor();
    await answered('one more');
    expect(await chat.turns.count()).toBe(2 * first + 1);
  });

  test.each(['light', 'highContrast', 'dark'] as const)(
    'nothing keeps people out in the theme %s',
    async (theme) => {
      await answered('@stand-in:text=One.');
      await answered('and then');
      await chat.button('Get Another Answer').last().click();
      await chat.frame.getByText('2/2').waitFor();
      await chat.button('Branch from Here').click();
      await chat.button('Return to the Later Questions').waitFor();
      await editor.changeTheme(window, theme);
      await window.page.setViewportSize({ width: 1280, height: 1600 });
      expect(await window.accessibilityFindings()).toEqual([]);
      await window.screenshot(`conversation-${theme}`);
      await listed();
      await window.screenshot(`conversations-${theme}`);
      await window.page.keyboard.press('Escape');
    },
  );
});

describe('conversations that policy does not keep', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn({ TIDYLLM_AUDIT_CONTENT: 'none' }));
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  test('leave no file, and the view says so', async () => {
    const window = await editor.open();
    const chat = await ChatView.open(window);
    await chat.frame.getByText('This conversation is not kept, because audit.content is none.').waitFor();
    await chat.ask('a secret');
    await chat.ended();
    expect(await window.accessibilityFindings()).toEqual([]);
    const kept = readdirSync(editor.home, { recursive: true, encoding: 'utf8' });
    expect(kept.filter((name) => name.endsWith('.lines'))).toEqual([]);
    await window.palette('TidyLLM: Rename Conversation…');
    await window.notification('The conversation is not kept').waitFor();
    await window.reload();
    const after = await ChatView.open(window);
    await after.frame.locator('.welcome').waitFor();
    expect(await after.turns.count()).toBe(0);
  });
});
