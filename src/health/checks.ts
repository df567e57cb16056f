import { GatewayError } from '../errors.ts';
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
import type { LedgerLocation, VerificationResult } from '../ledger/readJournal.ts';
import type { Caller } from '../ledger/records.ts';
import type { LoadedSettings } from '../settings/loadSettings.ts';
import type { Fault } from '../yamlDocument.ts';

/** No check of a service or a gateway takes longer, in milliseconds. */
export const checkTimeoutMs = 4_000;

/** What is looked at. */
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
  readonly flow: {
    catalogue(): Promise<{
      agreements: readonly unknown[];
      files: readonly { path: string }[];
      faults: readonly Fault[];
    }>;
  };
  budget(): Promise<BudgetStatus>;
}

/** What checks saw; null or absent where nobody has looked yet. */
export interface Observations {
  credentials: CredentialStatus | null;
  services: Readonly<Partial<Record<ServiceId, ServiceHealth>>>;
  /** Of the mock, where it stands in for Bedrock. */
  simulated: ServiceHealth | null;
  gateways: Readonly<Partial<Record<GatewayId, ServiceHealth>>>;
  ledger: { head: Receipt | null; budget: BudgetStatus; error: null } | { error: GatewayError } | null;
  /** Of every record, where somebody verified them. */
  verification: VerificationResult | null;
  /** Agreements that can run, and the files that define them with what is wrong in them. */
  flow: { agreements: number; files: readonly string[]; faults: readonly Fault[] } | null;
}

export const nothingObserved: Observations = {
  credentials: null,
  services: {},
  simulated: null,
  gateways: {},
  ledger: null,
  verification: null,
  flow: null,
};

export interface LookOptions {
  /** What the last look saw, for since when it is so. */
  before?: Observations;
  /** Called with what a check saw as soon as it ends. */
  onSeen?: (part: Partial<Observations>) => void;
  /** Checks every record of the ledger, too. */
  verify?: () => Promise<VerificationResult>;
  signal?: AbortSignal;
}

/**
 * Runs every check at once: the one look behind `status`, `health`, `doctor`, the FLOW action and the editor's views.
 * What fails is an observation. Rejects, after all checks ended, with what is a fault of ours.
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

type Check = (
  sources: HealthSources,
  signal: AbortSignal,
  before: Observations,
) => Promise<Partial<Observations>>;

/** Everything that is looked at; what it means is in findings.ts. */
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
  async ({ registry }, signal, before) => {
    const found = await inTime(registry.healthCheck(signal), signal);
    const of = (id: GatewayId): Health => ('checkedAt' in found ? found : found[id]);
    return { gateways: Object.fromEntries(gatewayIds.map((id) => [id, since(of(id), before.gateways[id])])) };
  },
  async (sources) => ({ ledger: await readLedger(sources) }),
  async ({ flow }) => {
    const { agreements, files, faults } = await flow.catalogue();
    return { flow: { agreements: agreements.length, files: files.map(({ path }) => path), faults } };
  },
];

/** The ledger by itself, for who follows its changes. */
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

/** What was seen, with what was seen since. */
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

/** A check that ignores its signal must not keep the others' next look waiting. */
function inTime<T>(check: Promise<T>, signal: AbortSignal): Promise<T | Health> {
  const late = Promise.withResolvers<Health>();
  signal.addEventListener('abort', () => late.resolve(timedOut()), { once: true });
  return Promise.race([check, late.promise]);
}

function timedOut(): Health {
  const evidence = `No answer within ${checkTimeoutMs / 1000} s.`;
  return { state: 'failed', latencyMs: null, evidence, error: null, checkedAt: new Date().toISOString() };
}
