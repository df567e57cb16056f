import * as vscode from 'vscode';
import type { RunStatus } from '../../workflowRuns/runView.ts';

/** How far a run is, in a word. */
export function runStatusText(status: RunStatus): string {
  const texts = {
    running: vscode.l10n.t('running'),
    success: vscode.l10n.t('done'),
    failed: vscode.l10n.t('failed'),
    cancelled: vscode.l10n.t('stopped'),
    interrupted: vscode.l10n.t('interrupted: its process ended'),
  };
  return texts[status];
}
