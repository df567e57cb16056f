import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import { cellText } from '../flow/cellText.ts';

/** Asks which cached answers to delete, confirms, and says what was deleted. */
export async function clearCache({ cache }: Core): Promise<void> {
  const models = await cache.models();
  if (models.length === 0) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('There are no cached answers in {0}.', cache.directory),
    );
    return;
  }
  const total = { files: sumOf(models, 'files'), bytes: sumOf(models, 'bytes') };
  const all = { label: vscode.l10n.t('All models'), description: answersText(total), model: undefined };
  const chosen = await vscode.window.showQuickPick(
    [all, ...models.map((one) => ({ label: one.model, description: answersText(one), model: one.model }))],
    { title: vscode.l10n.t('Clear Cache'), placeHolder: vscode.l10n.t('Whose answers?') },
  );
  if (!chosen) return;
  const clear = vscode.l10n.t('Delete');
  const asked =
    chosen.model === undefined
      ? vscode.l10n.t('Delete the cached answers of all models?')
      : vscode.l10n.t('Delete the cached answers of {0}?', chosen.model);
  const detail = vscode.l10n.t(
    '{0} in {1}. Asking the same again costs again. The audit history stays as it is.',
    chosen.description,
    cache.directory,
  );
  if ((await vscode.window.showWarningMessage(asked, { modal: true, detail }, clear)) !== clear) return;
  const removed = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Deleting cached answers') },
    () => cache.clear(chosen.model),
  );
  void vscode.window.showInformationMessage(
    removed.files === 0
      ? vscode.l10n.t('Nothing was left to delete.')
      : vscode.l10n.t('Deleted from the cache: {0}.', answersText(removed)),
  );
}

function answersText({ files, bytes }: { files: number; bytes: number }): string {
  const size = cellText(bytes, 'bytes');
  return files === 1
    ? vscode.l10n.t('1 answer, {0}', size)
    : vscode.l10n.t('{0} answers, {1}', files.toLocaleString(vscode.env.language), size);
}

function sumOf<Key extends string>(all: readonly Record<Key, number>[], key: Key): number {
  return all.reduce((sum, one) => sum + one[key], 0);
}
