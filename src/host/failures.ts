import * as vscode from 'vscode';
import { GatewayError, messageOf } from '../errors.ts';
import type { Remedy } from '../remedies.ts';
import { errorText } from './errorText.ts';
import { applyRemedy, remedyLabel } from './remedies.ts';

/** A button of a notification. */
export interface FailureButton extends vscode.MessageItem {
  apply: () => unknown;
}

/** Logs a failure and shows it in a notification, with the given buttons before those of its fixes. */
export async function showFailure(
  log: vscode.LogOutputChannel,
  error: unknown,
  buttons: readonly FailureButton[] = [],
): Promise<void> {
  log.error(errorText(error));
  const known = GatewayError.is(error);
  const message = known
    ? [error.message, error.said, error.hint].filter(Boolean).join(' ')
    : messageOf(error);
  const remedies: readonly Remedy[] = known ? error.remedy : [{ kind: 'show_output' }];
  const mends = remedies
    .filter((remedy) => remedy.kind !== 'retry')
    .map((remedy): FailureButton => ({ title: remedyLabel(remedy), apply: () => applyRemedy(remedy) }));
  const chosen = await vscode.window.showErrorMessage(message, ...buttons, ...mends);
  await chosen?.apply();
}

/** Runs work in the background; a failure goes to the log. */
export function inBackground(log: vscode.LogOutputChannel, work: PromiseLike<unknown>): void {
  work.then(undefined, (error: unknown) => log.error(errorText(error)));
}
