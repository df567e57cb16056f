import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import * as vscode from 'vscode';

const installation = 'https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html';

/** Runs the AWS CLI in a terminal; if it isn't installed, says how to install it and what to run. */
export async function runAws(parameters: readonly string[]): Promise<void> {
  const command = ['aws', ...parameters.map(quoted)].join(' ');
  const shellPath = findOnPath(process.platform === 'win32' ? 'aws.exe' : 'aws');
  if (shellPath !== undefined) {
    // No shell, so that a profile name needs no quoting.
    vscode.window.createTerminal({ name: command, shellPath, shellArgs: [...parameters] }).show();
    return;
  }
  const copy = vscode.l10n.t('Copy Command');
  const install = vscode.l10n.t('How to Install');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('The AWS CLI is not on the PATH of this machine. Install it, then run: {0}', command),
    copy,
    install,
  );
  if (chosen === copy) await vscode.env.clipboard.writeText(command);
  if (chosen === install) await vscode.env.openExternal(vscode.Uri.parse(installation));
}

function findOnPath(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function quoted(parameter: string): string {
  return /^[\w.@:/+-]+$/.test(parameter) ? parameter : JSON.stringify(parameter);
}
