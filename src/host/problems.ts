import * as vscode from 'vscode';
import { localFolders } from './configuration.ts';

const mostProblems = 200;

/** The errors and warnings that the editor shows for files of the workspace, a line for each. */
export function problemLines(): string {
  const folders = localFolders();
  const lines = vscode.languages.getDiagnostics().flatMap(([uri, problems]) => {
    if (!folders.some((folder) => vscode.workspace.getWorkspaceFolder(uri)?.index === folder.index))
      return [];
    const path = vscode.workspace.asRelativePath(uri);
    return problems
      .filter(({ severity }) => severity <= vscode.DiagnosticSeverity.Warning)
      .map(({ severity, range, message, source }) => {
        const kind = severity === vscode.DiagnosticSeverity.Error ? 'error' : 'warning';
        return `${path}:${range.start.line + 1}:${range.start.character + 1} ${kind}: ${message}${source ? ` (${source})` : ''}`;
      });
  });
  const rest = lines.length - mostProblems;
  return [...lines.slice(0, mostProblems), ...(rest > 0 ? [`… and ${rest} more`] : [])].join('\n');
}
