import * as vscode from 'vscode';
import { commandIds } from './commandIds.ts';
import type { CommandHandlers } from './contribution.ts';
import { showFailure } from './failures.ts';

/** Registers every command. A failure is logged and shown with its fixes. */
export function registerCommands(handlers: CommandHandlers, log: vscode.LogOutputChannel): vscode.Disposable {
  return vscode.Disposable.from(
    ...commandIds.map((id) =>
      vscode.commands.registerCommand(id, async (...parameters: never[]) => {
        try {
          await handlers[id](...parameters);
        } catch (error) {
          // Whoever called the command is not kept waiting for somebody to read it.
          void showFailure(log, error);
        }
      }),
    ),
  );
}
