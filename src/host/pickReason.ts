import * as vscode from 'vscode';
import { reasonFromBranch } from '../chat/reasons.ts';
import type { GitContext } from './gitContext.ts';

interface OfferedReason {
  reason: string;
  from: string;
}

/** Suggested reasons, likeliest first: from the branch, from the last commit, and used before. */
async function offeredReasons(git: GitContext, used: readonly string[]): Promise<OfferedReason[]> {
  const [branch, commit] = await Promise.all([git.branch(), git.lastCommit()]);
  const fromBranch = branch === null ? null : reasonFromBranch(branch);
  const offered = [
    ...(fromBranch === null ? [] : [{ reason: fromBranch, from: vscode.l10n.t('from the branch') }]),
    ...used.map((reason) => ({ reason, from: vscode.l10n.t('used before') })),
    ...(commit === null ? [] : [{ reason: commit, from: vscode.l10n.t('from the last commit') }]),
  ];
  return offered.filter(
    ({ reason }, index) => offered.findIndex((other) => other.reason === reason) === index,
  );
}

/** Lets the user select a suggested reason or write another one. */
export async function pickReason(
  git: GitContext,
  used: readonly string[],
  current: string,
): Promise<string | undefined> {
  const offered = await offeredReasons(git, used);
  const items = offered.map(({ reason, from }): vscode.QuickPickItem => ({
    label: reason,
    description: from,
  }));
  const picker = vscode.window.createQuickPick();
  picker.title = vscode.l10n.t('Audit reason');
  picker.placeholder = vscode.l10n.t(
    'Why are you making this call? Select a reason, or write a ticket and a few words',
  );
  picker.items = items;
  picker.value = '';
  picker.ignoreFocusOut = true;
  // The typed text is offered too, unless another item is the same.
  picker.onDidChangeValue((value) => {
    const written = value.trim();
    const known = written === '' || offered.some(({ reason }) => reason === written);
    picker.items = known
      ? items
      : [{ label: written, description: vscode.l10n.t('as written'), alwaysShow: true }, ...items];
  });
  const inUse = items.filter(({ label }) => label === current);
  if (inUse.length > 0) picker.activeItems = inUse;
  picker.show();
  return new Promise((resolve) => {
    picker.onDidAccept(() => {
      resolve(picker.activeItems[0]?.label);
      picker.hide();
    });
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
  });
}
