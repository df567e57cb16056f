import * as vscode from 'vscode';
import type { Health } from '../../gateways/gateway.ts';
import type { ServiceId } from '../../gateways/services.ts';
import { reasonsOf, type Reason } from '../../gateways/systemStatus.ts';
import type { Verification } from '../../host/auditTrail.ts';
import type { CoreState } from '../../host/coreHolder.ts';
import { briefMessage } from '../../host/errorText.ts';
import type { Findings } from '../../host/healthMonitor.ts';

export const serviceNames: Readonly<Record<ServiceId, string>> = {
  bedrock: 'Bedrock',
  s3: 'S3',
  postgres: 'PostgreSQL',
  mlflow: 'MLflow',
};

/** A service goes by its name; a gateway's id is its name. */
export function nameOf(id: string): string {
  return (serviceNames as Readonly<Record<string, string | undefined>>)[id] ?? id;
}

export function stateText(state: Health['state']): string {
  const states: Record<Health['state'], string> = {
    healthy: vscode.l10n.t('healthy'),
    degraded: vscode.l10n.t('degraded'),
    failed: vscode.l10n.t('failed'),
    not_configured: vscode.l10n.t('not configured'),
    not_installed: vscode.l10n.t('not installed'),
  };
  return states[state];
}

/** Empty where nothing was measured. */
export function latencyText(milliseconds: number | null): string {
  if (milliseconds === null) return '';
  return milliseconds < 1 ? vscode.l10n.t('< 1 ms') : vscode.l10n.t('{0} ms', Math.round(milliseconds));
}

/** The time, with the day where it isn't today. */
export function timeText(iso: string): string {
  const time = new Date(iso);
  const today = new Date().toDateString() === time.toDateString();
  const format: Intl.DateTimeFormatOptions = today
    ? { timeStyle: 'medium' }
    : { dateStyle: 'short', timeStyle: 'short' };
  return new Intl.DateTimeFormat(vscode.env.language, format).format(time);
}

/** What is wrong, in one line; empty where nothing is. */
export function problemOf({ state, error, evidence }: Health): string {
  if (state !== 'failed' && state !== 'degraded') return '';
  return (error ? briefMessage(error) : evidence).split('\n', 1)[0] ?? '';
}

export interface Verdict {
  state: 'operational' | 'degraded' | 'checking';
  reasons: readonly Reason[];
}

/** The verdict of `tidyllm status` on what was found so far. */
export function verdictOf(
  state: CoreState,
  { services, gateways, ledger }: Findings,
  verification: Verification | null,
): Verdict {
  if (state.kind === 'starting') return { state: 'checking', reasons: [] };
  if (state.kind === 'failed') {
    const { code, hint } = state.error;
    const of = code === 'settings_invalid' ? 'settings.yaml' : vscode.l10n.t('Gateway');
    return { state: 'degraded', reasons: [{ of, message: briefMessage(state.error), hint }] };
  }
  const { settingsError } = state;
  const fault = verification?.result.firstFault;
  const ledgerName = vscode.l10n.t('Ledger');
  const reasons = [
    ...reasonsOf([...Object.entries(services), ...Object.entries(gateways)]).map((reason) => ({
      ...reason,
      of: nameOf(reason.of),
    })),
    ...(settingsError
      ? [{ of: 'settings.yaml', message: briefMessage(settingsError), hint: settingsError.hint }]
      : []),
    ...(ledger?.error ? [{ of: ledgerName, message: ledger.error.message, hint: ledger.error.hint }] : []),
    // A ledger that is closed says itself what was found.
    ...(fault && !ledger?.error
      ? [
          {
            of: ledgerName,
            message: vscode.l10n.t('broken at {0}:{1}: {2}', fault.segment, fault.line, fault.detail),
            hint: vscode.l10n.t('Keep the folder as it is, and compare it with a backup and the anchors.'),
          },
        ]
      : []),
  ].filter(
    // A gateway says of a ledger that can't be used what the ledger says.
    ({ message }, index, all) => all.findIndex((one) => one.message === message) === index,
  );
  if (reasons.length > 0) return { state: 'degraded', reasons };
  const known = services.bedrock && services.s3 && services.postgres && services.mlflow;
  return { state: known && gateways.corporate_llm && ledger ? 'operational' : 'checking', reasons };
}

export function verdictText({ state }: Verdict): string {
  switch (state) {
    case 'operational':
      return 'OPERATIONAL';
    case 'degraded':
      return 'DEGRADED';
    case 'checking':
      return vscode.l10n.t('Checking …');
  }
}
