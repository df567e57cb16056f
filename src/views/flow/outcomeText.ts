import * as vscode from 'vscode';
import type { FlowExecutionEntry } from '../../flow/executionHistory.ts';

type Outcome = Pick<FlowExecutionEntry, 'mode' | 'outcome' | 'problems' | 'warnings'>;

/** A short text of how a run ended and what it found. */
export function outcomeText({ mode, outcome, problems, warnings }: Outcome): string {
  if (outcome === 'running') return vscode.l10n.t('running');
  const outcomes = {
    failed: vscode.l10n.t('failed'),
    cancelled: vscode.l10n.t('stopped'),
    refused: vscode.l10n.t('refused'),
    orphaned: vscode.l10n.t('interrupted: its process ended'),
  };
  if (outcome !== 'success') return outcomes[outcome];
  const found = [
    ...(problems > 0
      ? [problems === 1 ? vscode.l10n.t('1 problem') : vscode.l10n.t('{0} problems', problems)]
      : []),
    ...(warnings > 0
      ? [warnings === 1 ? vscode.l10n.t('1 warning') : vscode.l10n.t('{0} warnings', warnings)]
      : []),
  ];
  const result = found.length > 0 ? found.join(', ') : vscode.l10n.t('nothing found');
  return mode === 'simulated' ? vscode.l10n.t('{0}, simulated', result) : result;
}
