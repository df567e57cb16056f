import { askedBefore, canAnswerAgain } from '../../chat/askedBefore.ts';
import type { Conversation } from '../../chat/conversation.ts';
import type { ConversationFiles, ListedConversation } from '../../chat/conversationFiles.ts';
import type { Turn } from '../../chat/turn.ts';

/** Where a question was asked before: a turn of the open conversation, or another conversation that began with it. */
export type AskedBefore = { turn: Turn } | { conversation: ListedConversation };

/**
 * Looks for a question among those that are in memory: all of the open conversation, and the first of each other one of
 * the workspace, which is its title. The list is read again only after conversations changed.
 */
export class RepeatedQuestion {
  readonly #files: Pick<ConversationFiles, 'list' | 'onDidChange'>;
  readonly #workspaces: () => readonly string[];
  readonly #stopFollowing: () => void;
  #others: readonly ListedConversation[] = [];
  #isCurrent = false;

  constructor(files: Pick<ConversationFiles, 'list' | 'onDidChange'>, workspaces: () => readonly string[]) {
    this.#files = files;
    this.#workspaces = workspaces;
    this.#stopFollowing = files.onDidChange(() => (this.#isCurrent = false));
  }

  async find(question: string, open: Conversation, openId: string): Promise<AskedBefore | null> {
    const turns = open.allTurns.filter(canAnswerAgain);
    const turn = askedBefore(question, turns, (one) => one.question);
    if (turn) return { turn };
    const others = (await this.#listed()).filter(({ id }) => id !== openId);
    const conversation = askedBefore(question, others, ({ title }) => title);
    return conversation ? { conversation } : null;
  }

  dispose(): void {
    this.#stopFollowing();
  }

  /** The conversations of the workspace, the latest last; a title that was cut isn't the whole question. */
  async #listed(): Promise<readonly ListedConversation[]> {
    if (this.#isCurrent) return this.#others;
    this.#isCurrent = true;
    const { conversations } = await this.#files.list();
    const here = new Set(this.#workspaces());
    this.#others = conversations
      .filter(
        ({ deleted, title, workspaces }) =>
          deleted === null && !title.endsWith('…') && workspaces.some((one) => here.has(one)),
      )
      .toSorted((one, other) => (one.asked < other.asked ? -1 : 1));
    return this.#others;
  }
}
