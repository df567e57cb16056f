import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ListedConversation } from '../../chat/conversationFiles.ts';
import { agoText } from '../flow/agoText.ts';

export interface OfferedConversations {
  conversations: readonly ListedConversation[];
  /** Number of files that can't be read. */
  unreadable: number;
  /** Where the files are. */
  directory: string;
  /** Keys of this window's workspaces. */
  workspaces: readonly string[];
  openId: string;
  /** Whether policy keeps new ones. */
  isKept: boolean;
}

/** What is to be done with a conversation. */
export interface ChosenConversation {
  action: 'open' | 'rename' | 'pin' | 'export' | 'delete' | 'restore' | 'remove';
  conversation: ListedConversation;
}

interface ActionButton extends vscode.QuickInputButton {
  action: ChosenConversation['action'];
}

interface Item extends vscode.QuickPickItem {
  conversation?: ListedConversation;
  buttons?: ActionButton[];
}

/** Lets the user search the conversations and choose one, or what to do with it. */
export async function pickConversation(
  offered: OfferedConversations,
): Promise<ChosenConversation | undefined> {
  const picker = vscode.window.createQuickPick<Item>();
  picker.title = vscode.l10n.t('Conversations');
  picker.placeholder = offered.isKept
    ? vscode.l10n.t('Search by title or workspace')
    : vscode.l10n.t('New conversations are not kept, because audit.content is none');
  picker.matchOnDetail = true;
  picker.items = itemsOf(offered);
  picker.show();
  return new Promise((resolve) => {
    const choose = (chosen: ChosenConversation): void => {
      resolve(chosen);
      picker.hide();
    };
    picker.onDidAccept(() => {
      const conversation = picker.activeItems[0]?.conversation;
      if (conversation) choose({ action: 'open', conversation });
    });
    picker.onDidTriggerItemButton(({ item: { conversation }, button }) => {
      if (conversation) choose({ action: (button as ActionButton).action, conversation });
    });
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
  });
}

/** Lets the user choose one of the deleted conversations. */
export async function pickDeleted(
  deleted: readonly ListedConversation[],
): Promise<ListedConversation | undefined> {
  const items = deleted.map((conversation) => itemOf(conversation, [], '', true));
  const title = vscode.l10n.t('Restore Conversation');
  return (await vscode.window.showQuickPick(items, { title, matchOnDetail: true }))?.conversation;
}

function itemsOf({ conversations, unreadable, directory, workspaces, openId }: OfferedConversations): Item[] {
  const isHere = (one: ListedConversation): boolean =>
    one.workspaces.some((key) => workspaces.includes(key)) ||
    (one.workspaces.length === 0 && workspaces.length === 0);
  const kept = conversations.filter(({ deleted }) => deleted === null);
  const group = (
    label: string,
    members: readonly ListedConversation[],
    buttons: typeof keptButtons,
    isElsewhere: boolean,
  ): Item[] =>
    members.length === 0
      ? []
      : [
          { label, kind: vscode.QuickPickItemKind.Separator },
          ...members.map((one) => itemOf(one, buttons(one), openId, isElsewhere)),
        ];
  return [
    ...group(vscode.l10n.t('This workspace'), kept.filter(isHere), keptButtons, false),
    ...group(
      vscode.l10n.t('Elsewhere'),
      kept.filter((one) => !isHere(one)),
      keptButtons,
      true,
    ),
    ...group(
      vscode.l10n.t('Deleted'),
      conversations.filter(({ deleted }) => deleted !== null),
      deletedButtons,
      true,
    ),
    ...(unreadable === 0
      ? []
      : [
          {
            label: vscode.l10n.t('$(warning) {0} files can’t be read', unreadable),
            detail: vscode.l10n.t('They were changed, or their key was erased: {0}', directory),
            alwaysShow: true,
          },
        ]),
    ...(conversations.length + unreadable === 0 ? [{ label: vscode.l10n.t('Nothing was asked yet') }] : []),
  ];
}

/** A row; what is known of the conversation stands in its second line, which the row's buttons don't cover. */
function itemOf(
  conversation: ListedConversation,
  buttons: ActionButton[],
  openId: string,
  isElsewhere: boolean,
): Item {
  const { title, pinned, asked, turns, id } = conversation;
  const facts = [
    id === openId ? vscode.l10n.t('open') : '',
    agoText(asked),
    turns === 1 ? vscode.l10n.t('1 question') : vscode.l10n.t('{0} questions', turns),
    isElsewhere ? placeOf(conversation) : '',
  ];
  return {
    // A question may look like one of the editor's icons.
    label: `${pinned ? '$(pinned) ' : ''}${title.replaceAll('$(', '\\$(')}`,
    detail: facts.filter(Boolean).join(' · '),
    buttons,
    conversation,
  };
}

/** The names of the folders where a conversation began. */
function placeOf({ workspaces }: ListedConversation): string {
  return workspaces.map((key) => basename(key)).join(', ') || vscode.l10n.t('no folder');
}

function keptButtons({ pinned }: ListedConversation): ActionButton[] {
  return [
    button('rename', 'edit', vscode.l10n.t('Rename')),
    pinned
      ? button('pin', 'pinned', vscode.l10n.t('Unpin'))
      : button('pin', 'pin', vscode.l10n.t('Pin to the top')),
    button('export', 'export', vscode.l10n.t('Export')),
    button('delete', 'trash', vscode.l10n.t('Delete')),
  ];
}

function deletedButtons(): ActionButton[] {
  return [
    button('restore', 'discard', vscode.l10n.t('Restore')),
    button('remove', 'trash', vscode.l10n.t('Delete Permanently')),
  ];
}

function button(action: ChosenConversation['action'], icon: string, tooltip: string): ActionButton {
  return { action, iconPath: new vscode.ThemeIcon(icon), tooltip };
}
