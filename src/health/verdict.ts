import type { GatewayError } from '../errors.ts';
import { errorCodes } from '../errorCodes.ts';
import { gatewayIds } from '../gateways/gateway.ts';
import { serviceIds } from '../gateways/services.ts';
import type { Mend } from '../remedies.ts';
import type { Finding, FindingId } from './finding.ts';

/** Why the system isn't operational, and how to fix it. */
export interface Reason {
  of: FindingId;
  /** The name of the finding. */
  name: string;
  message: string;
  hint: string;
  remedy: readonly Mend[];
  error: GatewayError | null;
}

export interface Verdict {
  state: 'OPERATIONAL' | 'DEGRADED';
  reasons: readonly Reason[];
}

/**
 * The one verdict: OPERATIONAL if nothing that is configured and installed fails. One reason counts once: a gateway
 * repeats that of its back-end or its ledger.
 */
export function verdictOf(findings: readonly Finding[]): Verdict {
  const reasons = findings.filter(isWrong).map(reasonOf);
  const isGateway = ({ of }: Reason): boolean => gatewayIds.some((id) => id === of);
  const once = reasons.filter((reason) => {
    const same = reasons.filter(({ message }) => message === reason.message);
    return reason === (same.find((one) => !isGateway(one)) ?? same[0]);
  });
  return { state: once.length === 0 ? 'OPERATIONAL' : 'DEGRADED', reasons: once };
}

/** Whether every finding that the verdict needs is available. */
export function isComplete(findings: readonly Finding[]): boolean {
  const needed: readonly FindingId[] = [...serviceIds, gatewayIds[0], 'ledger'];
  return needed.every((id) => findings.some((found) => found.id === id));
}

/** Exit code of the command line: 0, 7 for a ledger fault, otherwise the first reason's code. */
export function exitCodeOf({ reasons }: Verdict): number {
  const codes = reasons.map(({ error }) => error?.exitCode ?? errorCodes.service_failed.exitCode);
  const ledger = errorCodes.ledger_damaged.exitCode;
  return codes.includes(ledger) ? ledger : (codes[0] ?? 0);
}

function isWrong({ state }: Finding): boolean {
  return state === 'failed' || state === 'degraded';
}

function reasonOf({ id, name, evidence, hint, remedy, error }: Finding): Reason {
  return { of: id, name, message: error?.message ?? evidence, hint, remedy, error };
}
