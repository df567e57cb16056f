import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
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
  const [config, credentials, logins] = credentialFiles(process.env);
  return vscode.Disposable.from(
    ...[config, credentials, join(logins, '*')].map((files) => watch(files, onChange)),
  );
}

/** The editor doesn't watch a folder that isn't there, so its making is watched for. */
function watch(files: string, onChange: () => void): vscode.Disposable {
  const folder = dirname(files);
  const start = (): vscode.Disposable => {
    if (!existsSync(folder)) return watch(folder, onFolder);
    const pattern = new vscode.RelativePattern(vscode.Uri.file(folder), basename(files));
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    return vscode.Disposable.from(watcher, watcher.onDidCreate(onChange), watcher.onDidChange(onChange));
  };
  const onFolder = (): void => {
    current.dispose();
    current = start();
    onChange();
  };
  let current = start();
  return { dispose: () => current.dispose() };
}

function lacksCredentials(state: CoreState): boolean {
  return state.kind === 'failed' || (state.kind === 'ready' && state.core.simulatedBecause !== null);
}
