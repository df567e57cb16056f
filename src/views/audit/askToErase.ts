import * as vscode from 'vscode';
import { askReason } from '../../host/askReason.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';

/** Asks why and whether, and erases a user's key and kept content. Returns whether that was done. */
export async function askToErase(
  user: string,
  { holder, onErased }: { holder: CoreHolder; onErased: (user: string) => Promise<void> },
): Promise<boolean> {
  const reason = await askReason(await holder.whenReady(), {
    title: vscode.l10n.t('Erase the kept content of {0}', user),
    prompt: vscode.l10n.t('Why? The reason is recorded, with the user only as a hash.'),
  });
  if (reason === undefined) return false;
  const erase = vscode.l10n.t('Erase');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Erase the key and all kept prompts and answers of {0}?', user),
    {
      modal: true,
      detail: vscode.l10n.t(
        'This can’t be undone. The records stay, and the chain still verifies. The user’s chat conversations are deleted, and every window forgets them.',
      ),
    },
    erase,
  );
  if (chosen !== erase) return false;
  const { items, receipt } = await holder.use((core) => core.eraseContent(user, reason));
  await onErased(user);
  void vscode.window.showInformationMessage(
    vscode.l10n.t(
      'Erased the key of {0} and the content of {1} calls, recorded as #{2}.',
      user,
      items,
      receipt.sequence,
    ),
  );
  return true;
}
