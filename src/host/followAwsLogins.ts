import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import { credentialFiles } from '../sessions/awsCredentials.ts';
import type { CoreHolder } from './coreHolder.ts';
import { inBackground } from './failures.ts';

/**
 * Reconnects a window when the files that logins write change, if it has no credentials or they now
 * belong to someone else. Otherwise its core checks the files itself.
 */
export function followAwsLogins(holder: CoreHolder, log: vscode.LogOutputChannel): vscode.Disposable {
  const onChange = (): void => inBackground(log, reconnectIfNeeded(holder));
  const [config, credentials, logins] = credentialFiles(process.env);
  return vscode.Disposable.from(
    ...[config, credentials, join(logins, '*')].map((files) => watch(files, onChange)),
  );
}

/** The editor doesn't watch a missing folder, so its creation is watched. */
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
  let current: vscode.Disposable = start();
  return { dispose: () => void current.dispose() };
}

async function reconnectIfNeeded(holder: CoreHolder): Promise<void> {
  const { state } = holder;
  if (state.kind === 'starting') return;
  if (state.kind === 'failed' || state.core.simulatedBecause !== null || (await isSomebodyElse(state.core)))
    await holder.reconnect();
}

/** Whether calls would be recorded with an outdated ARN of the caller. */
async function isSomebodyElse({ caller, sessions }: Core): Promise<boolean> {
  const { arn } = await sessions.credentialStatus();
  return arn !== null && arn !== (caller.caller_arn ?? null);
}
