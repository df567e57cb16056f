import * as vscode from 'vscode';
import { commandIds, type CommandId } from './commandIds.ts';
import { showFailure } from './failures.ts';

/** What each command does; the parameters are those other parts of the extension pass. */
export type CommandHandlers = Record<CommandId, (...parameters: never[]) => unknown>;

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
