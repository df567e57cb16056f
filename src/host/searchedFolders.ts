import * as vscode from 'vscode';
import type { ExcludePattern } from '../retrieval/excludes.ts';
import type { SearchedFolder } from '../retrieval/workspaceFiles.ts';
import { localFolders } from './configuration.ts';

/** The workspace's folders, each with what `files.exclude` and `search.exclude` exclude in it. */
export function searchedFolders(): SearchedFolder[] {
  return localFolders().map(({ uri }) => {
    const of = (section: string): object =>
      vscode.workspace.getConfiguration(section, uri).get<object>('exclude') ?? {};
    // As in VS Code's own search, where search.exclude decides about a pattern that both have.
    const patterns = Object.entries({ ...of('files'), ...of('search') });
    return { path: uri.fsPath, excludes: patterns.flatMap(([glob, value]) => patternOf(glob, value)) };
  });
}

/** None for a pattern that is switched off. */
function patternOf(glob: string, value: unknown): ExcludePattern[] {
  if (glob === '') return [];
  if (value === true) return [{ glob }];
  const when = typeof value === 'object' && value !== null && 'when' in value ? value.when : undefined;
  return typeof when === 'string' ? [{ glob, when }] : [];
}
