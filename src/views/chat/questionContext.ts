import * as vscode from 'vscode';
import { withoutContent, type Attachment } from '../../chat/context/attachment.ts';
import { fileAttachment, requireFitting, textAttachment } from '../../chat/context/attachments.ts';
import { attachUri, requireAllowed, type MakeAttachments } from '../../host/attach.ts';
import { pickContext } from '../../host/attachPicker.ts';
import type { ContextMessage } from './protocol.ts';

export interface QuestionContextDependencies {
  /** Files that policy keeps out of requests. Throws `gateway_unavailable` while policy isn't known. */
  denied: () => Promise<Parameters<MakeAttachments>[0]>;
  onDidChange: () => void;
  /** Shows why something was not attached. */
  onRefused: (error: unknown) => void;
  /** Puts the cursor back into the question field. */
  focus: () => void;
}

/** What goes with the next question. */
export class QuestionContext {
  readonly #dependencies: QuestionContextDependencies;
  #attachments: readonly Attachment[] = [];

  constructor(dependencies: QuestionContextDependencies) {
    this.#dependencies = dependencies;
  }

  get attachments(): readonly Attachment[] {
    return this.#attachments;
  }

  /** For the view. */
  get chips(): Attachment[] {
    return this.#attachments.map(withoutContent);
  }

  /** Adds what was made; a refusal is shown, and the rest is added. */
  async add(making: readonly MakeAttachments[]): Promise<void> {
    for (const make of making) {
      try {
        await this.addOrThrow(make);
      } catch (error) {
        this.#dependencies.onRefused(error);
      }
    }
  }

  /** Adds what was made. Throws why it can't be. */
  async addOrThrow(make: MakeAttachments): Promise<void> {
    const made = await make(await this.#dependencies.denied());
    if (made.length === 0) return;
    const attachments = [...this.#attachments, ...made];
    requireFitting(attachments);
    this.#change(attachments);
  }

  /** Has these in place of all. */
  replace(attachments: readonly Attachment[]): void {
    this.#change(attachments);
  }

  /** Takes all for a question that is asked. */
  take(): readonly Attachment[] {
    const taken = this.#attachments;
    this.#change([]);
    return taken;
  }

  /** Brings those of a question back that was not asked. */
  giveBack(attachments: readonly Attachment[]): void {
    if (attachments.length > 0) this.#change([...attachments, ...this.#attachments]);
  }

  async handle(message: ContextMessage): Promise<void> {
    switch (message.type) {
      case 'attachText': {
        const { text } = message;
        const name = vscode.l10n.t('Text of {0} characters', text.length.toLocaleString(vscode.env.language));
        return this.add([() => Promise.resolve([textAttachment('text', name, text)])]);
      }
      case 'attachFiles':
        return this.add(
          message.files.map(({ name, data }) => async (denied) => {
            await requireAllowed(name, denied);
            const bytes = Buffer.from(data, 'base64');
            return [await fileAttachment(name, bytes, (all) => vscode.workspace.decode(all))];
          }),
        );
      case 'attachUris':
        return this.add(
          message.uris.map((uri) => async (denied) => [await attachUri(vscode.Uri.parse(uri, true), denied)]),
        );
      case 'removeAttachment':
        this.#change(this.#attachments.filter(({ id }) => id !== message.id));
        return;
      case 'addContext':
        await this.add([pickContext]);
        this.#dependencies.focus();
        return;
    }
  }

  #change(attachments: readonly Attachment[]): void {
    this.#attachments = attachments;
    this.#dependencies.onDidChange();
  }
}
