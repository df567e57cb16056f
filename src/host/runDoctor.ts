import * as vscode from 'vscode';
import { GatewayError } from '../errors.ts';
import { examine, type Finding } from '../core/doctor.ts';
import type { AuditTrail } from './auditTrail.ts';
import type { CoreHolder } from './coreHolder.ts';
import type { Mend } from '../remedies.ts';
import { applyRemedy, remedyLabel } from './remedies.ts';

interface FindingItem extends vscode.QuickPickItem {
  mend?: Mend | undefined;
}

const icons: Record<Finding['state'], string> = {
  ok: 'pass',
  warning: 'warning',
  failed: 'error',
  'not configured': 'circle-slash',
};

/** Examines everything, shows the findings with what is to be mended first, and mends what is chosen. */
export async function runDoctor(holder: CoreHolder, auditTrail: AuditTrail): Promise<void> {
  const examination = { location: vscode.ProgressLocation.Window, title: vscode.l10n.t('TidyLLM examines') };
  const findings = await vscode.window.withProgress(examination, () =>
    examine({
      withCore: (work) =>
        holder.use(work).catch((error: unknown) => {
          // Why the gateway is down, not that it is.
          throw GatewayError.is(error, 'gateway_unavailable') && error.cause ? error.cause : error;
        }),
      verify: async ({ journal }) => {
        const never = new AbortController();
        const checked = await auditTrail.check(journal, never.signal, () => undefined);
        if (!checked) throw new Error('The check of the ledger was stopped.');
        return checked.result;
      },
    }),
  );
  const { state } = holder;
  const notApplied = state.kind === 'ready' ? state.settingsError : null;
  await showFindings([...(notApplied ? [unapplied(notApplied)] : []), ...findings]);
}

/** Settings with a fault, while those from before stay in effect. */
function unapplied(error: GatewayError): Finding {
  return {
    name: 'settings',
    state: 'failed',
    evidence: error.message,
    fix: error.hint,
    remedy: error.remedy,
    error,
  };
}

async function showFindings(findings: readonly Finding[]): Promise<void> {
  const open = findings.filter(({ state }) => state === 'failed' || state === 'warning');
  const picker = vscode.window.createQuickPick<FindingItem>();
  picker.title = vscode.l10n.t('TidyLLM Doctor');
  picker.placeholder =
    open.length === 0
      ? vscode.l10n.t('Nothing to mend.')
      : vscode.l10n.t('{0} to be mended; choose one to do what helps', open.length);
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  picker.items = [
    ...section(vscode.l10n.t('To be mended'), open),
    ...section(
      vscode.l10n.t('Well'),
      findings.filter(({ state }) => state === 'ok'),
    ),
    ...section(
      vscode.l10n.t('Not configured'),
      findings.filter(({ state }) => state === 'not configured'),
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

function itemOf({ name, state, evidence, fix, remedy }: Finding): FindingItem {
  const mend = remedy.find((one) => one.kind !== 'retry');
  const detail = [fix, mend && `→ ${remedyLabel(mend)}`].filter(Boolean).join(' ');
  return {
    label: `$(${icons[state]}) ${name}`,
    description: evidence.split('\n', 1)[0] ?? '',
    ...(detail && { detail }),
    mend,
  };
}

function report(findings: readonly Finding[]): string {
  return findings
    .map(({ name, state, evidence, fix }) => `${name}: ${state}: ${evidence}${fix ? `\n  → ${fix}` : ''}`)
    .join('\n');
}
