import { pathToFileURL } from 'node:url';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

/** A PNG of one pixel. */
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

describe('the context of a question', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let chat: ChatView;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    await writeFile(join(editor.workspace, 'notes.md'), 'The harbour opens at six.\n');
    await writeFile(join(editor.workspace, '.env'), 'SECRET=1\n');
    window = await editor.open();
    chat = await ChatView.open(window);
  });

  beforeEach(async () => {
    await window.clear();
    await chat.startOver();
    // The new conversation takes chips away by itself, perhaps while one is clicked.
    await expect
      .poll(async () => {
        const left = chips().getByRole('button');
        if ((await left.count()) > 0)
          await left
            .first()
            .click({ timeout: 1000 })
            .catch(() => undefined);
        return left.count();
      })
      .toBe(0);
    await chat.question.fill('');
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  function chips(): Locator {
    return chat.frame.getByRole('list', { name: 'Context of the question' }).getByRole('listitem');
  }

  async function writePrompt(name: string, text: string): Promise<void> {
    const folder = join(editor.workspace, '.tidyllm', 'prompts');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${name}.prompt.md`), text);
  }

  /** What the model was sent of the last question. */
  function sent(): string {
    return JSON.stringify(standIn.calls.at(-1)?.body.messages?.at(-1)?.content);
  }

  test('is added by # and the name of a file, shown, sent with the question, and shown with it', async () => {
    await chat.question.press('#');
    await window.quickPick('notes.md').waitFor();
    await window.page.locator('.quick-input-widget:visible input.input').fill('notes.md');
    await window.choose('notes.md');
    await chips().filter({ hasText: 'notes.md' }).waitFor();
    expect(await chat.question.inputValue()).toBe('');
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('chat-context');
    await chat.ask('When does it open?');
    const turn = await chat.ended();
    await turn.getByRole('list', { name: 'Sent with the question' }).getByText('notes.md').waitFor();
    expect(sent()).toContain('The harbour opens at six.');
    expect(await chips().count()).toBe(0);
  });

  test('leaves a # that is typed again, and one inside a word, in the question', async () => {
    await chat.question.press('#');
    await window.quickPick('Problems').waitFor();
    await window.page.keyboard.press('Escape');
    await window.quickPick('Problems').waitFor({ state: 'detached' });
    await chat.question.press('#');
    await chat.question.pressSequentially('7 and C#');
    expect(await chat.question.inputValue()).toBe('#7 and C#');
  });

  test('is a pasted image, or a text that is too long for the field', async () => {
    await chat.question.evaluate(pasteImage, pixel);
    await chips().filter({ hasText: 'pasted.png' }).waitFor();
    await chat.question.evaluate(pasteText, 'All the lines of a log.\n'.repeat(1_000));
    await chips().filter({ hasText: 'Text of 24,000 characters' }).waitFor();
    await chat.button('Remove pasted.png').click();
    await expect.poll(() => chips().count()).toBe(1);
    await chat.ask('What is in it?');
    await chat.ended();
    expect(sent()).toContain('All the lines of a log.');
    expect(sent()).not.toContain('"image"');
  });

  test('is dropped files by their address; a key file is refused, and it is said why', async () => {
    const uris = ['notes.md', '.env'].map((name) => pathToFileURL(join(editor.workspace, name)).href);
    await chat.question.evaluate(drop, uris);
    await chips().filter({ hasText: 'notes.md' }).waitFor();
    await window.notification(/\.env usually holds keys, which must not leave/).waitFor();
    await chat.question.evaluate(drop, ['https://example.com/a.txt']);
    await window.notification('https://example.com/a.txt is not a file of this window').waitFor();
    expect(await chips().count()).toBe(1);
  });

  test('is previewed as it will be sent, with its tokens and its worst case', async () => {
    await chat.question.evaluate(drop, [pathToFileURL(join(editor.workspace, 'notes.md')).href]);
    await chips().filter({ hasText: 'notes.md' }).waitFor();
    await chat.question.fill('When does it open?');
    const calls = standIn.calls.length;
    const ring = chat.button(/^Context: 1 % \(about \d+ of [\d,]+ tokens\)/);
    await ring.waitFor();
    await ring.click();
    await window.textLine('The harbour opens at six.').waitFor();
    await window.textLine('When does it open?').waitFor();
    expect(await window.page.locator('.editor-instance .view-lines').innerText()).toMatch(/at.most.\$0\.\d+/);
    expect(standIn.calls).toHaveLength(calls);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('chat-preview');
    await chat.question.fill('And when does it close?');
    await ring.click();
    await window.textLine('And when does it close?').waitFor();
  });

  test('stays with its conversation, as what was written there', async () => {
    await chat.ask('When does it open?');
    await chat.ended();
    await chat.question.evaluate(drop, [pathToFileURL(join(editor.workspace, 'notes.md')).href]);
    await chips().filter({ hasText: 'notes.md' }).waitFor();
    await chat.question.fill('Not asked yet');
    await chat.startOver();
    await expect.poll(() => chips().count()).toBe(0);
    expect(await chat.question.inputValue()).toBe('');
    await window.palette('TidyLLM: Show Conversations…');
    await window.choose('When does it open?');
    await chips().filter({ hasText: 'notes.md' }).waitFor();
    await expect.poll(() => chat.question.inputValue()).toBe('Not asked yet');
    await chat.button('Remove notes.md').click();
    await chat.question.fill('');
  });

  test('a prompt that can’t be used is not sent: it is said why', async () => {
    await writePrompt('bad', '---\nmode: 5\n---\nGo.');
    const calls = standIn.calls.length;
    await chat.question.fill('/bad now');
    await chat.question.press('Enter');
    await window.notification('/bad can’t be used: mode has to be text.').waitFor();
    await expect.poll(() => chat.question.inputValue()).toBe('/bad now');
    await writePrompt('odd', '---\nmodel: gpt-unheard-of\n---\nGo.');
    await chat.question.fill('/odd');
    await chat.question.press('Enter');
    await window.notification('gpt-unheard-of').waitFor();
    expect(standIn.calls).toHaveLength(calls);
    await chat.question.fill('');
  });

  test('a prompt’s model and mode are for one question', async () => {
    await writePrompt('small', '---\nmodel: nova-micro\nmode: agent\n---\nName a fruit.');
    const model = chat.frame.locator('.model');
    const mode = chat.frame.getByRole('combobox', { name: 'Mode' });
    const before = await model.innerText();
    await chat.question.fill('/small');
    await chat.question.press('Enter');
    await model.filter({ hasText: 'nova-micro' }).waitFor();
    await expect.poll(() => mode.inputValue()).toBe('agent');
    await chat.reason.fill('JIRA-123 prompt');
    await chat.question.press('Enter');
    await chat.ended();
    expect(standIn.calls.at(-1)?.modelId).toContain('nova-micro');
    await expect.poll(() => model.innerText()).toBe(before);
    expect(await mode.inputValue()).toBe('direct');
    await chat.question.fill('/small');
    await chat.question.press('Enter');
    await expect.poll(() => mode.inputValue()).toBe('agent');
    await mode.selectOption('Workspace');
    await chat.question.press('Enter');
    await expect.poll(() => chat.turns.count()).toBe(2);
    await chat.ended();
    expect(await mode.inputValue()).toBe('rag');
  });

  test('/flow offers the agreements, and a prompt that is called off stands where it was typed', async () => {
    const calls = standIn.calls.length;
    await chat.question.fill('/flow');
    await chat.question.press('Enter');
    await window.quickPick('[Cost Analysis]').waitFor();
    await window.page.keyboard.press('Escape');
    await writePrompt('ask', 'Ask ${input:whom}.');
    await chat.question.fill('/ask');
    await chat.question.press('Enter');
    await window.page.locator('.quick-input-widget:visible input.input').waitFor();
    await window.page.keyboard.press('Escape');
    await expect.poll(() => chat.question.inputValue()).toBe('/ask');
    expect(standIn.calls).toHaveLength(calls);
  });

  test('what is typed into the list of prompts is not lost', async () => {
    await chat.question.press('/');
    await window.quickPick('/compare').waitFor();
    await window.page.keyboard.type('compare apples and pears');
    await window.quickPick('/compare').waitFor();
    await window.page.keyboard.press('Enter');
    await expect.poll(() => chat.question.inputValue()).toBe('/compare apples and pears');
    await chat.question.fill('');
    await chat.question.press('/');
    await window.quickPick('/compare').waitFor();
    await window.page.keyboard.type('etc/hosts');
    await window.page.keyboard.press('Escape');
    await expect.poll(() => chat.question.inputValue()).toBe('/etc/hosts');
    await chat.question.fill('');
  });

  test('the button / lists the prompts while the question is empty', async () => {
    await chat.button('Select a Prompt…').click();
    await window.quickPick('/compare').waitFor();
    await window.page.keyboard.press('Escape');
    await window.quickPick('/compare').waitFor({ state: 'detached' });
    await chat.question.fill('A question');
    await expect.poll(() => chat.button('Select a Prompt…').isDisabled()).toBe(true);
  });

  test('many attachments leave the question in sight', async () => {
    const files = Array.from({ length: 30 }, (_, index) => `many-${index}.txt`);
    for (const name of files) await writeFile(join(editor.workspace, name), name);
    await chat.question.evaluate(
      drop,
      files.map((name) => pathToFileURL(join(editor.workspace, name)).href),
    );
    await expect.poll(() => chips().count()).toBe(files.length);
    await expect.poll(async () => (await chat.button('Send').boundingBox())?.y).toBeLessThan(800);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('chat-many-attachments');
    for (const name of files) await chat.button(`Remove ${name}`).click();
  });

  test('that does not fit is refused before it is sent, with a choice, and the chat goes on', async () => {
    await chat.frame.locator('.model').click();
    await window.choose('nova-micro');
    await chat.frame.locator('.model', { hasText: 'nova-micro' }).waitFor();
    const log = 'Something went wrong.\n'.repeat(13_000);
    for (const question of ['What is in it?', 'And in this one?']) {
      await chat.question.evaluate(pasteText, log);
      await chips().waitFor();
      await chat.ask(question);
      await chat.ended();
    }
    const calls = standIn.calls.length;
    const turn = chat.turns.last();
    await turn
      .getByText(/has about [\d,]+ tokens with all that goes with it, and nova-micro takes 128,000/)
      .waitFor();
    await turn.getByRole('button', { name: /^Use .* \(≤ \$/ }).waitFor();
    await turn.getByRole('button', { name: /^Summarise the Oldest Questions \(1, ≤ \$/ }).waitFor();
    await window.screenshot('chat-overflow');
    await turn.getByRole('button', { name: /^Leave Out the Oldest Questions \(1, ≤ \$/ }).click();
    await expect.poll(() => standIn.calls.length).toBe(calls + 1);
    expect(standIn.calls.at(-1)?.body.messages).toHaveLength(1);
    await chat.ended();
  });

  test('has the rules files of the workspace, which open, and can be turned off for the conversation', async () => {
    await writeFile(join(editor.workspace, 'AGENTS.md'), 'Answer in French.\n');
    await chat.ask('@stand-in:text=Oui.');
    await chat.ended();
    expect(standIn.calls.at(-1)?.body.system?.[0]?.text).toContain('From AGENTS.md:\n\nAnswer in French.');
    await chat.question.fill('And now?');
    await chat.button('AGENTS.md').click();
    await window.textLine('Answer in French.').waitFor();
    await window.screenshot('chat-rules');
    expect(await window.accessibilityFindings()).toEqual([]);
    await chat.button('Don’t Follow Rules Files Here').click();
    await chat.button('Follow Rules Files').and(chat.frame.locator(':has(.codicon-add)')).waitFor();
    await chat.ask('And without?');
    await chat.ended();
    expect(standIn.calls.at(-1)?.body.system ?? []).toEqual([]);
    await rm(join(editor.workspace, 'AGENTS.md'));
  });

  test('comes with a prompt that / chooses, which stands in the field before it is asked', async () => {
    await appendFile(join(editor.workspace, 'README.md'), 'One more line.\n');
    await chat.question.press('/');
    await window.quickPick('/review').waitFor();
    await window.screenshot('chat-prompts');
    await window.choose('/commit');
    await chips().filter({ hasText: 'git diff' }).waitFor();
    await expect.poll(() => chat.question.inputValue()).toMatch(/^Write a commit message for the git diff/);
  });

  test('comes with a team’s prompt, its argument, mode and attachments', async () => {
    await writePrompt('greet', '---\nmode: hybrid\n---\nGreet ${input:name}.');
    const calls = standIn.calls.length;
    await chat.reason.fill('JIRA-123 greet');
    await chat.question.fill('/greet Ada');
    await chat.question.press('Enter');
    await expect.poll(() => chat.question.inputValue()).toBe('Greet Ada.');
    expect(await chat.frame.getByRole('combobox', { name: 'Mode' }).inputValue()).toBe('hybrid');
    expect(standIn.calls).toHaveLength(calls);
  });

  test('is dropped files of a remote', async () => {
    const path = join(editor.workspace, 'notes.md');
    await chat.question.evaluate(drop, [`vscode-remote://${new URL(editor.url).host}${path}`]);
    await chips().filter({ hasText: 'notes.md' }).waitFor();
  });

  test('comes from commands: a file, and a selection', async () => {
    await window.page.keyboard.press('Control+P');
    await window.page.locator('.quick-input-widget:visible input.input').fill('notes.md');
    await window.choose('notes.md');
    await window.textLine('The harbour opens at six.').waitFor();
    await window.palette('TidyLLM: Add File to Chat');
    await chips()
      .filter({ hasText: /^notes\.md$/ })
      .waitFor();
    await window.textLine('The harbour opens at six.').click();
    await window.page.keyboard.press('Control+A');
    await window.palette('TidyLLM: Add Selection to Chat');
    await chips().filter({ hasText: 'notes.md:1-2' }).waitFor();
    await window.palette('TidyLLM: Add Problems to Chat');
    await window.notification('The editor shows no problems.').waitFor();
  });
});

/** Runs in the view: pastes an image, as the clipboard holds it. */
function pasteImage(field: Element, base64: string): void {
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }));
  field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
}

/** Runs in the view. */
function pasteText(field: Element, text: string): void {
  const clipboardData = new DataTransfer();
  clipboardData.setData('text/plain', text);
  field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
}

/** Runs in the view: drops files by their addresses, as the explorer gives them. */
function drop(field: Element, uris: string[]): void {
  const dataTransfer = new DataTransfer();
  dataTransfer.setData('text/uri-list', uris.join('\r\n'));
  field.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
}
