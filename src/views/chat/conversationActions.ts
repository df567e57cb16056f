import * as vscode from 'vscode';
import type { ConversationFiles, ListedConversation } from '../../chat/conversationFiles.ts';
import { authorOf, type Author, type ConversationAbout } from '../../chat/conversationLine.ts';
import { TurnTree } from '../../chat/turnTree.ts';
import { GatewayError } from '../../errors.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { saveFile } from '../saveFile.ts';
import { pickConversation, pickDeleted } from './conversationPicker.ts';
import { conversationJson, conversationMarkdown, type ExportedConversation } from './exported.ts';
import type { OpenConversation } from './openConversation.ts';

export interface ConversationActionsDependencies {
  files: ConversationFiles;
  holder: CoreHolder;
  open: OpenConversation;
  workspaces: () => string[];
  /** Whether the open conversation may be left: an answer may be running. */
  mayLeave: () => Promise<boolean>;
  /** Shows the open conversation, after another one was opened. */
  show: () => Promise<void>;
}

/** What people do with the kept conversations of the chat; by default with the open one. */
export class ConversationActions {
  readonly #dependencies: ConversationActionsDependencies;

  constructor(dependencies: ConversationActionsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Lists all, and opens the one that is chosen. */
  async choose(): Promise<void> {
    const { files, open, workspaces } = this.#dependencies;
    const { conversations, unreadable } = await files.list();
    const chosen = await pickConversation({
      conversations,
      unreadable,
      directory: files.directory,
      workspaces: workspaces(),
      openId: open.log.id,
      isKept: open.isKept,
    });
    if (!chosen) return;
    switch (chosen.action) {
      case 'open':
        return this.openOne(chosen.conversation);
      case 'rename':
        await this.rename(chosen.conversation);
        return this.choose();
      case 'pin':
        await this.pin(chosen.conversation);
        return this.choose();
      case 'export':
        return this.export(chosen.conversation);
      case 'delete':
        return this.delete(chosen.conversation);
      case 'restore':
        await this.#change(chosen.conversation, { deleted: null });
        return this.choose();
      case 'remove':
        if (await confirmsRemoval(chosen.conversation)) await files.remove(chosen.conversation.id);
        return this.choose();
    }
  }

  async rename(asked?: ListedConversation): Promise<void> {
    const conversation = asked ?? (await this.#opened());
    if ((await this.#author()).policy === 'none') throw notKept();
    const title = await vscode.window.showInputBox({
      title: vscode.l10n.t('Rename Conversation'),
      value: conversation.title,
      ignoreFocusOut: true,
    });
    if (title?.trim()) await this.#change(conversation, { title: title.trim() });
  }

  async pin(asked?: ListedConversation): Promise<void> {
    const conversation = asked ?? (await this.#opened());
    await this.#change(conversation, { pinned: !conversation.pinned });
  }

  /** Moves it to the deleted ones, and offers to undo that. */
  async delete(asked?: ListedConversation): Promise<void> {
    const { open, mayLeave, show } = this.#dependencies;
    const conversation = asked ?? (await this.#opened());
    const isOpen = conversation.id === open.log.id;
    if (isOpen && !(await mayLeave())) return;
    await this.#change(conversation, { deleted: new Date().toISOString() });
    if (isOpen) {
      open.startNew();
      await show();
    }
    const undo = vscode.l10n.t('Undo');
    const told = vscode.l10n.t(
      'Deleted “{0}”. It can be restored for 30 days: {1}.',
      conversation.title,
      vscode.l10n.t('Restore Conversation…'),
    );
    if ((await vscode.window.showInformationMessage(told, undo)) === undo) await this.#restore(conversation);
  }

  /** Restores one of the deleted ones, and opens it. */
  async restore(): Promise<void> {
    const { conversations } = await this.#dependencies.files.list();
    const deleted = conversations.filter((one) => one.deleted !== null);
    if (deleted.length === 0) {
      void vscode.window.showInformationMessage(vscode.l10n.t('There are no deleted conversations.'));
      return;
    }
    const chosen = await pickDeleted(deleted);
    if (chosen) await this.#restore(chosen);
  }

  async export(asked?: ListedConversation): Promise<void> {
    const exported = await this.#exported(asked);
    await saveFile({
      title: vscode.l10n.t('Export Conversation'),
      name: `conversation-${exported.id.slice(0, 8)}.md`,
      filters: { Markdown: ['md'], JSON: ['json'] },
      content: ({ path }) =>
        path.endsWith('.json') ? conversationJson(exported) : conversationMarkdown(exported),
      told: (path) => vscode.l10n.t('The conversation was saved to {0}.', path),
    });
  }

  /** The open one as it is shown, kept or not; otherwise from its file. */
  async #exported(asked?: ListedConversation): Promise<ExportedConversation> {
    const { open, files } = this.#dependencies;
    const { conversation, log } = open;
    if (!asked || asked.id === log.id) {
      const { turns: shown, allTurns: turns } = conversation;
      if (turns.length === 0) throw emptyConversation();
      return { id: log.id, title: log.title || vscode.l10n.t('Conversation'), shown, turns };
    }
    const opened = await files.open(asked.id);
    if (!opened) throw emptyConversation();
    const tree = new TurnTree(opened.turns);
    const leaf = tree.find(opened.file.about.leaf ?? '') ?? opened.turns.at(-1);
    return { id: asked.id, title: asked.title, shown: tree.pathTo(leaf), turns: opened.turns };
  }

  async #restore(conversation: ListedConversation): Promise<void> {
    await this.#change(conversation, { deleted: null });
    await this.openOne(conversation);
  }

  async openOne(conversation: ListedConversation): Promise<void> {
    const { open, mayLeave, show } = this.#dependencies;
    if (conversation.id !== open.log.id) {
      if (!(await mayLeave())) return;
      if (conversation.deleted !== null) await this.#change(conversation, { deleted: null });
      await open.open(conversation.id);
    }
    await show();
  }

  /** Throws `invalid_request` if the open conversation isn't kept. */
  async #opened(): Promise<ListedConversation> {
    const { files, open } = this.#dependencies;
    const { conversations } = await files.list();
    const found = conversations.find(({ id }) => id === open.log.id);
    if (found) return found;
    throw (await this.#author()).policy === 'none' ? notKept() : emptyConversation();
  }

  async #change({ id }: ListedConversation, change: Partial<ConversationAbout>): Promise<void> {
    await this.#dependencies.files.change(id, await this.#author(), change);
  }

  async #author(): Promise<Author> {
    const { user, loaded } = await this.#dependencies.holder.whenReady();
    return authorOf(user, loaded.settings);
  }
}

async function confirmsRemoval({ title }: ListedConversation): Promise<boolean> {
  const remove = vscode.l10n.t('Delete Permanently');
  const asked = vscode.l10n.t('Delete “{0}” permanently?', title);
  const detail = vscode.l10n.t('This can’t be undone. The audit records stay.');
  return (await vscode.window.showWarningMessage(asked, { modal: true, detail }, remove)) === remove;
}

function emptyConversation(): GatewayError {
  return new GatewayError('invalid_request', 'The conversation has no question yet.', {
    hint: 'Ask a question first, or select a conversation with TidyLLM: Show Conversations….',
  });
}

function notKept(): GatewayError {
  return new GatewayError('invalid_request', 'The conversation is not kept, because audit.content is none.', {
    hint: 'Export it, or keep conversations with another audit.content in settings.yaml.',
  });
}
