import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import type { CapStatus } from '../ledger/budgetStatus.ts';
import { amountToMicro, formatUsd } from '../pricing/cost.ts';
import { askReason } from './askReason.ts';
import type { CoreHolder } from './coreHolder.ts';
import { showRequest } from './exceptionActions.ts';

/** Asks for a cap if none is given, its new amount for today, and the reason. Returns whether it was raised. */
export async function raiseCap(holder: CoreHolder, chosen?: CapStatus): Promise<boolean> {
  const core = await holder.whenReady();
  const cap = chosen ?? (await pickCap(core));
  if (!cap) return false;
  const limit = await vscode.window.showInputBox({
    title: vscode.l10n.t('Raise today’s cap ({0})', nameOf(cap)),
    prompt: vscode.l10n.t(
      'The cap is {0}; {1} is spent and {2} reserved. The new cap applies only today.',
      formatUsd(cap.limit),
      formatUsd(cap.spent),
      formatUsd(cap.reserved),
    ),
    placeHolder: vscode.l10n.t('The new cap in USD'),
    ignoreFocusOut: true,
    validateInput: (text) => (amountOf(text) > cap.limit ? null : higherThan(cap.limit)),
  });
  if (limit === undefined) return false;
  const reason = await askReason(core, {
    title: reasonTitle(),
    prompt: vscode.l10n.t('Why raise the cap to {0}?', formatUsd(amountOf(limit))),
  });
  if (reason === undefined) return false;
  // The settings may have been saved meanwhile, which replaces the core.
  const { request } = await holder.use((ready) =>
    ready.raiseCap({ scope: cap.scope, key: cap.key, limit: amountOf(limit) }, reason),
  );
  if (request) await showRequest(request);
  return request === null;
}

/** Asks why calls should resume after an overrun. Returns whether they do. */
export async function acknowledgeOverruns(holder: CoreHolder): Promise<boolean> {
  const core = await holder.whenReady();
  const { overruns } = await core.budget();
  if (overruns === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('No call cost more than it reserved today.'));
    return false;
  }
  const reason = await askReason(core, {
    title: reasonTitle(),
    prompt: vscode.l10n.t('Why should calls resume?'),
  });
  if (reason === undefined) return false;
  await holder.use((ready) => ready.acknowledgeOverruns(reason));
  return true;
}

async function pickCap(core: Core): Promise<CapStatus | undefined> {
  const { caps } = await core.budget();
  if (caps.length === 1) return caps[0];
  const items = caps.map((cap) => ({
    label: nameOf(cap),
    description: vscode.l10n.t('{0} of {1} used', formatUsd(cap.spent + cap.reserved), formatUsd(cap.limit)),
    cap,
  }));
  const title = vscode.l10n.t('Select the cap to raise for today');
  return (await vscode.window.showQuickPick(items, { title, ignoreFocusOut: true }))?.cap;
}

function nameOf({ scope, name }: CapStatus): string {
  return scope === 'ledger' ? vscode.l10n.t('Everybody') : name;
}

/** Micro-USD; undefined if the text is not an amount. */
function amountOf(text: string): bigint {
  try {
    return amountToMicro(text.trim().replace(/^\$/, ''));
  } catch {
    return 0n;
  }
}

function higherThan(limit: bigint): string {
  return vscode.l10n.t(
    'Enter an amount above {0}, such as {1}.',
    formatUsd(limit),
    String(Number(limit * 2n) / 1e6),
  );
}

function reasonTitle(): string {
  return vscode.l10n.t('Reason, for the audit record');
}
