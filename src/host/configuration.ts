import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { ComposeOptions } from '../core/core.ts';
import { settingsPath, workspaceFileName } from '../settings/settingsPlaces.ts';

/** This extension's VS Code settings, which correspond to the command line's global options. */
export function composeOptions(): ComposeOptions {
  const configuration = vscode.workspace.getConfiguration('tidyllm');
  const text = (name: string): string | undefined => configuration.get<string>(name)?.trim() || undefined;
  const backend = text('backend');
  const folders = localFolders().map(({ uri }) => uri.fsPath);
  return {
    environment: process.env,
    settingsFile: text('settingsFile')?.replace(/^~(?=[/\\])/, homedir()),
    profile: text('profile'),
    region: text('region'),
    backend: backend === 'auto' ? undefined : backend,
    user: text('user'),
    workspaceFiles: vscode.workspace.isTrusted ? workspaceFiles() : [],
    network: network(),
    // A workspace's settings apply once it is trusted. Its agreements are known before, and refused.
    folders: vscode.workspace.isTrusted ? folders : [],
    flowFolders: folders,
  };
}

/** Whether a change of VS Code's settings affects `composeOptions`. */
export function affectsComposition(change: vscode.ConfigurationChangeEvent): boolean {
  return ['tidyllm', 'http.proxy', 'http.noProxy', 'http.proxyStrictSSL'].some((name) =>
    change.affectsConfiguration(name),
  );
}

/** A settings file that applies in this window once it exists. */
export interface SettingsFileInUse {
  path: string;
  kind: 'user' | 'workspace';
}

/** The user's file or its replacement, and those of the trusted workspace. Throws `settings_invalid`. */
export function settingsFilesInUse(): SettingsFileInUse[] {
  const { environment, settingsFile, workspaceFiles = [] } = composeOptions();
  return [
    { path: settingsPath(environment, { settingsFile }), kind: 'user' },
    ...workspaceFiles.map((path) => ({ path, kind: 'workspace' as const })),
  ];
}

/** The paths of workspace files that are ignored because the workspace is not trusted. */
export function ignoredWorkspaceFiles(): string[] {
  return vscode.workspace.isTrusted ? [] : workspaceFiles();
}

/** The workspace's folders on this machine. */
export function localFolders(): vscode.WorkspaceFolder[] {
  return (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
}

function workspaceFiles(): string[] {
  return localFolders().map(({ uri }) => join(uri.fsPath, workspaceFileName));
}

function network(): ComposeOptions['network'] {
  const http = vscode.workspace.getConfiguration('http');
  return {
    proxy: http.get<string>('proxy')?.trim() || undefined,
    noProxy: http.get<string[]>('noProxy') ?? [],
    strictCertificates: http.get<boolean>('proxyStrictSSL') ?? true,
  };
}
