import * as vscode from 'vscode';
import { commandIds } from './commandIds.ts';
import type { CommandHandlers } from './contribution.ts';
import { showFailure } from './failures.ts';

/** Registers every command. Failures are logged and shown with their fixes. */
export function registerCommands(handlers: CommandHandlers, log: vscode.LogOutputChannel): vscode.Disposable {
  return vscode.Disposable.from(
    ...commandIds.map((id) =>
      vscode.commands.registerCommand(id, async (...parameters: never[]) => {
        try {
          await handlers[id](...parameters);
        } catch (error) {
          // The caller of the command doesn't wait until somebody reads the notification.
          void showFailure(log, error);
        }
      }),
    ),
  );
}
