import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { ChatMemory } from '../../chat/chatMemory.ts';
import { comparedQuestion } from '../../chat/compareCommand.ts';
import type { Attachment } from '../../chat/context/attachment.ts';
import type { PromptCommand } from '../../chat/context/promptFiles.ts';
import type { Change, Conversation } from '../../chat/conversation.ts';
import { GatewayError } from '../../errors.ts';
import { attachDiff, attachSelection } from '../../host/attach.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { inBackground, showFailure } from '../../host/failures.ts';
import { askInputs } from '../../host/pickPrompt.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { HostMessage } from './protocol.ts';
import { QuestionContext } from './questionContext.ts';

/** Milliseconds without typing before a question is priced. */
const pauseMs = 150;

/** A question that waits for the running answer, and how it will be asked. */
export interface QueuedQuestion extends Required<Pick<Change, 'mode' | 'reason' | 'signature' | 'useClass'>> {
  id: string;
  question: string;
  attachments: readonly Attachment[];
  model: string;
}

export interface NextQuestionDependencies {
  holder: CoreHolder;
  memory: ChatMemory;
  log: vscode.LogOutputChannel;
  conversation: () => Conversation;
  /** The text that was kept for the open conversation. */
  kept: () => string;
  /** Keeps the text for the next start. */
  keep: (text: string) => Promise<void>;
  /** Called where the mode of the conversation was changed here. */
  onDidChangeMode: () => void;
  /** Called with the text when it has rested and is priced. */
  lookAt: (text: string) => Promise<void>;
  post: (message: HostMessage) => void;
}

