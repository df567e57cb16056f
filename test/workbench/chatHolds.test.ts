import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Turn } from '../../src/chat/turn.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';
import { longAnswer, turnOf } from './harness/turns.ts';

describe('the chat holds', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let chat: ChatView;
  let main: Locator;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    window = await editor.open();
    chat = await ChatView.open(window);
    main = chat.frame.getByRole('main');
  });

  beforeEach(() => show([]));

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  /** Shows these turns in place of the conversation. */
  async function show(turns: Turn[], draft = ''): Promise<void> {
    await chat.tell({
      type: 'conversation',
      id: 'shown',
      turns,
      reason: 'JIRA-123 hold',
      mode: 'direct',
      signature: '',
      draft,
    });
    await expect.poll(() => chat.turns.count()).toBe(turns.length);
  }

  function distanceToEnd(): Promise<number> {
    return main.evaluate(
      ({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight,
    );
  }

  test('500 turns show their last screen within a second', async () => {
    const turns = Array.from({ length: 500 }, (_, index) =>
      turnOf(`${index}`, { answer: longAnswer(2_000) }),
    );
    const milliseconds = await chat.frame.locator('body').evaluate(timeToShow, {
      message: {
        ...{ type: 'conversation', id: 'shown', turns },
        ...{ reason: '', mode: 'direct', signature: '', draft: '' },
      },
      last: 'turn-499',
    });
    expect(milliseconds).toBeLessThan(1_000);
    expect(await distanceToEnd()).toBeLessThan(2);
    // An old answer is drawn when it is looked at.
    await chat.turns.first().locator('.answer.plain').waitFor({ state: 'attached' });
    await main.evaluate((element) => (element.scrollTop = 0));
    await chat.turns.first().locator('.answer h3').first().waitFor();
  });

  test('an answer that grows keeps what is selected and has the focus', async () => {
    await show([turnOf('long', { result: null, answer: longAnswer(2_000) })]);
    const selected = await chat.turns
      .locator('.answer p')
      .first()
      .evaluate((paragraph) => {
        getSelection()?.selectAllChildren(paragraph);
        return getSelection()?.toString();
      });
    const copy = chat.turns.getByRole('button', { name: 'Copy Code' }).first();
    await copy.focus();
    await chat.frame.locator('body').evaluate(stream, longAnswer(20_000));
    expect(await copy.evaluate((button) => button === document.activeElement)).toBe(true);
    expect(await chat.frame.locator('body').evaluate(() => getSelection()?.toString())).toBe(selected);
  });

  test('an answer leaves the focus where a person types', async () => {
    await show([turnOf('long', { result: null })]);
    await window.palette('File: New Untitled Text File');
    await window.page.keyboard.type('before');
    await chat.frame.locator('body').evaluate(stream, longAnswer(4_000));
    await window.page.keyboard.type(', while');
    await chat.tell({ type: 'turn', turn: turnOf('long', { answer: longAnswer(4_000) }) });
    await chat.turns.last().locator('.footer').waitFor();
    await window.page.keyboard.type(' and after');
    await window.textLine('before, while and after').waitFor();
    await window.palette('View: Close Editor');
    await window.dialog().getByRole('button', { name: "Don't Save" }).click();
  });

  /** Moves the mouse over the conversation, and returns its place. */
  async function pointAtConversation(): Promise<{ x: number; y: number }> {
    const box = (await main.boundingBox())!;
    await window.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    return box;
  }

  test.each([
    ['one notch of the wheel', () => pointAtConversation().then(() => window.page.mouse.wheel(0, -40))],
    ['a key', () => main.press('PageUp')],
    [
      'a drag of the selection',
      async () => {
        const { x, y } = await pointAtConversation();
        await window.page.mouse.down();
        await window.page.mouse.move(x + 10, y - 30, { steps: 4 });
        await chat.button('Latest').waitFor();
        await window.page.mouse.up();
      },
    ],
  ])('%s upwards stops following the answer, and “Latest” follows again', async (_name, moveUp) => {
    const latest = chat.button('Latest');
    await show([turnOf('long', { result: null, answer: longAnswer(8_000) })]);
    await expect.poll(distanceToEnd).toBeLessThan(2);
    expect(await latest.count()).toBe(0);
    await moveUp();
    await latest.waitFor();
    const top = await main.evaluate(restingPlace);
    await chat.frame.locator('body').evaluate(stream, longAnswer(4_000));
    expect(await main.evaluate((element) => element.scrollTop)).toBeCloseTo(top, 0);
    expect(await distanceToEnd()).toBeGreaterThan(100);
    await latest.click();
    await expect.poll(distanceToEnd).toBeLessThan(2);
    expect(await latest.count()).toBe(0);
    await chat.frame.locator('body').evaluate(stream, longAnswer(2_000));
    expect(await distanceToEnd()).toBeLessThan(2);
  });

  test('a composer that gets lower does not stop following the answer', async () => {
    await show([turnOf('long', { result: null, answer: longAnswer(8_000) })]);
    const chips = chat.frame.locator('.attachment');
    const attachments = Array.from({ length: 9 }, (_, index) => ({
      ...{ id: `${index}`, name: `attached-${index}.txt`, bytes: 1, kind: 'file' as const, text: '' },
    }));
    await chat.tell({ type: 'attachments', attachments });
    await chips.first().waitFor();
    await main.evaluate(restingPlace);
    await chat.tell({ type: 'attachments', attachments: [] });
    await chips.first().waitFor({ state: 'detached' });
    await main.evaluate(restingPlace);
    expect(await chat.button('Latest').count()).toBe(0);
    expect(await distanceToEnd()).toBeLessThan(2);
  });

  test('another conversation with as many turns is shown from its end', async () => {
    await show([turnOf('long', { answer: longAnswer(8_000) })]);
    await main.press('Home');
    await chat.button('Latest').waitFor();
    await main.evaluate(restingPlace);
    await chat.tell({
      ...{ type: 'conversation', id: 'another', turns: [turnOf('other', { answer: longAnswer(6_000) })] },
      ...{ reason: 'JIRA-123 hold', mode: 'direct', signature: '', draft: '' },
    });
    await chat.frame.locator('#turn-other').waitFor();
    await expect.poll(distanceToEnd).toBeLessThan(2);
    expect(await chat.button('Latest').count()).toBe(0);
  });

  test('a long answer can be read from its start while it streams', async () => {
    await show([turnOf('long', { result: null, answer: longAnswer(8_000) })]);
    const heading = chat.turns.getByRole('heading', { name: 'Part 1', exact: true }).first();
    await heading.waitFor();
    // What is drawn after the key is followed to its end.
    do await main.press('Home');
    while ((await main.evaluate(restingPlace)) > 0);
    const before = await heading.boundingBox();
    await chat.frame.locator('body').evaluate(stream, longAnswer(20_000));
    expect(await heading.boundingBox()).toEqual(before);
    expect(before?.y).toBeGreaterThan(0);
  });

  test('Enter and Escape of an input method neither send nor stop', async () => {
    await show([]);
    const devtools = await window.page.context().newCDPSession(window.page);
    await chat.question.fill('');
    await chat.question.focus();
    for (const [key, code, keyCode] of [
      ['Enter', 'Enter', 13],
      ['Escape', 'Escape', 27],
    ] as const) {
      await devtools.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
      await expect.poll(() => chat.question.inputValue()).toBe('にほん');
      for (const type of ['rawKeyDown', 'keyUp'] as const)
        await devtools.send('Input.dispatchKeyEvent', { type, key, code, windowsVirtualKeyCode: keyCode });
      // Safari sends the key that ended the composition after its end, with the key code 229.
      await chat.question.evaluate(
        (field, of) => {
          field.dispatchEvent(new KeyboardEvent('keydown', { ...of, keyCode: 229, bubbles: true }));
        },
        { key, code },
      );
      expect(await chat.question.inputValue()).toBe('にほん');
      await devtools.send('Input.imeSetComposition', { text: '', selectionStart: 0, selectionEnd: 0 });
      await expect.poll(() => chat.question.inputValue()).toBe('');
    }
    expect(await chat.turns.count()).toBe(0);
    await devtools.detach();
  });

  test('Escape of an input method does not stop an answer', async () => {
    await chat.startOver();
    await chat.ask('@stand-in:stall');
    await chat.button('Stop').waitFor();
    for (const composing of [{ isComposing: true }, { keyCode: 229 }])
      await chat.question.evaluate((field, of) => {
        field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', ...of, bubbles: true }));
      }, composing);
    // What is asked of the extension next is answered after the keys.
    await chat.question.fill('What does this cost?');
    await chat.frame.getByText(/^at most \$/).waitFor();
    expect(await chat.button('Stop').count()).toBe(1);
    await chat.question.press('Escape');
    await chat.ended();
    await chat.question.fill('');
  });

  test('a screen reader hears once that an answer begins and once that it ended', async () => {
    const live = chat.frame.locator('[aria-live], [role=log], [role=status], [role=alert]');
    const heard = chat.frame.getByRole('status');
    await show([turnOf('long', { result: null })]);
    expect(await live.count()).toBe(1);
    expect(await heard.innerText()).toBe('Answering');
    const changes = heard.evaluate(changesUntil, 'Done');
    await chat.frame.locator('body').evaluate(stream, longAnswer(2_000));
    await chat.tell({ type: 'turn', turn: turnOf('long', { answer: longAnswer(2_000) }) });
    expect(await changes).toEqual(['Done']);
  });

  test('words are written in their own direction, and code from left to right', async () => {
    const answer = 'مرحبا `const a` بك\n\n```js\nlet a;\n```\n';
    await show([turnOf('right', { question: 'كيف الحال؟', answer }), turnOf('left', { answer: 'Hello' })]);
    const direction = (selector: string): Promise<string> =>
      chat.frame
        .locator(selector)
        .first()
        .evaluate((element) => getComputedStyle(element).direction);
    expect(await direction('#turn-right .question')).toBe('rtl');
    expect(await direction('#turn-right .answer')).toBe('rtl');
    expect(await direction('#turn-right .answer p code')).toBe('ltr');
    expect(await direction('#turn-right .code code')).toBe('ltr');
    expect(await direction('#turn-left .answer')).toBe('ltr');
    expect(await direction('#turn-left .question')).toBe('ltr');
  });

  test.each(['highContrast', 'highContrastLight'] as const)(
    'inline code has a contrast of 4.5:1 in the theme %s',
    async (theme) => {
      await editor.changeTheme(window, theme);
      await show([turnOf('code', { answer: 'Call `retry` again.' })]);
      expect(await chat.frame.locator('.answer p code').evaluate(contrast)).toBeGreaterThanOrEqual(4.5);
    },
  );

  test('one editor has the conversation while it is open, and gives it back', async () => {
    await chat.startOver();
    await chat.reason.fill('JIRA-123 hold');
    await chat.question.fill('What moves?');
    await window.palette('TidyLLM: Open Chat in Editor');
    const inEditor = window.editorFrame();
    const question = inEditor.getByRole('textbox', { name: 'Question' });
    await expect.poll(() => question.inputValue()).toBe('What moves?');
    await chat.frame.getByText('The chat is open in an editor.').waitFor();
    expect(await chat.question.count()).toBe(0);
    await question.press('Enter');
    await inEditor.getByRole('article').last().locator('.footer').waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('chat-in-editor');
    // Lines of prose stay short enough to read, however wide the editor is.
    await window.page.setViewportSize({ width: 1900, height: 800 });
    const prose = inEditor.locator('.answer p').last();
    expect((await prose.boundingBox())!.width).toBeLessThan(760);
    await window.page.setViewportSize({ width: 1280, height: 800 });
    await chat.button('Bring It Back').click();
    await window.page.locator('.editor-group-container .tab').waitFor({ state: 'detached' });
    await chat.turns.filter({ hasText: 'What moves?' }).locator('.footer').waitFor();
    expect(await chat.question.inputValue()).toBe('');
  });

  test('a page that ended without a word comes back with its conversation', async () => {
    await chat.startOver();
    await chat.ask('What is kept?');
    const before = await (await chat.ended()).innerText();
    await chat.frame.locator('#root').evaluate((root) => root.remove());
    await window.palette('Developer: Reload Webviews');
    await expect.poll(() => chat.turns.last().innerText()).toBe(before);
  });

  test('a megabyte that is pasted freezes nothing', async () => {
    await show([]);
    const pasted = 'All the lines of a long log file.\n'.repeat(30_000);
    expect(await chat.question.evaluate(paste, pasted)).toBeLessThan(200);
    await chat.frame.getByText('Text of 1,020,000 characters').waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
    await chat.button('Remove the text').click();
    await chat.question.press('x');
    expect(await chat.question.inputValue()).toBe('x');
  });
});

