import * as vscode from 'vscode';

const mostProblems = 300;

/** The errors and warnings that the editor shows of a file, or of all files of the workspace, a line for each. */
export function problemLines(of?: vscode.Uri): string {
  const all = of
    ? [[of, vscode.languages.getDiagnostics(of)] as const]
    : vscode.languages.getDiagnostics().filter(([uri]) => vscode.workspace.getWorkspaceFolder(uri));
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
