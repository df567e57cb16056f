import type { GatewayError } from '../errors.ts';
import type { GatewayId, Health } from '../gateways/gateway.ts';
import type { ServiceId } from '../gateways/services.ts';
import type { Mend, Place } from '../remedies.ts';

/** The subject of a finding. */
export type FindingId =
  | ServiceId
  | GatewayId
  | 'anchor'
  | 'answering_service'
  | 'back_end'
  | 'budget'
  | 'cache'
  | 'clock'
  | 'credentials'
  | 'flow'
  | 'gateway'
  | 'ledger'
  | 'runtime'
  | 'settings'
  | 'simulated'
  | 'state_folder'
  | 'tracking'
  | 'user';

/** The interpreted result of one check. Every health display shows these. */
export interface Finding {
  id: FindingId;
  /** Its name in reports and on the command line. */
  name: string;
  /** A warning should be checked, but blocks nothing. */
  state: Health['state'] | 'warning';
  /** What was observed; for a failure, the problem. */
  evidence: string;
  /** What to do, in a sentence; empty if nothing. */
  hint: string;
  /** The same as data, best first. */
  remedy: readonly Mend[];
  /** Where to fix it. */
  place: Place | null;
  /** The cause, if it is one of the gateway's errors. */
  error: GatewayError | null;
  /** ISO 8601 times of the first check with this state, and of the last. Null for untimed checks. */
  since: string | null;
  checkedAt: string | null;
  /** Milliseconds; null if nothing was called. */
  latencyMs: number | null;
}

export function finding(
  id: FindingId,
  name: string,
  state: Finding['state'],
  evidence: string,
  { hint = '', remedy = [], place = null }: Partial<Pick<Finding, 'hint' | 'remedy' | 'place'>> = {},
): Finding {
  const untimed = { since: null, checkedAt: null, latencyMs: null };
  return { id, name, state, evidence, hint, remedy, place, error: null, ...untimed };
}

export function failed(id: FindingId, name: string, error: GatewayError): Finding {
  const { message, hint, place } = error;
  const remedy = error.remedy.filter((one) => one.kind !== 'retry');
  return { ...finding(id, name, 'failed', message, { hint, remedy, place }), error };
}
