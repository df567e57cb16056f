import { homedir } from 'node:os';
import * as vscode from 'vscode';
import type { ComposeOptions } from '../gateways/core.ts';

/** VS Code's settings of this extension, which stand for the command line's global options. */
export function composeOptions(): ComposeOptions {
  const configuration = vscode.workspace.getConfiguration('tidyllm');
  const text = (name: string): string | undefined => configuration.get<string>(name)?.trim() || undefined;
  const backend = text('backend');
  return {
    environment: process.env,
    settingsFile: text('settingsFile')?.replace(/^~(?=[/\\])/, homedir()),
    profile: text('profile'),
    region: text('region'),
    backend: backend === 'auto' ? undefined : backend,
    user: text('user'),
  };
}
