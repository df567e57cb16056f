import * as vscode from 'vscode';
import { GatewayError, messageOf } from '../errors.ts';
import { errorText } from './errorText.ts';
import { fixesFor, type Fix } from './fixes.ts';

/** A button of a notification. */
export interface Remedy extends vscode.MessageItem {
  apply: () => unknown;
}

/** What a fix is called on its button. */
export function fixLabel(fix: Fix): string {
  if (fix.kind === 'retry') {
    if (fix.maxTokens !== undefined)
      return vscode.l10n.t(
        'Retry with at most {0} tokens',
        fix.maxTokens.toLocaleString(vscode.env.language),
      );
    if (fix.model !== undefined) return vscode.l10n.t('Use {0} (≤ {1})', fix.model, fix.atMost ?? '');
    return vscode.l10n.t('Try again');
  }
  switch (fix.command) {
    case 'tidyllm.connectAws':
      return vscode.l10n.t('Connect AWS…');
    case 'tidyllm.logInToAws':
      return vscode.l10n.t('Log in');
    case 'tidyllm.chooseModel':
      return vscode.l10n.t('Choose model…');
    case 'tidyllm.openSettingsFile':
      return vscode.l10n.t('Open settings.yaml');
    case 'tidyllm.raiseCap':
      return vscode.l10n.t('Raise cap…');
    case 'tidyllm.acknowledgeOverruns':
      return vscode.l10n.t('Acknowledge…');
    case 'tidyllm.openBudget':
      return vscode.l10n.t('Open budget');
    case 'tidyllm.reconnect':
      return vscode.l10n.t('Reconnect');
    case 'tidyllm.verifyAuditTrail':
      return vscode.l10n.t('Verify audit trail');
    case 'tidyllm.reopenLedger':
      return vscode.l10n.t('Reopen ledger…');
    case 'tidyllm.revealLedger':
      return vscode.l10n.t('Show ledger folder');
    case 'tidyllm.runFlow':
      return vscode.l10n.t('Choose agreement…');
    case 'tidyllm.openFlowFile':
      return vscode.l10n.t('Open agreements');
    default:
      return vscode.l10n.t('Show output');
  }
}

/** Runs the command of a fix. */
export function applyFix(fix: Extract<Fix, { kind: 'command' }>): Thenable<unknown> {
  return vscode.commands.executeCommand(fix.command, { place: fix.place });
}

/** Logs a failure and tells of it in a notification, with its fixes after the remedies that are given. */
export async function showFailure(
  log: vscode.LogOutputChannel,
  error: unknown,
  remedies: readonly Remedy[] = [],
): Promise<void> {
  log.error(errorText(error));
  const known = GatewayError.is(error);
  const message = known
    ? [error.message, error.detail && `AWS: ${error.detail}`, error.hint].filter(Boolean).join(' ')
    : messageOf(error);
  const fixes: Fix[] = known ? fixesFor(error) : [{ kind: 'command', command: 'tidyllm.showOutput' }];
  const buttons = fixes.flatMap((fix): Remedy[] =>
    fix.kind === 'command' ? [{ title: fixLabel(fix), apply: () => applyFix(fix) }] : [],
  );
  const chosen = await vscode.window.showErrorMessage(message, ...remedies, ...buttons);
  await chosen?.apply();
}

/** Lets work go on by itself; a failure goes to the log. */
export function inBackground(log: vscode.LogOutputChannel, work: PromiseLike<unknown>): void {
  work.then(undefined, (error: unknown) => log.error(errorText(error)));
}
