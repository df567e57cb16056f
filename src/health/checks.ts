import { GatewayError, messageOf } from '../errors.ts';
import { gatewayIds, type GatewayId, type Health } from '../gateways/gateway.ts';
import type { BackendInfo } from '../gateways/ports.ts';
import type { GatewayRegistry } from '../gateways/registry.ts';
import {
  serviceIds,
  type CredentialStatus,
  type ServiceHealth,
  type ServiceId,
  type Sessions,
} from '../gateways/services.ts';
import type { Anchoring } from '../ledger/anchors.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import type { LedgerReader, Receipt } from '../ledger/contract.ts';
import type { LedgerLocation } from '../ledger/readJournal.ts';
import type { VerificationResult } from '../ledger/verifyLedger.ts';
import type { Caller } from '../ledger/records.ts';
import type { LoadedSettings } from '../settings/loadSettings.ts';
import type { TrackingStatus } from '../tracking/tracker.ts';
import type { Fault } from '../yamlDocument.ts';

/** Timeout of each check of a service or gateway, in milliseconds. */
export const checkTimeoutMs = 4_000;

/** What to check. */
export interface HealthSources {
  readonly loaded: LoadedSettings;
  readonly backend: BackendInfo;
  readonly simulatedBecause: string | null;
  readonly sessions: Pick<Sessions, 'credentialStatus' | 'checkHealth'>;
  readonly registry: GatewayRegistry;
  readonly ledger: Pick<LedgerReader, 'head' | 'requireRecordable'>;
  readonly journal: LedgerLocation;
  readonly anchoring: Anchoring;
  readonly user: string;
  readonly caller: Caller;
  readonly cache: { readonly directory: string; models(): Promise<{ files: number; bytes: number }[]> };
  readonly tracking: { readonly tracker: { status(): TrackingStatus } };
  readonly flow: {
    catalogue(): Promise<{
      agreements: readonly unknown[];
      files: readonly { path: string }[];
      faults: readonly Fault[];
    }>;
  };
  budget(): Promise<BudgetStatus>;
}

/** The results of the checks; null or absent if not checked yet. */
export interface Observations {
  credentials: CredentialStatus | null;
  services: Readonly<Partial<Record<ServiceId, ServiceHealth>>>;
  /** The check of the mock, if it replaces Bedrock. */
  simulated: ServiceHealth | null;
  /** The check of the service that answers, if it is neither Bedrock nor the mock. */
  direct?: ServiceHealth | null;
  gateways: Readonly<Partial<Record<GatewayId, ServiceHealth>>>;
  ledger: { head: Receipt | null; budget: BudgetStatus; error: null } | { error: GatewayError } | null;
  /** The verification of every record, if one was run. */
  verification: VerificationResult | null;
  /** What the cache holds, or why that can't be read. */
  cache: { files: number; bytes: number } | { error: string } | null;
  /** What waits to be sent to MLflow and OpenTelemetry. */
  tracking: TrackingStatus | null;
  /** Agreements that can run, and the faults in their files. */
  flow: { agreements: number; files: readonly string[]; faults: readonly Fault[] } | null;
}

export const nothingObserved: Observations = {
  credentials: null,
  services: {},
  simulated: null,
  gateways: {},
  ledger: null,
  verification: null,
  cache: null,
  tracking: null,
  flow: null,
};

export interface LookOptions {
  /** The last results, to keep their `since` times. */
  before?: Observations;
  /** Called with each result as soon as its check ends. */
  onSeen?: (part: Partial<Observations>) => void;
  /** Also verifies every record of the ledger. */
  verify?: () => Promise<VerificationResult>;
  signal?: AbortSignal;
}

/**
 * Runs all checks in parallel, for `status`, `health`, `doctor`, the FLOW action and the editor's views.
 * A failure is an observation. Rejects only for our own bugs, after all checks have ended.
 */
