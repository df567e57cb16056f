import * as vscode from 'vscode';
import { GatewayError, messageOf } from '../errors.ts';
import type { Remedy } from '../remedies.ts';
import { errorText } from './errorText.ts';
import { applyRemedy, remedyLabel } from './remedies.ts';

/** A button of a notification. */
export interface FailureButton extends vscode.MessageItem {
  apply: () => unknown;
}

/** Logs a failure and tells of it in a notification, with what mends it after the buttons that are given. */
export async function showFailure(
  log: vscode.LogOutputChannel,
  error: unknown,
  buttons: readonly FailureButton[] = [],
): Promise<void> {
  log.error(errorText(error));
  const known = GatewayError.is(error);
  const message = known
    ? [error.message, error.detail && `AWS: ${error.detail}`, error.hint].filter(Boolean).join(' ')
    : messageOf(error);
  const remedies: readonly Remedy[] = known ? error.remedy : [{ kind: 'show_output' }];
  const mends = remedies
    .filter((remedy) => remedy.kind !== 'retry')
    .map((remedy): FailureButton => ({ title: remedyLabel(remedy), apply: () => applyRemedy(remedy) }));
  const chosen = await vscode.window.showErrorMessage(message, ...buttons, ...mends);
  await chosen?.apply();
}

/** Lets work go on by itself; a failure goes to the log. */
export function inBackground(log: vscode.LogOutputChannel, work: PromiseLike<unknown>): void {
  work.then(undefined, (error: unknown) => log.error(errorText(error)));
}
