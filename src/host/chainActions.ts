import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import { undecidedOf } from '../ledger/reopenLedger.ts';
import { askReason } from './askReason.ts';
import type { CommandId } from './commandIds.ts';

/** Anchors the chain's head in every configured anchor, or says where to configure one. */
export async function anchorNow(core: Core): Promise<void> {
  if (core.anchoring.status.length === 0) {
    const open = vscode.l10n.t('Open Settings File');
    const text = core.backend.simulated
      ? vscode.l10n.t('Simulated calls are not anchored.')
      : vscode.l10n.t('No anchor is configured: add a file or a repository in settings.yaml.');
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

/** Asks what to do with a closed ledger, and why, and shows the result. */
export async function reopenLedger(core: Core): Promise<void> {
  const undecided = await undecidedOf(core);
  if (undecided === null) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('The ledger is open. There is nothing to decide.'),
    );
    return;
  }
  const { kind, detail } = undecided;
  const isClock = kind === 'clock_ahead';
  const again = isClock ? vscode.l10n.t('Accept the Clock') : vscode.l10n.t('Reopen This Ledger');
  const begin = vscode.l10n.t('Start a New Ledger');
  const chosen = await vscode.window.showWarningMessage(
    isClock
      ? vscode.l10n.t('Is the clock right?')
      : vscode.l10n.t('The ledger refuses calls until you decide.'),
    {
      modal: true,
      detail: isClock
        ? vscode.l10n.t('Found: {0}.\n\nYour decision and its reason are recorded.', detail)
        : vscode.l10n.t(
            'Found: {0}.\n\nIt can reopen once every record is intact again, for example from a backup. A new ledger starts with nothing spent today; the old one is set aside and kept. Your decision and its reason are recorded.',
            detail,
          ),
    },
    ...(isClock ? [again] : [again, begin]),
  );
  if (chosen !== again && chosen !== begin) return;
  const reason = await askReason(core, {
    title: vscode.l10n.t('Reason, for the audit record'),
    prompt: vscode.l10n.t('Why should the ledger take calls again?'),
  });
  if (reason === undefined) return;
  const { sequence, setAside } = await core.reopenLedger(reason, { newLedger: chosen === begin });
  const kept = setAside === null ? '' : ` ${vscode.l10n.t('The old ledger is in {0}.', setAside)}`;
  void vscode.window.showInformationMessage(
    `${vscode.l10n.t('The ledger takes calls again, recorded as #{0}.', sequence)}${kept}`,
  );
}

/** Replaces this installation's signing key after confirmation. */
export async function rotateSigningKey(core: Core): Promise<void> {
  const rotate = vscode.l10n.t('Rotate Key');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Rotate this installation’s signing key?'),
    {
      modal: true,
      detail: vscode.l10n.t(
        'The current key endorses a new one in the audit trail and signs nothing more. Its signatures stay valid.',
      ),
    },
    rotate,
  );
  if (chosen !== rotate) return;
  const { sequence } = await core.ledger.rotateKey();
  void vscode.window.showInformationMessage(
    vscode.l10n.t('A new key signs all records from #{0}.', sequence),
  );
}
