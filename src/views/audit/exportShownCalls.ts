import * as vscode from 'vscode';
import type { HistoryFilter } from '../../history/calls.ts';
import { exportCalls, exportToFile, type ExportFormat } from '../../history/exportCalls.ts';
import type { HistoryClient } from '../../history/historyClient.ts';

/** Asks for a file, and writes all calls into it that match a filter. */
export async function exportShownCalls(
  history: HistoryClient,
  filter: HistoryFilter,
  format: ExportFormat,
): Promise<void> {
  const day = new Date().toISOString().slice(0, 10);
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(history.directory);
  const target = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Export Calls'),
    defaultUri: vscode.Uri.joinPath(folder, `tidyllm-calls-${day}.${format}`),
    filters: format === 'csv' ? { CSV: ['csv'] } : { 'JSON Lines': ['jsonl'] },
  });
  if (!target) return;
  const stopped = new AbortController();
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: vscode.l10n.t('Exporting calls'),
    cancellable: true,
  };
  const exported = await vscode.window.withProgress(options, async (progress, token) => {
    token.onCancellationRequested(() => stopped.abort());
    const chunks = exportCalls(
      (...asked) => history.ask('page', asked, tolerant),
      filter,
      format,
      stopped.signal,
    );
    try {
      return await exportToFile(target.fsPath, chunks, (calls) =>
        progress.report({ message: calls.toLocaleString(vscode.env.language) }),
      );
    } catch (error) {
      if (stopped.signal.aborted) return null;
      throw error;
    }
  });
  if (exported === null) return;
  const open = vscode.l10n.t('Open');
  const told = vscode.l10n.t(
    '{0} calls exported to {1}.',
    exported.toLocaleString(vscode.env.language),
    target.fsPath,
  );
  if ((await vscode.window.showInformationMessage(told, open)) === open)
    await vscode.commands.executeCommand('vscode.open', target);
}

/** The banner shows the ledger's fault; records before the fault are still shown. */
const tolerant = { onFailure: (): void => undefined };
