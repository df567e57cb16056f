import type { Memento } from 'vscode';
import * as z from 'zod/mini';
import { rememberReason } from '../../host/auditReason.ts';
import { turnSchema } from './protocol.ts';

/** Larger conversations are not kept: the storage is read at every start. */
const keptCharacters = 262_144;

const keptSchema = z.object({ turns: z.array(turnSchema), reason: z.string() });

export type KeptConversation = z.infer<typeof keptSchema>;

/** What the chat keeps between starts, in VS Code's own storage of this workspace and machine. */
export class ChatMemory {
  readonly #storage: Memento;

  constructor(storage: Memento) {
    this.#storage = storage;
  }

  get conversation(): KeptConversation {
    const kept = keptSchema.safeParse(this.#storage.get('conversation'));
    return kept.success ? kept.data : { turns: [], reason: '' };
  }

  /** `withContent` is false where the policy says that nothing is kept of prompts and answers. */
  keepConversation(conversation: KeptConversation, withContent: boolean): Thenable<void> {
    const small = withContent && JSON.stringify(conversation).length <= keptCharacters;
    return this.#storage.update('conversation', small ? conversation : { ...conversation, turns: [] });
  }

  /** The question that is being written. */
  get draft(): string {
    return this.#storage.get('draft', '');
  }

  keepDraft(question: string): Thenable<void> {
    return this.#storage.update('draft', question);
  }

  /** The reasons that were used, latest first. */
  get reasons(): string[] {
    return this.#storage.get('reasons', []);
  }

  addReason(reason: string): Thenable<void> {
    return this.#storage.update('reasons', rememberReason(this.reasons, reason));
  }

  /** The model that was chosen last. */
  get model(): string | undefined {
    return this.#storage.get('model');
  }

  chooseModel(name: string): Thenable<void> {
    return this.#storage.update('model', name);
  }
}
