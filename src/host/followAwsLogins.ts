import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { credentialFiles } from '../sessions/awsCredentials.ts';
import type { CoreHolder, CoreState } from './coreHolder.ts';
import { inBackground } from './failures.ts';

/**
 * Reconnects a window that has no credentials when the files that logins write to change.
 * One that has some looks at the files itself.
 */
export function followAwsLogins(holder: CoreHolder, log: vscode.LogOutputChannel): vscode.Disposable {
  const onChange = (): void => {
    if (lacksCredentials(holder.state)) inBackground(log, holder.reconnect());
  };
  const watch = (folder: string, files: string): vscode.Disposable => {
    const pattern = new vscode.RelativePattern(vscode.Uri.file(folder), files);
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    return vscode.Disposable.from(watcher, watcher.onDidCreate(onChange), watcher.onDidChange(onChange));
  };
  const [config, credentials, logins] = credentialFiles(process.env);
  return vscode.Disposable.from(
    watch(dirname(config), basename(config)),
    watch(dirname(credentials), basename(credentials)),
    watch(logins, '*'),
  );
}

function lacksCredentials(state: CoreState): boolean {
  return state.kind === 'failed' || (state.kind === 'ready' && state.core.simulatedBecause !== null);
}
