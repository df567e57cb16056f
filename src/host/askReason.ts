import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';

/** Asks for the reason of an audit record, of the length that policy requires. Undefined when cancelled. */
export function askReason(
  { loaded }: Core,
  options: { title: string; prompt: string },
): Thenable<string | undefined> {
  const fewest = loaded.settings.audit.min_reason_length;
  return vscode.window.showInputBox({
    ...options,
    placeHolder: vscode.l10n.t('A ticket and a few words'),
    ignoreFocusOut: true,
    validateInput: (text) =>
      text.trim().length >= fewest ? null : vscode.l10n.t('At least {0} characters.', fewest),
  });
}
