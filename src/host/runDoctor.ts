import * as vscode from 'vscode';
import { GatewayError } from '../errors.ts';
import type { Core } from '../core/core.ts';
import { examine } from '../health/examine.ts';
import type { Finding } from '../health/finding.ts';
import type { AuditTrail } from './auditTrail.ts';
import { composeOptions } from './configuration.ts';
import type { CoreHolder } from './coreHolder.ts';
import type { Mend } from '../remedies.ts';
import { applyRemedy, remedyLabel } from './remedies.ts';

interface FindingItem extends vscode.QuickPickItem {
  mend?: Mend | undefined;
}

const icons: Record<Finding['state'], string> = {
  healthy: 'pass',
  warning: 'warning',
  degraded: 'warning',
  failed: 'error',
  not_configured: 'circle-slash',
  not_installed: 'circle-slash',
};

/** Runs every check, shows the findings with issues first, and applies the selected fix. */
export async function runDoctor(holder: CoreHolder, auditTrail: AuditTrail): Promise<void> {
  const examination = {
    location: vscode.ProgressLocation.Window,
    title: vscode.l10n.t('TidyLLM Doctor is checking'),
  };
  const findings = await vscode.window.withProgress(examination, () =>
    examine<Core>({
      environment: composeOptions().environment,
      settingsError: holder.state.kind === 'ready' ? holder.state.settingsError : null,
      withSources: (work) =>
        holder.use(work).catch((error: unknown) => {
          // The cause, not that the gateway is down.
          throw GatewayError.is(error, 'gateway_unavailable') && error.cause ? error.cause : error;
        }),
      verify: async ({ journal }) => {
        const never = new AbortController();
        const checked = await auditTrail.check(journal, never.signal, () => undefined);
        if (!checked) throw new Error('The verification of the ledger was stopped.');
        return checked.result;
      },
    }),
  );
  await showFindings(findings);
}

async function showFindings(findings: readonly Finding[]): Promise<void> {
  const open = findings.filter(({ state }) => ['failed', 'degraded', 'warning'].includes(state));
  const picker = vscode.window.createQuickPick<FindingItem>();
  picker.title = vscode.l10n.t('TidyLLM Doctor');
  picker.placeholder =
    open.length === 0
      ? vscode.l10n.t('No issues found.')
      : vscode.l10n.t('{0} issues; select one to fix it', open.length);
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  picker.items = [
    ...section(vscode.l10n.t('Issues'), open),
    ...section(
      vscode.l10n.t('OK'),
      findings.filter(({ state }) => state === 'healthy'),
    ),
    ...section(
      vscode.l10n.t('Not configured'),
      findings.filter(({ state }) => state.startsWith('not_')),
    ),
  ];
  const copy = {
    iconPath: new vscode.ThemeIcon('copy'),
    tooltip: vscode.l10n.t('Copy the Findings'),
  };
  picker.buttons = [copy];
  picker.onDidTriggerButton(() => void vscode.env.clipboard.writeText(report(findings)));
  const chosen = await new Promise<FindingItem | undefined>((resolve) => {
    picker.onDidAccept(() => resolve(picker.selectedItems[0]));
    picker.onDidHide(() => resolve(undefined));
    picker.show();
  });
  picker.dispose();
  if (chosen?.mend) await applyRemedy(chosen.mend);
}

function section(title: string, findings: readonly Finding[]): FindingItem[] {
  if (findings.length === 0) return [];
  return [{ label: title, kind: vscode.QuickPickItemKind.Separator }, ...findings.map(itemOf)];
}

function itemOf({ name, state, evidence, hint, remedy: [mend] }: Finding): FindingItem {
  const detail = [hint, mend && `→ ${remedyLabel(mend)}`].filter(Boolean).join(' ');
  return {
    label: `$(${icons[state]}) ${name}`,
    description: evidence.split('\n', 1)[0] ?? '',
    ...(detail && { detail }),
    mend,
  };
}

function report(findings: readonly Finding[]): string {
  return findings
    .map(({ name, state, evidence, hint }) =>
      [`${name}: ${state.replace('_', ' ')}: ${evidence}`, hint && `  → ${hint}`].filter(Boolean).join('\n'),
    )
    .join('\n');
}
