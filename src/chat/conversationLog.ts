import type { Conversation } from './conversation.ts';
import type { ConversationFile, ConversationFiles, OpenedConversation } from './conversationFiles.ts';
import type { Author } from './conversationLine.ts';
import type { Turn } from './turn.ts';

/** Keeps a conversation in its file, and takes in what other windows add to it; one thing after the other. */
export class ConversationLog {
  readonly #files: ConversationFiles;
  readonly #workspaces: readonly string[];
  #file: ConversationFile;
  #unreadable: number;
  #last: Promise<unknown> = Promise.resolve();

  /** `opened` is null for a new conversation. */
  constructor(files: ConversationFiles, workspaces: readonly string[], opened: OpenedConversation | null) {
    this.#files = files;
    this.#workspaces = workspaces;
    this.#file = opened?.file ?? files.create(workspaces);
    this.#unreadable = opened?.unreadable ?? 0;
  }

  get id(): string {
    return this.#file.id;
  }

  /** Empty before the first question. */
  get title(): string {
    return this.#file.about.title;
  }

  /** Number of lines that can't be read. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Writes what changed, with all turns that are not in the file yet. Throws `content_unavailable`. */
  keep(
    conversation: Conversation,
    author: Author,
    changed: readonly Turn[] = [],
    removed: readonly Turn[] = [],
  ): Promise<void> {
    return this.#next(async () => {
      const file = this.#file;
      const turns = conversation.allTurns.filter(
        (turn) => !file.known.has(turn.id) || changed.includes(turn),
      );
      const gone = removed.map(({ id }) => id).filter((id) => file.known.has(id));
      const leaf = conversation.turns.at(-1)?.id ?? null;
      if (turns.length === 0 && gone.length === 0 && leaf === file.about.leaf) return;
      const others = await this.#files.append(file, author, turns, { leaf, removed: gone });
      this.#takeIn(conversation, others);
    });
  }

  /** Takes in what other windows wrote. Throws `content_unavailable`. */
  readOn(conversation: Conversation): Promise<void> {
    return this.#next(async () => this.#takeIn(conversation, await this.#files.readOn(this.#file)));
  }

  /** Goes on in another file, without what was forgotten. */
  startAnew(): void {
    this.#file = this.#files.create(this.#workspaces);
    this.#unreadable = 0;
  }

  #takeIn(conversation: Conversation, read: Awaited<ReturnType<ConversationFiles['readOn']>>): void {
    if (!read) {
      // Erased, or deleted for good.
      this.startAnew();
      conversation.forgetEnded();
      return;
    }
    this.#unreadable += read.unreadable;
    conversation.takeIn(read.turns, read.removed);
  }

  #next(work: () => Promise<void>): Promise<void> {
    const run = this.#last.then(work, work);
    this.#last = run;
    return run;
  }
}
