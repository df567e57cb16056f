import type { ChatMemory } from '../../chat/chatMemory.ts';
import {
  Conversation,
  type ConversationDependencies,
  type ConversationEvent,
  type KeptConversation,
} from '../../chat/conversation.ts';
import type { ConversationFiles } from '../../chat/conversationFiles.ts';
import type { Author } from '../../chat/conversationLine.ts';
import { ConversationLog } from '../../chat/conversationLog.ts';
import type { Turn } from '../../chat/turn.ts';

export interface OpenConversationDependencies {
  files: ConversationFiles;
  memory: ChatMemory;
  /** Keys of the workspaces of this window. */
  workspaces: () => string[];
  /** What each conversation needs. */
  conversation: Omit<ConversationDependencies, 'id' | 'onEvent' | 'onDidChange'>;
  /** Events of the open conversation. */
  onEvent: (event: ConversationEvent) => void;
  /** What is written now and not asked yet. */
  draft: () => string;
  /** Called when another conversation is opened, with the names of both drafts. */
  onReplaced: (from: string, to: string) => void;
  /** Told if something can't be kept or read. */
  onError: (error: unknown) => void;
}

const empty: KeptConversation = { turns: [], reason: '', mode: 'direct', signature: '' };

/** The conversation that this window has open, with its file. */
export class OpenConversation {
  readonly #dependencies: OpenConversationDependencies;
  readonly #stopFollowing: () => void;
  #author: Author | null = null;
  #conversation: Conversation;
  #log: ConversationLog;

  constructor(dependencies: OpenConversationDependencies) {
    this.#dependencies = dependencies;
    this.#log = this.#newLog();
    this.#conversation = this.#make(dependencies.memory.earlier ?? empty, this.#log);
    this.#stopFollowing = dependencies.files.onDidChange(() =>
      this.#do(this.#log.readOn(this.#conversation)),
    );
  }

  get conversation(): Conversation {
    return this.#conversation;
  }

  get log(): ConversationLog {
    return this.#log;
  }

  /** Whether policy keeps conversations; true until it is known. */
  get isKept(): boolean {
    return this.#author?.policy !== 'none';
  }

  /** Opens what was open before. Never throws. */
  async restore(): Promise<void> {
    const { memory } = this.#dependencies;
    const before = memory.open;
    if (!before || memory.earlier) return;
    try {
      if (await this.open(before.id))
        Object.assign(this.#conversation, { mode: before.mode, signature: before.signature });
    } catch (error) {
      this.#dependencies.onError(error);
    }
    this.#conversation.reason = before.reason;
    this.#conversation.useClass = before.useClass;
  }

  /** From now on turns are kept as this user, and as policy says; those of an earlier version are carried over once. */
  async keepAs(author: Author): Promise<void> {
    const { memory } = this.#dependencies;
    this.#author = author;
    await memory.setPolicy(author.policy !== 'none');
    await this.#log.keep(this.#conversation, author);
    await memory.forgetEarlier();
  }

  /** Opens a kept conversation in place of this one; resolves with whether it was there. Throws `content_unavailable`. */
  async open(id: string): Promise<boolean> {
    const { files, workspaces } = this.#dependencies;
    const opened = await files.open(id);
    if (!opened) return false;
    const { leaf } = opened.file.about;
    this.#replace({ ...empty, turns: opened.turns, leaf }, new ConversationLog(files, workspaces(), opened));
    const last = this.#conversation.turns.at(-1);
    if (last) {
      const { reason, mode = 'direct', signature = '', followsRules = true, useClass = '' } = last;
      Object.assign(this.#conversation, { reason, mode, signature, followsRules, useClass });
    }
    return true;
  }

  /** The name of what is written here and not asked yet: questions of new conversations have one together. */
  get draftName(): string {
    return this.#conversation.allTurns.length === 0 ? '' : this.#log.id;
  }

  /** What was written here and not asked. */
  get draft(): string {
    const { files, memory, onError } = this.#dependencies;
    try {
      return files.openDraft(memory.draftOf(this.draftName));
    } catch (error) {
      onError(error);
      return '';
    }
  }

  /** Keeps it for the next start, once policy is known. Throws `content_unavailable`. */
  async keepDraft(text: string): Promise<void> {
    const { files, memory } = this.#dependencies;
    if (this.#author) await memory.keepDraft(this.draftName, files.sealDraft(this.#author, text));
  }

  startNew(): void {
    this.#replace(empty, this.#newLog());
  }

  /** Goes on in another file: what this one had is to be forgotten. */
  startAnew(): void {
    this.#log.startAnew();
    this.#do(this.remember());
  }

  /** Remembers for the next start what is open, and how the next question is asked. */
  async remember(): Promise<void> {
    const { reason, mode, signature, useClass } = this.#conversation;
    await this.#dependencies.memory.keepOpen({ id: this.#log.id, reason, mode, signature, useClass });
  }

  dispose(): void {
    this.#conversation.stop();
    this.#stopFollowing();
  }

  #replace(kept: KeptConversation, log: ConversationLog): void {
    const from = this.draftName;
    this.#do(this.keepDraft(this.#dependencies.draft()));
    this.#conversation.stop();
    this.#log = log;
    this.#conversation = this.#make(kept, log);
    this.#dependencies.onReplaced(from, this.draftName);
    this.#do(this.remember());
  }

  #newLog(): ConversationLog {
    return new ConversationLog(this.#dependencies.files, this.#dependencies.workspaces(), null);
  }

  /** A conversation that goes on keeping its turns once another one is open. */
  #make(kept: KeptConversation, log: ConversationLog): Conversation {
    const { conversation: needs, onEvent } = this.#dependencies;
    const conversation: Conversation = new Conversation(
      {
        ...needs,
        id: log.id,
        onEvent: (event) => {
          if (conversation === this.#conversation) onEvent(event);
        },
        onDidChange: (changed, removed) => this.#do(this.#keep(conversation, log, changed, removed)),
      },
      kept,
    );
    return conversation;
  }

  /** Until policy is known nothing is kept; then all is. */
  async #keep(
    conversation: Conversation,
    log: ConversationLog,
    changed: readonly Turn[],
    removed: readonly Turn[],
  ): Promise<void> {
    if (this.#author) await log.keep(conversation, this.#author, changed, removed);
    if (conversation === this.#conversation) await this.remember();
  }

  #do(work: Promise<void>): void {
    work.catch(this.#dependencies.onError);
  }
}