export async function look(sources: HealthSources, options: LookOptions = {}): Promise<Observations> {
  const { before = nothingObserved, onSeen, verify } = options;
  const inTime = AbortSignal.timeout(checkTimeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, inTime]) : inTime;
  let seen: Observations = { ...before };
  const all = checks.map(async (check) => {
    const part = await check(sources, signal, before);
    seen = joined(seen, part);
    onSeen?.(part);
  });
  const results = await Promise.allSettled(all);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
  return verify ? { ...seen, ...(await verified(verify)) } : seen;
}

/** Whether answers come from a service that is not one of AWS. */
export function isDirect({ id, simulated }: Pick<BackendInfo, 'id' | 'simulated'>): boolean {
  return !simulated && id !== 'bedrock';
}

type Check = (
  sources: HealthSources,
  signal: AbortSignal,
  before: Observations,
) => Promise<Partial<Observations>>;

/** All checks; findings.ts interprets their results. */
const checks: readonly Check[] = [
  async ({ sessions }) => ({ credentials: await sessions.credentialStatus() }),
  ...serviceIds.map((id): Check => async ({ sessions }, signal, before) => {
    const found = await inTime(sessions.checkHealth(id, signal), signal);
    return { services: { [id]: since(found, before.services[id]) } };
  }),
  async ({ backend }, signal, before) => ({
    simulated: backend.simulated
      ? since(await inTime(backend.checkHealth(signal), signal), before.simulated ?? undefined)
      : null,
  }),
  async ({ backend }, signal, before) => ({
    direct: isDirect(backend)
      ? since(await inTime(backend.checkHealth(signal), signal), before.direct ?? undefined)
      : null,
  }),
  async ({ registry }, signal, before) => {
    const found = await inTime(registry.healthCheck(signal), signal);
    const of = (id: GatewayId): Health => ('checkedAt' in found ? found : found[id]);
    return { gateways: Object.fromEntries(gatewayIds.map((id) => [id, since(of(id), before.gateways[id])])) };
  },
  async (sources) => ({ ledger: await readLedger(sources) }),
  async ({ cache }) => {
    try {
      const models = await cache.models();
      const sum = (of: 'files' | 'bytes'): number => models.reduce((total, model) => total + model[of], 0);
      return { cache: { files: sum('files'), bytes: sum('bytes') } };
    } catch (error) {
      return { cache: { error: messageOf(error) } };
    }
  },
  ({ tracking }) => Promise.resolve({ tracking: tracking.tracker.status() }),
  async ({ flow }) => {
    const { agreements, files, faults } = await flow.catalogue();
    return { flow: { agreements: agreements.length, files: files.map(({ path }) => path), faults } };
  },
];

/** The check of the ledger alone, for views that follow its changes. */
export async function readLedger({
  ledger,
  budget,
}: Pick<HealthSources, 'ledger' | 'budget'>): Promise<NonNullable<Observations['ledger']>> {
  try {
    const [head, today] = await Promise.all([ledger.head(), budget(), ledger.requireRecordable()]);
    return { head, budget: today, error: null };
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    return { error };
  }
}

async function verified(verify: () => Promise<VerificationResult>): Promise<Partial<Observations>> {
  try {
    return { verification: await verify() };
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    return { ledger: { error } };
  }
}

/** Earlier results, updated with newer ones. */
export function joined(seen: Observations, part: Partial<Observations>): Observations {
  return {
    ...seen,
    ...part,
    services: { ...seen.services, ...part.services },
    gateways: { ...seen.gateways, ...part.gateways },
  };
}

function since(found: Health | ServiceHealth, before: ServiceHealth | undefined): ServiceHealth {
  const own = 'since' in found ? found.since : found.checkedAt;
  return { ...found, since: before?.state === found.state ? before.since : own };
}

/** A check that ignores its signal must not delay the next round of checks. */
function inTime<T>(check: Promise<T>, signal: AbortSignal): Promise<T | Health> {
  const late = Promise.withResolvers<Health>();
  signal.addEventListener('abort', () => late.resolve(timedOut()), { once: true });
  return Promise.race([check, late.promise]);
}

function timedOut(): Health {
  const evidence = `No response within ${checkTimeoutMs / 1000} s.`;
  return { state: 'failed', latencyMs: null, evidence, error: null, checkedAt: new Date().toISOString() };
}
