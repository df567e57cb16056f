import { GatewayError } from '../errors.ts';
import type { Remedy } from '../remedies.ts';
import type { Capabilities } from './capabilities.ts';
import type { GovernedCalls, ModelCalls } from './modelCalls.ts';
import {
  gatewayIds,
  type AgreementContext,
  type Gateway,
  type GatewayId,
  type Health,
  type ServiceMetrics,
} from './gateway.ts';

interface KnownService {
  level: 1 | 2 | 3;
  description: string;
  dependsOn: readonly GatewayId[];
}

const knownServices: Readonly<Record<GatewayId, KnownService>> = {
  corporate_llm: { level: 1, description: 'Governance: reason, budget, audit', dependsOn: [] },
  ai_processing: { level: 2, description: 'Cache, retry and back-end choice', dependsOn: ['corporate_llm'] },
  workflow_optimizer: {
    level: 3,
    description: 'Workflow analysis and runs',
    dependsOn: ['corporate_llm', 'ai_processing'],
  },
};

/** Creates each installed gateway on top of the level below. Throws `GatewayError` if it can't start. */
export interface GatewayFactories {
  corporate_llm?: () => Promise<Gateway & GovernedCalls>;
  ai_processing?: (below: GovernedCalls) => Promise<Gateway>;
  workflow_optimizer?: (below: Gateway) => Promise<Gateway>;
}

export interface ServiceInfo extends KnownService {
  id: GatewayId;
  state: 'initialized' | 'failed' | 'not_installed';
  /** Why it isn't running. */
  error: GatewayError | null;
  /** Null if it isn't running. */
  capabilities: Capabilities | null;
}

/** One level's decision on an agreement. */
export interface AgreementValidation {
  gateway: GatewayId;
  level: 1 | 2 | 3;
  state: 'approved' | 'refused' | 'not_installed';
  /** Why it refused. */
  error: GatewayError | null;
  /** What it would change in the calls, in sentences. */
  hints: readonly string[];
}

/** Knows every gateway, starts the installed ones, and says why the others aren't running. */
export class GatewayRegistry {
  // Another extension in the same process could replace the deciding methods with its own.
  static {
    Object.freeze(this.prototype);
  }

  readonly #factories: GatewayFactories;
  readonly #gateways = new Map<GatewayId, Gateway>();
  readonly #failures = new Map<GatewayId, GatewayError>();

  constructor(factories: GatewayFactories) {
    this.#factories = factories;
  }

  /**
   * Creates every installed gateway, lowest level first. One that fails, or whose dependency is missing, is
   * listed by `listServices` with the reason; nothing is thrown.
   */
  async autoConfigure(): Promise<void> {
    for (const id of gatewayIds) {
      const make = this.#factories[id];
      this.#gateways.delete(id);
      this.#failures.delete(id);
      if (!make) continue;
      try {
        this.#requireDependencies(id);
        // The lowest level gets no `below` and takes none.
        this.#gateways.set(id, await make(this.#top() as Gateway & GovernedCalls));
      } catch (error) {
        if (!GatewayError.is(error)) throw error;
        this.#failures.set(id, error);
      }
    }
  }

