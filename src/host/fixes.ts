import { GatewayError } from '../errors.ts';
import { BudgetExceeded } from '../gateways/budgetRefusals.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { CommandId } from './commandIds.ts';

/** Where to open a settings file, the user's when none is named: at a key, or at a place from 1. */
export type SettingsPlace = { file?: string | undefined } & (
  { key: string } | { line: number; column: number }
);

/** What a person can do about an error, as data: it is stored with a conversation and sent to a webview. */
export type Fix =
  /** Asks the same again, perhaps otherwise. */
  | { kind: 'retry'; maxTokens?: number | undefined; model?: string | undefined; atMost?: string | undefined }
  | { kind: 'command'; command: CommandId; place?: SettingsPlace | undefined };

/** A shorter answer than this is not worth offering. */
const smallestOffer = 50;

/** The fixes of an error, best first and at most three. */
export function fixesFor(error: GatewayError): Fix[] {
  switch (error.code) {
    case 'budget_exceeded':
      return [...budgetFixes(error), run('tidyllm.raiseCap')];
    case 'budget_blocked':
      return [run('tidyllm.acknowledgeOverruns'), run('tidyllm.openBudget'), retry];
    case 'credentials_expired':
      return isSingleSignOn(error)
        ? [run('tidyllm.logInToAws'), run('tidyllm.connectAws'), retry]
        : [run('tidyllm.connectAws'), retry];
    case 'credentials_missing':
      return [run('tidyllm.connectAws'), retry];
    case 'access_denied':
      return [run('tidyllm.chooseModel'), run('tidyllm.connectAws'), retry];
    case 'model_not_recognized':
    case 'model_retired':
    case 'model_not_in_region':
      return [run('tidyllm.chooseModel'), openSettings({ key: 'model_mapping' }), retry];
    case 'price_unknown':
      return [run('tidyllm.chooseModel'), openSettings({ key: 'prices' }), retry];
    case 'service_failed':
      return [run('tidyllm.openSettingsFile'), run('tidyllm.refreshHealth')];
    case 'backend_not_allowed':
      return [openSettings({ key: 'backends' })];
    case 'settings_invalid':
      return [openSettings(placeIn(error.message)), run('tidyllm.reconnect')];
    case 'ledger_damaged':
      return [run('tidyllm.reopenLedger'), run('tidyllm.verifyAuditTrail'), run('tidyllm.revealLedger')];
    case 'ledger_unavailable':
      return [run('tidyllm.revealLedger'), retry];
    case 'content_unavailable':
      return [run('tidyllm.revealLedger'), openSettings({ key: 'content' }), retry];
    case 'gateway_unavailable':
      return unavailableFixes(error);
    case 'backend_rejected':
      return [run('tidyllm.chooseModel'), run('tidyllm.showOutput')];
    case 'backend_throttled':
    case 'backend_unreachable':
    case 'internal_error':
    case 'backend_failed':
    case 'stream_stalled':
    case 'flow_failed':
    case 'flow_timed_out':
    case 'flow_running':
    case 'stream_incomplete':
      return error.retryable ? [retry, run('tidyllm.showOutput')] : [run('tidyllm.showOutput')];
    case 'anchor_failed':
      return [openSettings({ key: 'anchor' })];
    case 'flow_invalid':
      return [run('tidyllm.openFlowFile')];
    case 'flow_not_matched':
      return [run('tidyllm.runFlow')];
    case 'flow_not_approved':
    case 'cost_limit_exceeded':
    case 'invalid_request':
    case 'audit_reason_missing':
    case 'cancelled':
      return [];
  }
}

const retry: Fix = { kind: 'retry' };

function run(command: CommandId): Fix {
  return { kind: 'command', command };
}

function openSettings(place: SettingsPlace | undefined): Fix {
  return { kind: 'command', command: 'tidyllm.openSettingsFile', place };
}

function budgetFixes(error: GatewayError): Fix[] {
  if (!(error instanceof BudgetExceeded)) return [];
  const { maxTokens, models } = error.offer;
  const [cheapest] = models;
  return [
    ...(maxTokens !== null && maxTokens >= smallestOffer ? [{ kind: 'retry' as const, maxTokens }] : []),
    ...(cheapest
      ? [{ kind: 'retry' as const, model: cheapest.name, atMost: formatUsd(cheapest.worstCase) }]
      : []),
  ];
}

/** What keeps the gateway down is what has to be mended. */
function unavailableFixes({ cause }: GatewayError): Fix[] {
  const fixes = GatewayError.is(cause) ? fixesFor(cause).filter(({ kind }) => kind === 'command') : [];
  return fixes.length > 0
    ? [...fixes.slice(0, 2), retry]
    : [run('tidyllm.reconnect'), run('tidyllm.showOutput'), retry];
}

/** Whether a login mends it, and not new keys. */
function isSingleSignOn({ hint }: GatewayError): boolean {
  return hint.includes('aws sso login');
}

/** The place that the first fault of a `settings_invalid` names as file:line:column. */
function placeIn(message: string): SettingsPlace | undefined {
  const [, file, line, column] = /^(.+?):(\d+):(\d+): /m.exec(message) ?? [];
  return line === undefined ? undefined : { file, line: Number(line), column: Number(column) };
}
