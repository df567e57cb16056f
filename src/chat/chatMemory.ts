import * as z from 'zod/mini';
import { rememberReason } from './reasons.ts';
import { turnSchema, type Turn } from './turn.ts';

/** Larger conversations are not kept: the storage is read at every start. */
const keptCharacters = 262_144;

const keptSchema = z.object({ turns: z.array(turnSchema), reason: z.string() });

/** Values by name; VS Code's `Memento` is one. */
export interface ChatStorage {
  get(key: string): unknown;
  update(key: string, value: unknown): PromiseLike<void>;
}

/** What the chat keeps between starts. */
export class ChatMemory {
  readonly #storage: ChatStorage;
  /** Whether the policy lets prompts and answers be kept; null until the settings were read. */
  #mayKeep: boolean | null = null;

  constructor(storage: ChatStorage) {
    this.#storage = storage;
  }

  /** Whether prompts and answers may be kept from now on. Where they may not, what was kept goes too. */
  async setPolicy(mayKeep: boolean): Promise<void> {
    this.#mayKeep = mayKeep;
    if (mayKeep) return;
    await this.keepConversation(this.conversation);
    await this.#storage.update('draft', '');
  }

  get conversation(): { turns: Turn[]; reason: string } {
    const kept = keptSchema.safeParse(this.#storage.get('conversation'));
    return kept.success ? kept.data : { turns: [], reason: '' };
  }

  /** Nothing is changed of what was kept until the policy is known. */
  async keepConversation({ turns, reason }: { turns: readonly Turn[]; reason: string }): Promise<void> {
    if (this.#mayKeep === null && turns.length > 0) return;
    const kept = { turns, reason };
    const fits = this.#mayKeep === true && JSON.stringify(kept).length <= keptCharacters;
    await this.#storage.update('conversation', fits ? kept : { turns: [], reason });
  }

  /** The question that is being written. */
  get draft(): string {
    return text(this.#storage.get('draft')) ?? '';
  }

  async keepDraft(question: string): Promise<void> {
    if (this.#mayKeep === true || question === '') await this.#storage.update('draft', question);
  }

  /** The reasons that were used, latest first. */
  get reasons(): string[] {
    const kept = this.#storage.get('reasons');
    return Array.isArray(kept) ? kept.filter((one) => typeof one === 'string') : [];
  }

  async addReason(reason: string): Promise<void> {
    await this.#storage.update('reasons', rememberReason(this.reasons, reason));
  }

  /** The model that was chosen last. */
  get model(): string | undefined {
    return text(this.#storage.get('model'));
  }

  async chooseModel(name: string): Promise<void> {
    await this.#storage.update('model', name);
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