/** What a person has written and not asked yet: the question, what goes with it, its model, and questions that wait. */
export class NextQuestion {
  readonly #dependencies: NextQuestionDependencies;
  readonly context: QuestionContext;
  #text = '';
  #queued: QueuedQuestion[] = [];
  /** The model that was selected in this window, or in one before it. */
  #selectedModel: string | undefined;
  /** A prompt's model, and the conversation's mode before that of the prompt: for one question. */
  #prompted: { model: string | undefined; mode: string } | null = null;
  /** What was written in other conversations of this window. */
  readonly #left = new Map<string, { text: string; attachments: readonly Attachment[] }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(dependencies: NextQuestionDependencies) {
    this.#dependencies = dependencies;
    this.#selectedModel = dependencies.memory.model;
    this.context = new QuestionContext({
      denied: async () => (await dependencies.holder.whenReady()).chat.deniedPaths,
      onDidChange: () => this.#showContext(),
      onRefused: (error) => void showFailure(dependencies.log, error),
      focus: () => dependencies.post({ type: 'focus' }),
    });
  }

  get text(): string {
    return this.#text;
  }

  get queued(): readonly QueuedQuestion[] {
    return this.#queued;
  }

  /** What the view says that its field holds. */
  write(text: string): void {
    this.#text = text;
    if (text === '' && this.context.attachments.length === 0) this.#endPrompt();
    this.priceSoon();
  }

  /** The text was sent from the field. */
  empty(): void {
    this.#text = '';
    this.priceSoon();
  }

  /** The selected model, otherwise that of the settings; empty without a core. */
  async model(): Promise<string> {
    const chosen = this.#prompted?.model ?? this.#selectedModel;
    if (chosen !== undefined) return chosen;
    try {
      return (await this.#dependencies.holder.whenReady()).loaded.settings.aws.bedrock.default_model;
    } catch {
      return '';
    }
  }

  async chooseModel(name: string): Promise<void> {
    this.#selectedModel = name;
    if (this.#prompted) this.#prompted.model = undefined;
    await this.#dependencies.memory.chooseModel(name);
  }

  /** A person's choice stays after a prompt's question. */
  chooseMode(mode: string): void {
    this.#dependencies.conversation().mode = mode;
    if (this.#prompted) this.#prompted.mode = mode;
  }

  /** Takes all of a question that is asked now, as it is asked. */
  async take(question: string): Promise<QueuedQuestion> {
    const { reason, mode, signature, useClass } = this.#dependencies.conversation();
    const model = await this.model();
    const attachments = this.context.take();
    this.#endPrompt();
    // Before the question makes the conversation one of its own.
    this.#keep();
    return { id: randomUUID(), question, attachments, model, reason, mode, signature, useClass };
  }

  wait(question: QueuedQuestion): void {
    this.#queued.push(question);
    this.#keep();
  }

  /** A question that is taken back can be changed. */
  takeBack(id: string): void {
    const taken = this.#queued.find((one) => one.id === id);
    if (!taken) return;
    this.#queued = this.#queued.filter((one) => one !== taken);
    this.giveBack(taken.question, taken.attachments);
    this.#keep();
  }

  /** The next question that waits; after a call that didn't succeed all go back to the question field. */
  afterAnswer(succeeded: boolean): QueuedQuestion | undefined {
    const next = succeeded ? this.#queued.shift() : undefined;
    const back = next ? [] : this.#queued.splice(0);
    if (back.length > 0)
      this.giveBack(
        back.map(({ question }) => question).join('\n\n'),
        back.flatMap(({ attachments }) => attachments),
      );
    if (next || back.length > 0) this.#keep();
    return next;
  }

  /** The text here keeps it too: the view forgets what it shows when it is hidden. */
  giveBack(question: string, attachments: readonly Attachment[] = []): void {
    this.context.giveBack(attachments);
    this.#text = [question, this.#text].filter(Boolean).join('\n\n');
    this.#dependencies.post({ type: 'questionReturned', question });
    this.priceSoon();
  }

  /** Puts a prompt with what it is about into the question field: its price is seen before it is asked. */
  async usePrompt(prompt: PromptCommand, argument: string): Promise<void> {
    const written = [`/${prompt.name}`, argument].filter(Boolean).join(' ');
    try {
      await this.#requireKnown(prompt);
      const question = await askInputs(
        prompt,
        argument,
        (await this.#dependencies.holder.whenReady()).chat.deniedPaths,
      );
      if (question === undefined) {
        this.giveBack(written);
        return;
      }
      if (prompt.about === 'selection')
        await this.context.addOrThrow(async (denied) => [await attachSelection(denied)]);
      if (prompt.about === 'diff')
        await this.context.addOrThrow(async (denied) => [await attachDiff(denied)]);
      const conversation = this.#dependencies.conversation();
      const { mode, model } = prompt;
      if (mode !== undefined || model !== undefined) {
        this.#endPrompt();
        this.#prompted = { model, mode: conversation.mode };
      }
      if (mode !== undefined) conversation.mode = mode;
      this.#dependencies.onDidChangeMode();
      this.giveBack(question);
    } catch (error) {
      this.giveBack(written);
      throw error;
    }
  }

  /** Throws `invalid_request` for a prompt with a fault, or whose model or mode there isn't. */
  async #requireKnown({ name, fault, model, mode }: PromptCommand): Promise<void> {
    if (fault !== null)
      throw new GatewayError('invalid_request', vscode.l10n.t('/{0} can’t be used: {1}.', name, fault), {
        hint: vscode.l10n.t('Nothing was sent. Correct its file; docs/context.md has its format.'),
      });
    const core = await this.#dependencies.holder.whenReady();
    if (model !== undefined) core.catalogue.resolve(model);
    if (mode !== undefined && mode !== 'structured') await core.chat.mode(mode);
  }

  /** Goes on with what was written in another conversation. */
  move(from: string, to: string): void {
    const waiting = this.#queued.flatMap(({ attachments }) => attachments);
    this.#left.set(from, { text: this.draft, attachments: [...waiting, ...this.context.attachments] });
    this.#queued = [];
    this.#prompted = null;
    const { text, attachments } = this.#left.get(to) ?? { text: this.#dependencies.kept(), attachments: [] };
    this.#text = text;
    this.context.replace(attachments);
  }

  /** Forgets all, of every conversation. */
  clear(): void {
    this.#queued = [];
    this.#left.clear();
    this.#text = '';
    this.#endPrompt();
    this.context.take();
  }

  /** The text as it stands, with the questions that wait, which are drafts for the next start. */
  get draft(): string {
    return [...this.#queued.map(({ question }) => question), this.#text].filter(Boolean).join('\n\n');
  }

  priceSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => inBackground(this.#dependencies.log, this.#price()), pauseMs);
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }

  #endPrompt(): void {
    if (!this.#prompted) return;
    this.#dependencies.conversation().mode = this.#prompted.mode;
    this.#prompted = null;
    this.#dependencies.onDidChangeMode();
  }

  /** A draft that can't be kept holds up no question. */
  #keep(): void {
    inBackground(this.#dependencies.log, this.#dependencies.keep(this.draft));
  }

  /** Keeps the text, and shows the most that the question can cost and how much room it takes. */
  async #price(): Promise<void> {
    const text = this.#text;
    this.#keep();
    const { post, conversation } = this.#dependencies;
    const { attachments } = this.context;
    const model = await this.model();
    // A comparison is priced once its models are known.
    const unpriced = text.trim() === '' || comparedQuestion(text) !== null;
    const cost = unpriced
      ? null
      : await unlessRefused(async () => formatUsd(await conversation().worstCase(text, model, attachments)));
    if (text !== this.#text) return;
    post({ type: 'worstCase', cost });
    const use = await unlessRefused(() => conversation().windowUse(text, model, attachments));
    post({ type: 'windowUse', use });
    if (text === this.#text) await this.#dependencies.lookAt(text);
  }

  #showContext(): void {
    this.#dependencies.post({ type: 'attachments', attachments: this.context.chips });
    this.priceSoon();
  }
}

/** Null where the question would be refused; sending it shows why. */
export async function unlessRefused<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (GatewayError.is(error)) return null;
    throw error;
  }
}
