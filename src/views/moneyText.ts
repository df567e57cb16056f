import * as vscode from 'vscode';
import { formatUsd } from '../pricing/cost.ts';

/** What is left, as people read it: never more than there is. */
export function formatLeft(micro: bigint): string {
  return formatUsd(micro >= 1_000_000n ? micro - (micro % 10_000n) : micro);
}

/** Why a day takes no calls after calls that cost more than they had reserved. */
export function overrunText(overruns: number): string {
  return overruns === 1
    ? vscode.l10n.t(
        'A call cost more than it had reserved; no calls are made until someone acknowledges that',
      )
    : vscode.l10n.t(
        '{0} calls cost more than they had reserved; no calls are made until someone acknowledges that',
        overruns,
      );
}
