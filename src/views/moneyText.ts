import * as vscode from 'vscode';
import { formatUsd } from '../pricing/cost.ts';

/** The amount left, formatted and rounded down. */
export function formatLeft(micro: bigint): string {
  return formatUsd(micro >= 1_000_000n ? micro - (micro % 10_000n) : micro);
}

/** Why the day is blocked after calls that cost more than they reserved. */
export function overrunText(overruns: number): string {
  return overruns === 1
    ? vscode.l10n.t('A call cost more than it reserved; calls are blocked until someone acknowledges it')
    : vscode.l10n.t(
        '{0} calls cost more than they reserved; calls are blocked until someone acknowledges it',
        overruns,
      );
}