  /**
   * The highest level that is up: every call passes it and all levels below. Throws `gateway_unavailable` if not
   * even the lowest is up: there is no other route to a model.
   */
  calls(): ModelCalls {
    const top = this.#top();
    if (!top) throw gatewayUnavailable('corporate_llm', this.#failures.get('corporate_llm'));
    return top;
  }

  #top(): Gateway | undefined {
    return gatewayIds.flatMap((id) => this.#gateways.get(id) ?? []).at(-1);
  }

  getAvailableServices(): GatewayId[] {
    return gatewayIds.filter((id) => this.#gateways.has(id));
  }

  listServices(): ServiceInfo[] {
    return gatewayIds.map((id) => {
      const error = this.#failures.get(id) ?? null;
      const gateway = this.#gateways.get(id);
      const state = gateway ? 'initialized' : error ? 'failed' : 'not_installed';
      const capabilities = gateway?.getCapabilities() ?? null;
      return { id, ...knownServices[id], state, error, capabilities };
    });
  }

  /** What calls of this process came to, by back-end and model. */
  metrics(): ServiceMetrics[] {
    return [...this.#gateways.values()].flatMap((gateway) => gateway.metrics?.() ?? []);
  }

  /** The health of every known gateway; one that isn't installed is never healthy. */
  async healthCheck(signal: AbortSignal): Promise<Record<GatewayId, Health>> {
    const checks = this.listServices().map(
      async (service) => [service.id, await this.#health(service, signal)] as const,
    );
    return Object.fromEntries(await Promise.all(checks)) as Record<GatewayId, Health>;
  }

  /** Asks every level about an agreement, lowest first, until one refuses. */
  async validateAgreement(context: AgreementContext): Promise<AgreementValidation[]> {
    const validations: AgreementValidation[] = [];
    for (const { id, level, state, error: failure } of this.listServices()) {
      const { error, hints } = failure
        ? { error: gatewayUnavailable(id, failure), hints: [] }
        : await this.#decisionOf(id, context);
      const found = error ? 'refused' : state === 'initialized' ? 'approved' : 'not_installed';
      validations.push({ gateway: id, level, state: found, error, hints });
      if (error) break;
    }
    return validations;
  }

  async #decisionOf(
    id: GatewayId,
    context: AgreementContext,
  ): Promise<Pick<AgreementValidation, 'error' | 'hints'>> {
    try {
      return { error: null, hints: (await this.#gateways.get(id)?.validateAgreement(context)) ?? [] };
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      return { error, hints: [] };
    }
  }

  getRegistryStats(): { total: number; initialized: number; failed: number; notInstalled: number } {
    const states = this.listServices().map(({ state }) => state);
    const count = (wanted: ServiceInfo['state']): number => states.filter((state) => state === wanted).length;
    return {
      total: states.length,
      initialized: count('initialized'),
      failed: count('failed'),
      notInstalled: count('not_installed'),
    };
  }

  /** Throws `gateway_unavailable` with the missing dependency and its cause. */
  #requireDependencies(id: GatewayId): void {
    const missing = knownServices[id].dependsOn.find((other) => !this.#gateways.has(other));
    if (missing === undefined) return;
    const cause = this.#failures.get(missing);
    const why = cause ? `did not start: ${cause.message}` : 'is not installed.';
    throw new GatewayError('gateway_unavailable', `${id} needs ${missing}, which ${why}`, {
      hint: cause?.hint ?? '',
      remedy: remedyOf(cause),
      cause,
    });
  }

  async #health({ id, state, error, dependsOn }: ServiceInfo, signal: AbortSignal): Promise<Health> {
    const gateway = this.#gateways.get(id);
    if (gateway) return gateway.checkHealth(signal);
    const evidence =
      state === 'failed' ? 'It did not start.' : `Not installed; will need ${dependsOn.join(' and ')}.`;
    return {
      state: state === 'failed' ? 'failed' : 'not_installed',
      latencyMs: null,
      evidence,
      error,
      checkedAt: new Date().toISOString(),
    };
  }
}

/** The fail-safe: the error that callers get while a gateway is not up. */
export function gatewayUnavailable(id: GatewayId, cause?: GatewayError): GatewayError {
  const reason = cause ? ` ${cause.message}` : '';
  return new GatewayError(
    'gateway_unavailable',
    `NO DIRECT AWS CALLS ALLOWED: the gateway ${id} is not up.${reason}`,
    {
      hint: cause?.hint || 'Open the health view, or run "tidyllm status", to see why.',
      remedy: remedyOf(cause),
      cause,
    },
  );
}

/** The fix is that of the error that keeps the gateway down. */
function remedyOf(cause: GatewayError | undefined): Remedy[] | undefined {
  const mends = cause?.remedy.filter(({ kind }) => kind !== 'retry') ?? [];
  return mends.length === 0 ? undefined : [...mends.slice(0, 2), { kind: 'retry' }];
}

/** Creates a registry and starts everything that can start. */
export async function initGateways(factories: GatewayFactories): Promise<GatewayRegistry> {
  const registry = new GatewayRegistry(factories);
  await registry.autoConfigure();
  return registry;
}
