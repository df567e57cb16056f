import * as z from 'zod/mini';
import type { KeptConversation } from './conversation.ts';
import { rememberReason } from './reasons.ts';
import { turnSchema, type Turn } from './turn.ts';

/** The conversation that earlier versions kept here, with all its turns. */
const earlierSchema = z.object({
  turns: z.array(turnSchema),
  reason: z.string(),
  mode: z._default(z.string(), 'direct'),
  signature: z._default(z.string(), ''),
});

const openSchema = z.object({
  id: z.string(),
  reason: z.string(),
  mode: z.string(),
  signature: z._default(z.string(), ''),
  useClass: z._default(z.string(), ''),
});

const draftsSchema = z.array(z.tuple([z.string(), z.string()]));
/** Of other conversations than the last ones nobody expects a draft. */
const mostDrafts = 20;

/** The conversation that a window has open, and how the next question is asked. */
export type OpenInWindow = z.infer<typeof openSchema>;

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

  /** Sets whether prompts and answers may be kept. If not, drafts and the signature are deleted too. */
  async setPolicy(mayKeep: boolean): Promise<void> {
    this.#mayKeep = mayKeep;
    if (mayKeep) return;
    await this.forgetDrafts();
    if (this.open) await this.keepOpen(this.open);
  }

  /** What was open when a window of this workspace last changed it. */
  get open(): OpenInWindow | null {
    return openSchema.safeParse(this.#storage.get('open')).data ?? null;
  }

  async keepOpen({ signature, ...open }: OpenInWindow): Promise<void> {
    const kept = this.#mayKeep === false ? '' : signature;
    await this.#storage.update('open', { ...open, signature: kept });
  }

  /** The conversation that an earlier version kept, in one branch; null if there is none. */
  get earlier(): KeptConversation | null {
    const kept = earlierSchema.safeParse(this.#storage.get('conversation')).data;
    if (!kept) return null;
    const turns = kept.turns.map((turn, index): Turn => {
      const parent = kept.turns[index - 1]?.id;
      return { ...turn, ...(parent !== undefined && { parent }) };
    });
    return { ...kept, turns };
  }

  /** Deletes it, once it is kept elsewhere or must not be kept. */
  async forgetEarlier(): Promise<void> {
    await this.#storage.update('conversation', undefined);
    await this.#storage.update('draft', undefined);
  }

  /** The sealed draft of a conversation; empty without one. */
  draftOf(conversation: string): string {
    return new Map(this.#drafts).get(conversation) ?? '';
  }

  /** Keeps the sealed drafts that were changed last; an empty one is deleted. */
  async keepDraft(conversation: string, sealed: string): Promise<void> {
    const others = this.#drafts.filter(([id]) => id !== conversation);
    if (sealed === '' && others.length === this.#drafts.length) return;
    const drafts = sealed === '' ? others : [...others, [conversation, sealed]].slice(-mostDrafts);
    await this.#storage.update('drafts', drafts);
  }

  async forgetDrafts(): Promise<void> {
    await this.#storage.update('draft', undefined);
    await this.#storage.update('drafts', undefined);
  }

  get #drafts(): [conversation: string, sealed: string][] {
    return draftsSchema.safeParse(this.#storage.get('drafts')).data ?? [];
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
