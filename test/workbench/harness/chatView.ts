import type { FrameLocator, Locator } from 'playwright-core';
import type { HostMessage } from '../../../src/views/chat/protocol.ts';
import type { EditorWindow } from './editorWindow.ts';

/** The chat view of a window and what the tests touch in it. */
export class ChatView {
  readonly frame: FrameLocator;
  readonly reason: Locator;
  readonly question: Locator;
  /** Questions with their answers, oldest first. */
  readonly turns: Locator;

  readonly #window: EditorWindow;

  private constructor(window: EditorWindow, frame: FrameLocator) {
    this.#window = window;
    this.frame = frame;
    this.reason = frame.getByRole('textbox', { name: 'Reason' });
    this.question = frame.getByRole('textbox', { name: 'Question' });
    this.turns = frame.getByRole('article');
  }

  /** Shows the view and waits until questions are taken. */
  static async open(window: EditorWindow): Promise<ChatView> {
    await window.showContainer();
    await window.showChat();
    const view = new ChatView(window, window.chatFrame());
    await view.frame.locator('.model').waitFor();
    return view;
  }

  /** Begins a conversation, unless this one has neither a turn nor a reason: then nothing would show that it is new. */
  async startOver(): Promise<void> {
    if ((await this.turns.count()) === 0 && (await this.reason.inputValue()) === '') return;
    await this.#window.palette('TidyLLM: New Conversation');
    // Turns may be gone before, where their content was erased; the reason goes with the conversation.
    await this.reason.and(this.frame.locator(':placeholder-shown')).waitFor();
    await this.turns.first().waitFor({ state: 'detached' });
  }

  button(name: string | RegExp): Locator {
    return this.frame.getByRole('button', { name });
  }

  /** Writes and sends; a reason is given where the conversation has none. */
  async ask(question: string): Promise<void> {
    if ((await this.reason.inputValue()) === '') await this.reason.fill('JIRA-123 test the chat');
    const before = await this.turns.count();
    await this.question.fill(question);
    await this.question.press('Enter');
    await this.turns.nth(before).waitFor();
  }

  /** Shows the view these messages of the extension, for what no model answers in a test's time. */
  async tell(...messages: HostMessage[]): Promise<void> {
    await this.frame.locator('body').evaluate((_body, told) => {
      for (const message of told) window.postMessage(message);
    }, messages);
  }

  /** The last turn, once its answer has ended. */
  async ended(): Promise<Locator> {
    const last = this.turns.last();
    await last.locator('.footer').waitFor();
    return last;
  }
}
