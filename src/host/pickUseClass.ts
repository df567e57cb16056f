import * as vscode from 'vscode';
import { allowedUseClasses } from '../compliance/useClass.ts';
import type { CompliancePolicy } from '../compliance/policy.ts';

/** Asks what calls are for, where policy names use classes: '' if none is stated, undefined when cancelled. */
export async function pickUseClass(policy: CompliancePolicy): Promise<string | undefined> {
  const named = allowedUseClasses(policy);
  if (named.length === 0) return '';
  const none = { label: vscode.l10n.t('Not stated'), useClass: '' };
  const items = named.map((one) => ({ label: one, useClass: one }));
  const picked = await vscode.window.showQuickPick(policy.use_class_required ? items : [none, ...items], {
    title: vscode.l10n.t('Use'),
    placeHolder: vscode.l10n.t('What are the answers for?'),
    ignoreFocusOut: true,
  });
  return picked?.useClass;
}
