import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import { undecidedOf } from '../ledger/reopenLedger.ts';
import { askReason } from './askReason.ts';
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

/** Asks what becomes of a ledger that was closed, and why, and tells what came of it. */
export async function reopenLedger(core: Core): Promise<void> {
  const undecided = await undecidedOf(core);
  if (undecided === null) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('The ledger is open: there is nothing to decide.'),
    );
    return;
  }
  const { kind, detail } = undecided;
  const isClock = kind === 'clock_ahead';
  const again = isClock ? vscode.l10n.t('Take the Clock') : vscode.l10n.t('Go On With It');
  const begin = vscode.l10n.t('Begin a New Ledger');
  const chosen = await vscode.window.showWarningMessage(
    isClock
      ? vscode.l10n.t('Take the clock as right?')
      : vscode.l10n.t('The ledger takes no calls until you decide.'),
    {
      modal: true,
      detail: isClock
        ? vscode.l10n.t('Found: {0}.\n\nYour decision and its reason are recorded.', detail)
        : vscode.l10n.t(
            'Found: {0}.\n\nIt goes on once every record is whole again, for example from a backup. A new ledger begins with an empty budget for today; the one before is set aside and kept. Your decision and its reason are recorded.',
            detail,
          ),
    },
    ...(isClock ? [again] : [again, begin]),
  );
  if (chosen !== again && chosen !== begin) return;
  const reason = await askReason(core, {
    title: vscode.l10n.t('Reason, for the audit record'),
    prompt: vscode.l10n.t('Why may the ledger take calls again?'),
  });
  if (reason === undefined) return;
  const { sequence, setAside } = await core.reopenLedger(reason, { newLedger: chosen === begin });
  const kept = setAside === null ? '' : ` ${vscode.l10n.t('The one before is in {0}.', setAside)}`;
  void vscode.window.showInformationMessage(
    `${vscode.l10n.t('The ledger takes calls again, recorded as #{0}.', sequence)}${kept}`,
  );
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