/**
 * Runs in the view: shows a message and returns the milliseconds until the last turn is on the screen, less as much as a busy
 * machine slowed down work of a known length before and after it.
 */
async function timeToShow(
  _body: Element,
  { message, last }: { message: object; last: string },
): Promise<number> {
  const work = (): number => {
    const from = performance.now();
    let sum = 0;
    for (let round = 0; round < 2_000_000; round += 1) sum += Math.sqrt(round);
    return sum > 0 ? performance.now() - from : 0;
  };
  const times = async (): Promise<number[]> => {
    const taken: number[] = [];
    for (let time = 0; time < 20; time += 1) {
      taken.push(work());
      await new Promise((resolve) => setTimeout(resolve));
    }
    return taken;
  };
  const before = await times();
  const began = performance.now();
  window.postMessage(message);
  const frame = (): Promise<unknown> => new Promise((resolve) => requestAnimationFrame(resolve));
  const isSeen = (): boolean => {
    const box = document.getElementById(last)?.querySelector('.footer')?.getBoundingClientRect();
    return box !== undefined && box.height > 0 && box.bottom <= innerHeight;
  };
  while (!isSeen()) await frame();
  await frame();
  const took = performance.now() - began;
  const all = [...before, ...(await times())];
  const slowdown = all.reduce((sum, time) => sum + time, 0) / all.length / Math.min(...all);
  return took / slowdown;
}

