import * as vscode from 'vscode';
import type { GatewayId } from '../../gateways/gateway.ts';
import type { Observations } from '../../health/checks.ts';
import type { Finding, FindingId } from '../../health/finding.ts';
import { findingsOf } from '../../health/findings.ts';
import { isComplete, verdictOf as judge } from '../../health/verdict.ts';
import type { Verification } from '../../host/auditTrail.ts';
import type { CoreState } from '../../host/coreHolder.ts';
import { briefMessage } from '../../host/errorText.ts';

/** The views' name for the subject of a finding. */
export function nameOf(id: FindingId): string {
  const names: Record<Exclude<FindingId, GatewayId>, string> = {
    anchor: vscode.l10n.t('Anchor'),
    back_end: vscode.l10n.t('Back-end'),
    answering_service: vscode.l10n.t('Answering service'),
    bedrock: 'Bedrock',
    budget: vscode.l10n.t('Today'),
    cache: vscode.l10n.t('Cache'),
    clock: vscode.l10n.t('Clock'),
    credentials: vscode.l10n.t('Credentials'),
    flow: vscode.l10n.t('FLOW agreements'),
    gateway: vscode.l10n.t('Gateway'),
    ledger: vscode.l10n.t('Ledger'),
    mlflow: 'MLflow',
    postgres: 'PostgreSQL',
    runtime: 'Node.js',
    s3: 'S3',
    settings: 'settings.yaml',
    simulated: vscode.l10n.t('Simulated answers'),
    state_folder: vscode.l10n.t('State folder'),
    tracking: vscode.l10n.t('Tracking of calls'),
    user: vscode.l10n.t('User'),
  };
  return id in names ? names[id as keyof typeof names] : id;
}

export function stateText(state: Finding['state']): string {
  const states: Record<Finding['state'], string> = {
    healthy: vscode.l10n.t('healthy'),
    warning: vscode.l10n.t('warning'),
    degraded: vscode.l10n.t('degraded'),
    failed: vscode.l10n.t('failed'),
    not_configured: vscode.l10n.t('not configured'),
    not_installed: vscode.l10n.t('not installed'),
  };
  return states[state];
}

/** Empty if nothing was measured. */
export function latencyText(milliseconds: number | null): string {
  if (milliseconds === null) return '';
  return milliseconds < 1 ? vscode.l10n.t('< 1 ms') : vscode.l10n.t('{0} ms', Math.round(milliseconds));
}

/** The time, with the date if it isn't today. */
export function timeText(iso: string): string {
  const time = new Date(iso);
  const today = new Date().toDateString() === time.toDateString();
  const format: Intl.DateTimeFormatOptions = today
    ? { timeStyle: 'medium' }
    : { dateStyle: 'short', timeStyle: 'short' };
  return new Intl.DateTimeFormat(vscode.env.language, format).format(time);
}

/** The problem in one line; empty if there is none. */
export function problemOf({ state, error, evidence }: Finding): string {
  if (state === 'healthy' || state.startsWith('not_')) return '';
  return (error ? briefMessage(error) : evidence).split('\n', 1)[0] ?? '';
}

export interface Verdict {
  state: 'operational' | 'degraded' | 'checking';
  reasons: readonly { of: string; message: string; hint: string }[];
}

/** The verdict that every command gives, on the checks so far. */
export function verdictOf(state: CoreState, seen: Observations, verification: Verification | null): Verdict {
  if (state.kind === 'starting') return { state: 'checking', reasons: [] };
  const findings = findingsIn(state, seen, verification);
  const reasons = judge(findings).reasons.map(({ of, message, hint }) => ({
    of: nameOf(of),
    message: briefMessage({ message }),
    hint,
  }));
  if (reasons.length > 0) return { state: 'degraded', reasons };
  return { state: isComplete(findings) ? 'operational' : 'checking', reasons };
}

/** The finding on this window's gateway, or why there is none. */
export function findingsIn(
  state: Exclude<CoreState, { kind: 'starting' }>,
  seen: Observations,
  verification: Verification | null,
): Finding[] {
  if (state.kind === 'failed') return findingsOf({ sources: null, error: state.error }, seen);
  const { core, settingsError } = state;
  return findingsOf(
    { sources: core, settingsError },
    { ...seen, verification: verification?.result ?? null },
  );
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
