import * as z from 'zod/mini';
import { chatModeIds, type ChatModeId } from './chatModeIds.ts';
import { rememberReason } from './reasons.ts';
import { turnSchema, type Turn } from './turn.ts';

/** Larger conversations are not kept: the storage is read at every start. */
const keptCharacters = 262_144;

const keptSchema = z.object({
  turns: z.array(turnSchema),
  reason: z.string(),
  mode: z._default(z.enum(chatModeIds), 'direct'),
});

export interface KeptConversation {
  turns: readonly Turn[];
  reason: string;
  mode: ChatModeId;
}

/** Values by name, such as VS Code's `Memento`. */
export interface ChatStorage {
  get(key: string): unknown;
  update(key: string, value: unknown): PromiseLike<void>;
}

/** The chat's data that is kept between starts. */
export class ChatMemory {
  readonly #storage: ChatStorage;
  /** Whether policy allows keeping prompts and answers; null until the settings are read. */
  #mayKeep: boolean | null = null;

  constructor(storage: ChatStorage) {
    this.#storage = storage;
  }

  /** Sets whether prompts and answers may be kept. If not, kept ones are deleted too. */
  async setPolicy(mayKeep: boolean): Promise<void> {
    this.#mayKeep = mayKeep;
    if (mayKeep) return;
    await this.keepConversation(this.conversation);
    await this.#storage.update('draft', '');
  }

  get conversation(): KeptConversation {
    const kept = keptSchema.safeParse(this.#storage.get('conversation'));
    return kept.success ? kept.data : { turns: [], reason: '', mode: 'direct' };
  }

  /** Kept data isn't changed until the policy is known. */
  async keepConversation({ turns, reason, mode }: KeptConversation): Promise<void> {
    if (this.#mayKeep === null && turns.length > 0) return;
    const kept = { turns, reason, mode };
    const fits = this.#mayKeep === true && JSON.stringify(kept).length <= keptCharacters;
    await this.#storage.update('conversation', fits ? kept : { ...kept, turns: [] });
  }

  /** The question draft. */
  get draft(): string {
    return text(this.#storage.get('draft')) ?? '';
  }

  async keepDraft(question: string): Promise<void> {
    if (this.#mayKeep === true || question === '') await this.#storage.update('draft', question);
  }

  /** Used reasons, latest first. */
  get reasons(): string[] {
    return texts(this.#storage.get('reasons'));
  }

  async addReason(reason: string): Promise<void> {
    await this.#storage.update('reasons', rememberReason(this.reasons, reason));
  }

  /** The models of the last comparison. */
  get comparedModels(): string[] {
    return texts(this.#storage.get('comparedModels'));
  }

  async keepComparedModels(names: readonly string[]): Promise<void> {
    await this.#storage.update('comparedModels', names);
  }

  /** The last selected model. */
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

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