/** Shares of the pieces, and of control tasks among them, that took a task of over 50 ms. */
/** Runs in the view: streams a part of an answer. */
async function stream(_body: Element, answer: string): Promise<void> {
  const size = 200;
  for (let start = 0; start < answer.length; start += size) {
    window.postMessage({ type: 'text', id: 'long', text: answer.slice(start, start + size) });
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/** Runs in the view: where an element is scrolled to once it moves no more. */
async function restingPlace(element: Element): Promise<number> {
  let before = NaN;
  while (element.scrollTop !== before) {
    before = element.scrollTop;
    for (let frame = 0; frame < 10; frame++) await new Promise(requestAnimationFrame);
  }
  return before;
}

/** Runs in the view: the texts that an element gets, until it has the last one. */
function changesUntil(element: Element, last: string): Promise<string[]> {
  const changes: string[] = [];
  return new Promise((resolve) => {
    new MutationObserver(() => {
      changes.push(element.textContent);
      if (element.textContent === last) resolve(changes);
    }).observe(element, { childList: true, characterData: true, subtree: true });
  });
}

/** Runs in the view: the contrast between an element's text and its background. */
function contrast(element: Element): number {
  const { color, backgroundColor } = getComputedStyle(element);
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map((part) => {
      const share = Number(part) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [darker = 0, lighter = 0] = [luminance(color), luminance(backgroundColor)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Runs in the view: pastes a text, and returns the milliseconds until the view shows it. */
async function paste(field: Element, text: string): Promise<number> {
  const clipboardData = new DataTransfer();
  clipboardData.setData('text/plain', text);
  const began = performance.now();
  field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  return performance.now() - began;
}
