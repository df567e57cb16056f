import { homedir } from 'node:os';
import * as vscode from 'vscode';
import type { CoreHolder } from '../coreHolder.ts';

/**
 * Makes calls of the team's workflows in a terminal of this window, by the command that comes with the extension. It works in
 * the home folder: what a workspace says has no part in it.
 */
export async function startWorker({
  holder,
  extensionUri,
}: {
  holder: CoreHolder;
  extensionUri: vscode.Uri;
}): Promise<void> {
  const name = vscode.l10n.t('TidyLLM Worker');
  const running = vscode.window.terminals.find((one) => one.name === name && one.exitStatus === undefined);
  if (running) {
    running.show();
    return;
  }
  // Here a fault has its remedy; a terminal would only print it.
  await holder.use(async (core) => {
    core.workflows.requireShareable();
    await core.teamDatabase();
  });
  const terminal = vscode.window.createTerminal({
    name,
    iconPath: new vscode.ThemeIcon('server-process'),
    // No shell, so that no path needs quoting. The program may be the editor itself, which is Node.js then.
    shellPath: process.execPath,
    shellArgs: [vscode.Uri.joinPath(extensionUri, 'dist', 'cli.js').fsPath, 'worker'],
    env: { ELECTRON_RUN_AS_NODE: '1' },
    cwd: homedir(),
    isTransient: true,
  });
  terminal.show();
}
