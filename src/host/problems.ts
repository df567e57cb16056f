import * as vscode from 'vscode';
import { requireAllowedPath, type DeniedPath } from '../retrieval/deniedPaths.ts';

const mostProblems = 300;

/** The errors and warnings that the editor shows of files of the workspace, a line for each. */
export async function problemLines(denied: readonly DeniedPath[]): Promise<string> {
  const known = vscode.languages.getDiagnostics().filter(([uri]) => vscode.workspace.getWorkspaceFolder(uri));
  // A message may quote the file.
  const allowed = await Promise.all(
    known.map(([uri]) =>
      requireAllowedPath(uri.fsPath, denied).then(
        () => true,
        () => false,
      ),
    ),
  );
  const all = known.filter((_, index) => allowed[index]);
  const lines = all.flatMap(([uri, problems]) =>
    problems
      .filter(({ severity }) => severity <= vscode.DiagnosticSeverity.Warning)
      .map(({ severity, range, message, source }) => {
        const kind = severity === vscode.DiagnosticSeverity.Error ? 'error' : 'warning';
        const place = `${vscode.workspace.asRelativePath(uri)}:${range.start.line + 1}:${range.start.character + 1}`;
        return `${place}: ${kind}: ${message}${source ? ` (${source})` : ''}`;
      }),
  );
  const rest = lines.length - mostProblems;
  return [...lines.slice(0, mostProblems), ...(rest > 0 ? [`… and ${rest} more`] : [])].join('\n');
}
