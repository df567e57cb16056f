import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import type { CommandId } from './commandIds.ts';

/** Keeps the chain's head in every configured anchor now, or tells where to configure one. */
export async function anchorNow(core: Core): Promise<void> {
  if (core.anchoring.status.length === 0) {
    const open = vscode.l10n.t('Open settings.yaml');
    const text = core.backend.simulated
      ? vscode.l10n.t('Simulated calls are not anchored.')
      : vscode.l10n.t('No anchor is configured: name a file or a repository in settings.yaml.');
    const chosen = await vscode.window.showInformationMessage(
      text,
      ...(core.backend.simulated ? [] : [open]),
    );
    if (chosen === open) {
      const command: CommandId = 'tidyllm.openSettingsFile';
      await vscode.commands.executeCommand(command, { place: { key: 'audit' } });
    }
    return;
  }
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Anchoring the audit trail') },
    () => core.anchoring.publish(),
  );
  const places = core.anchoring.status.map(({ location, last }) => `#${last?.sequence ?? 0} – ${location}`);
  void vscode.window.showInformationMessage(vscode.l10n.t('Anchored: {0}', places.join(', ')));
}

/** Puts a new signing key in the place of this installation's, once the person has confirmed it. */
export async function rotateSigningKey(core: Core): Promise<void> {
  const rotate = vscode.l10n.t('Rotate Key');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Rotate this installation’s signing key?'),
    {
      modal: true,
      detail: vscode.l10n.t(
        'The present key endorses a new one in the audit trail and signs nothing from then on. What it signed stays valid.',
      ),
    },
    rotate,
  );
  if (chosen !== rotate) return;
  const { sequence } = await core.ledger.rotateKey();
  void vscode.window.showInformationMessage(vscode.l10n.t('A new key signs from record #{0} on.', sequence));
}
