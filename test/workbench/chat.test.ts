import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { AuditView } from './harness/auditView.ts';
import { ChatView } from './harness/chatView.ts';
import { Editor } from './harness/editor.ts';
import { appears, type EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

describe('the chat with simulated answers', () => {
  let editor: Editor;
  let window: EditorWindow;
  let chat: ChatView;
  /** Whether the chat was shown in this window since it was loaded. */
  let shown = false;

  beforeAll(async () => {
    editor = await Editor.start();
    window = await editor.open();
  });

  beforeEach(() => window.page.setViewportSize({ width: 1280, height: 800 }));

  afterAll(() => editor.dispose());

  /** Begins a conversation, with one answered question where a reason is given. */
  async function begin(reason = ''): Promise<void> {
    chat = await ChatView.open(window);
    await chat.startOver();
    shown = true;
    await chat.question.fill('');
    if (reason === '') return;
    await chat.reason.fill(reason);
    await chat.ask('Show some code');
    await chat.ended();
  }

  test('a question from the palette is answered in the chat, which was not shown before', async () => {
    if (shown) {
      await begin();
      await window.hideChat();
      await window.reload();
    }
    await window.palette('TidyLLM: Ask…');
    await window.quickPick('JIRA-123 fix flaky login test').click();
    await window.answer('Why does login.test.ts time out?');
    await window.page.locator('.noauxiliarybar').waitFor({ state: 'detached' });
    chat = await ChatView.open(window);
    shown = true;
    const turn = await chat.ended();
    expect(await turn.locator('.question').innerText()).toBe('Why does login.test.ts time out?');
    expect(await chat.reason.inputValue()).toBe('JIRA-123 fix flaky login test');
  });

  test('says that answers are simulated, why, and how to get real ones', async () => {
    await begin();
    await chat.frame.getByText('Answers are simulated. No AWS credentials were found.').waitFor();
    await chat.button('Connect AWS…').click();
    await window.quickPick('Default credentials of the AWS SDK').waitFor();
    await window.page.keyboard.press('Escape');
  });

  test('keeps a question with a secret back, and sends it redacted after a click, also in what follows', async () => {
    await begin();
    const key = `AKIA${'Z7QX2MNB'.repeat(2)}`;
    await chat.reason.fill('JIRA-7 keys');
    await chat.ask(`Why is ${key} refused? Ask ada@example.com`);
    const refused = await chat.ended();
    await refused
      .getByText(/Policy keeps this request back: aws-[a-z-]+ in message 1, line 1, column 8\./)
      .waitFor();
    await window.screenshot('chat-kept-back');
    await refused.getByRole('button', { name: 'Redact and Send' }).click();
    const answered = chat.turns.first();
    await answered.getByText(/redacted before sending: .*email/).waitFor();
    expect(await chat.turns.count()).toBe(1);
    await chat.ask('And now?');
    await expect.poll(() => chat.turns.count()).toBe(2);
    await chat.turns
      .nth(1)
      .getByText(/redacted before sending: aws-/)
      .waitFor();
    await window.screenshot('chat-redacted');
  });

  test('asks for a reason before anything is sent', async () => {
    await begin();
    await chat.question.fill('Why does login.test.ts time out?');
    await chat.question.press('Enter');
    await chat.frame.getByRole('alert').filter({ hasText: 'Say why' }).waitFor();
    await expect.poll(() => chat.reason.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(await chat.reason.getAttribute('aria-invalid')).toBe('true');
    expect(await chat.turns.count()).toBe(0);
  });

  test('offers the reason that the git branch stands for', async () => {
    await begin();
    await chat.question.fill('Why does login.test.ts time out?');
    await chat.question.press('Enter');
    await chat.frame.getByRole('alert').waitFor();
    await chat.button('JIRA-123 fix flaky login test').click();
    expect(await chat.reason.inputValue()).toBe('JIRA-123 fix flaky login test');
    expect(await chat.frame.getByRole('alert').count()).toBe(0);
  });

  test('tells the most that a question can cost', async () => {
    await begin();
    await chat.question.fill('Why does login.test.ts time out?');
    await expect.poll(() => chat.frame.locator('.worst-case').innerText()).toMatch(/^at most \$0\.\d+$/);
  });

  test('answers a question that is sent from the keyboard, and says what it cost', async () => {
    const { keyboard } = window.page;
    await begin();
    await window.palette('TidyLLM: New Conversation');
    await expect
      .poll(() => chat.question.evaluate((element) => element === document.activeElement))
      .toBe(true);
    await keyboard.type('Why does it time out?');
    await keyboard.press('Shift+Enter');
    await keyboard.type('Only at times.');
    await keyboard.press('Enter');
    await keyboard.type('JIRA-123 keyboard');
    await keyboard.press('Enter');
    await keyboard.press('Enter');
    await chat.turns.first().waitFor();
    const turn = await chat.ended();
    expect(await turn.innerText()).toContain('SIMULATED');
    expect(await turn.locator('.question').innerText()).toBe('Why does it time out?\nOnly at times.');
    expect(await turn.locator('.footer').innerText()).toMatch(/tokens.*\$0\.\d+.*#\d+/s);
    await turn.locator('.code .hljs-keyword').first().waitFor();
  });

  test.each([
    ['the model is left as it is', 'claude-sonnet', 'Escape'],
    ['a model is chosen', 'claude-sonnet', 'Enter'],
    ['the reason is left as it is', 'Select a reason', 'Escape'],
    ['a reason is chosen', 'Select a reason', 'Enter'],
  ])('has the keyboard again when %s', async (_what, name, key) => {
    await begin();
    await chat.button(name).click();
    // Before an item is active, Enter takes none.
    await window.page.locator('.quick-input-widget:visible .monaco-list-row.focused').waitFor();
    await window.page.keyboard.press(key);
    await expect
      .poll(() =>
        chat.question.evaluate((element) => element === document.activeElement && document.hasFocus()),
      )
      .toBe(true);
    await chat.question.fill('');
    await window.page.keyboard.type('typed');
    await expect.poll(() => chat.question.inputValue()).toBe('typed');
    await chat.question.fill('');
  });

  test('shows the money in the status bar', async () => {
    await begin('JIRA-123 money');
    await expect.poll(() => window.statusItem().innerText()).toMatch(/simulated \$0\.\d+/);
  });

  test('copies code and inserts it at the cursor', async () => {
    await begin('JIRA-123 code');
    await window.palette('File: New Untitled Text File');
    const block = chat.turns.last().locator('.code');
    const code = await block.locator('code').innerText();
    await block.getByRole('button', { name: 'Copy Code' }).click();
    await expect.poll(() => window.page.evaluate(() => navigator.clipboard.readText())).toBe(code);
    await block.getByRole('button', { name: 'Insert at Cursor' }).click();
    await window.page.locator('.view-line').filter({ hasText: 'export async function retry' }).waitFor();
    await window.palette('View: Close Editor');
    await window.dialog().getByRole('button', { name: "Don't Save" }).click();
  });

  test('shows the audit record of an answer', async () => {
    await begin('JIRA-123 record');
    await chat.button(/^recorded #\d+$/).click();
    const audit = new AuditView(window);
    await audit.detail.getByText('JIRA-123 record').first().waitFor();
    await window.closeEditors();
  });

  test('is as it was after the view was hidden and the window loaded again', async () => {
    await begin('JIRA-123 reload');
    await chat.question.fill('a question that is not sent');
    const before = await chat.turns.last().innerText();
    await window.hideChat();
    await window.showChat();
    await expect.poll(() => chat.question.inputValue()).toBe('a question that is not sent');
    expect(await chat.turns.last().innerText()).toBe(before);
    await window.reload();
    await ChatView.open(window);
    await expect.poll(() => chat.question.inputValue()).toBe('a question that is not sent');
    expect(await chat.turns.last().innerText()).toBe(before);
    expect(await chat.reason.inputValue()).toBe('JIRA-123 reload');
  });

  test('says how a reason must be when policy refuses it', async () => {
    await begin();
    await chat.reason.fill('x');
    await chat.question.fill('too short a reason');
    await chat.question.press('Enter');
    await chat.frame.getByRole('alert').filter({ hasText: 'at least 3 characters' }).waitFor();
    expect(await chat.question.inputValue()).toBe('too short a reason');
  });

  test.each(['dark', 'light', 'highContrast', 'highContrastLight'] as const)(
    'nothing keeps people out in the theme %s, wide and narrow',
    async (theme) => {
      await begin('JIRA-123 the look');
      await editor.changeTheme(window, theme);
      expect(await window.accessibilityFindings()).toEqual([]);
      await window.screenshot(`chat-${theme}`);
      // The side bar gets what the editor leaves.
      await window.page.setViewportSize({ width: 440, height: 800 });
      expect(await window.accessibilityFindings()).toEqual([]);
      const cut = await chat.frame
        .locator('html, header, main, .composer')
        .evaluateAll((parts) => parts.filter((part) => part.scrollWidth > part.clientWidth).map(String));
      expect(cut).toEqual([]);
      await window.screenshot(`chat-${theme}-narrow`);
    },
  );
});

describe('the chat with Bedrock', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let chat: ChatView;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    window = await editor.open();
    chat = await ChatView.open(window);
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  test('streams, and Escape stops the answer, which is charged', async () => {
    await chat.ask('@stand-in:gate');
    await chat.turns.last().getByText('This answer comes from').waitFor();
    await chat.button('Stop').waitFor();
    await chat.question.press('Escape');
    const turn = await chat.ended();
    expect(await turn.innerText()).toContain('This answer comes from');
    expect(await turn.locator('.footer').innerText()).toMatch(/stopped.*charged \$0\.\d+ \(estimated\)/s);
    expect(await turn.innerText()).not.toContain('SIMULATED');
    await chat.button('Send').waitFor();
  });

  /** Presses the key that clears; the editor takes it once it was told that the chat has the focus. */
  async function asksToClear(): Promise<void> {
    const question = window.dialog().getByText('Stop the answer and start a new conversation?');
    do await chat.question.press('Control+l');
    while (!(await appears(question)));
  }

  test('is cleared in mid-answer only by who says so', async () => {
    await chat.ask('@stand-in:stall');
    await chat.button('Stop').waitFor();
    const turns = await chat.turns.count();
    await asksToClear();
    await window.page.keyboard.press('Escape');
    await window.dialog().waitFor({ state: 'detached' });
    expect(await chat.turns.count()).toBe(turns);
    await asksToClear();
    await window.dialog().getByRole('button', { name: 'Stop the Answer' }).click();
    await expect.poll(() => chat.turns.count()).toBe(0);
  });

  test('tells an error with what to do, and asks again', async () => {
    await chat.ask('@stand-in:throttled');
    const turn = await chat.ended();
    const told = await turn.innerText();
    expect(told).toContain('This account’s quota of requests per minute for the model is used up.');
    expect(told).toContain('AWS: Too many requests, please wait before trying again.');
    expect(await turn.locator('.footer').innerText()).toContain('nothing charged');
    const before = standIn.calls.length;
    await chat.button('Try Again').click();
    await expect.poll(() => standIn.calls.length).toBe(before + 1);
    await chat.ended();
  });

  test('says that an answer was cut off, and goes on from there', async () => {
    await chat.ask('@stand-in:stop=max_tokens');
    const turn = await chat.ended();
    expect(await turn.locator('.shortfall').innerText()).toContain('cut off at its token limit');
    await window.screenshot('chat-cut-off');
    const before = standIn.calls.length;
    await chat.button('Continue').click();
    await expect.poll(() => standIn.calls.length).toBe(before + 1);
    await chat.ended();
    expect(await chat.frame.locator('.shortfall button').count()).toBe(0);
  });

  test('shows Markdown, but no HTML and no picture', async () => {
    const answer =
      '**bold** <b id="raw">raw</b> ![picture](https://example.com/x.png)\n\n| a |\n|---|\n| 1 |';
    await chat.ask(`@stand-in:text=${answer}`);
    const turn = await chat.ended();
    expect(await turn.locator('strong').innerText()).toBe('bold');
    expect(await turn.locator('.answer img, .answer #raw').count()).toBe(0);
    expect(await turn.locator('.answer td').innerText()).toBe('1');
    expect(await turn.getByRole('link', { name: 'picture' }).getAttribute('href')).toBe(
      'https://example.com/x.png',
    );
  });

  test('answers from the workspace, opens what it cites, and keeps the mode of the conversation', async () => {
    const mode = chat.frame.getByRole('combobox', { name: 'Mode' });
    await mode.selectOption('Workspace');
    await chat.ask(
      'How does the session store expire sessions? @stand-in:text=It compares times [1], twice [9].',
    );
    const turn = await chat.ended();
    const { messages = [] } = standIn.calls.at(-1)!.body;
    expect(messages.at(-1)?.content?.[0]?.text).toContain('file="src/sessionStore.ts"');
    await turn.getByText('[9] is not a source of this answer').waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('chat-citations');
    const citation = turn.getByRole('list', { name: 'Sources' }).getByRole('button');
    const place = /\[1\] (.*)\/(.*):(\d+)-(\d+)/.exec(await citation.innerText());
    const inText = turn.locator('.answer').getByRole('button');
    expect(await inText.allInnerTexts()).toEqual(['1']);
    await inText.click();
    await window.page.getByRole('tab', { name: new RegExp(place![2]!) }).waitFor();
    await window.page
      .locator('.statusbar')
      .getByText(new RegExp(`Ln ${place![4]}, Col \\d+ \\(\\d+ selected\\)`))
      .waitFor();
    await window.reload();
    chat = await ChatView.open(window);
    expect(await mode.inputValue()).toBe('rag');
    await window.palette('TidyLLM: New Conversation');
    await expect.poll(() => mode.inputValue()).toBe('direct');
  });

  test('takes another model, by its price', async () => {
    await chat.button('claude-sonnet').click();
    await window.quickPick(/nova-micro.*\$0\.035 → \$0\.14.*128K/).click();
    await chat.button('nova-micro').waitFor();
    await chat.ask('Which model?');
    await chat.ended();
    expect(standIn.calls.at(-1)?.modelId).toBe('us.amazon.nova-micro-v1:0');
  });

  test('sends nothing while the view shows nothing, and says so when it does again', async () => {
    await chat.ask('Is the view well?');
    await chat.ended();
    const before = standIn.calls.length;
    const givenUp = chat.frame.locator('#root').evaluate(breakUntilTold, 'The question was not sent');
    await window.palette('TidyLLM: Ask…');
    await window.answer('Is the view broken?');
    await givenUp;
    expect(standIn.calls).toHaveLength(before);
    await window.palette('Developer: Reload Webviews');
    const turn = chat.turns.filter({ hasText: 'Is the view broken?' });
    await turn.getByText('The question was not sent because the chat view did not show it.').waitFor();
    await turn.getByRole('button', { name: 'Try Again' }).click();
    await expect.poll(() => standIn.calls.length).toBe(before + 1);
    await chat.ended();
  });

  test('forgets the conversation when its user’s content is erased from the terminal', async () => {
    await chat.ask('What will be erased?');
    const turn = await chat.ended();
    const record = /#(\d+)/.exec(await turn.locator('.footer').innerText())?.[1] ?? '';
    const environment = {
      ...{ TIDYLLM_HOME: editor.home, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url },
      ...{ AWS_ACCESS_KEY_ID: 'AKIASTANDIN', AWS_SECRET_ACCESS_KEY: 'secret' },
    };
    const { document } = await tidyllmJson(['audit', 'show', record], { environment });
    const { user_id: user } = document['call'] as { user_id: string };
    const erase = ['audit', 'erase', '--subject', user, '--reason', 'GDPR-1 request', '--yes'];
    expect(await tidyllmJson(erase, { environment })).toMatchObject({ code: 0 });
    await expect.poll(() => chat.turns.count()).toBe(0);
    expect(await chat.frame.locator('body').innerText()).not.toContain('What will be erased?');
  });
});

/** Runs in the view: shows nothing any longer, and waits until the extension tells it something with this text. */
function breakUntilTold(root: Element, text: string): Promise<void> {
  root.remove();
  return new Promise((resolve) => {
    window.addEventListener('message', ({ data }) => {
      if (JSON.stringify(data).includes(text)) resolve();
    });
  });
}
