import { GatewayError } from '../../errors.ts';
import type { AgreementContext, Gateway, Health } from '../gateway.ts';
import type { CallOptions, LlmRequest, LlmResponse } from '../modelCalls.ts';
import type { CallTracker } from '../ports.ts';

/** How workflows are optimised and run, by the settings. */
export interface WorkflowPolicy {
  /** 0 none, 1 what changes no result, 2 also models that a file allows. */
  optimizationLevel: number;
  /** Minimum gain that justifies a change, 0 to 1. */
  performanceThreshold: number;
  complianceMode: boolean;
  dagManagerEnabled: boolean;
  flowAgreementsEnabled: boolean;
}

export interface WorkflowOptimizerDependencies {
  /** The second level, which stands on the first. */
  below: Gateway;
  policy: WorkflowPolicy;
  /** The folders whose files steps may look up. */
  knowledge: readonly string[];
  tracker: Pick<CallTracker, 'call'>;
}

/**
 * Level 3: the calls of workflow steps, and every other call, pass through it to the levels below, so that each is in one
 * trace and one group of records. Workflows themselves are run in `workflowRuns`, which knows no gateway.
 */
export class WorkflowOptimizerGateway implements Gateway {
  // Another extension in the same process could replace the deciding methods with its own.
  static {
    Object.freeze(this.prototype);
  }

  readonly id = 'workflow_optimizer';
  readonly #dependencies: WorkflowOptimizerDependencies;

  /** Throws `gateway_unavailable` on anything but the second level. */
  constructor(dependencies: WorkflowOptimizerDependencies) {
    const { id } = dependencies.below;
    if (id !== 'ai_processing')
      throw new GatewayError(
        'gateway_unavailable',
        `workflow_optimizer needs ai_processing and corporate_llm below it, not ${id} alone.`,
        { hint: 'Take the gateways from the registry, which starts them in their order.' },
      );
    this.#dependencies = dependencies;
  }

  getCapabilities() {
    const { policy, knowledge } = this.#dependencies;
    return {
      operations: ['analyze', 'optimize', 'fix', 'validate', 'run'],
      optimizationLevel: policy.optimizationLevel,
      performanceThreshold: policy.performanceThreshold,
      complianceMode: policy.complianceMode,
      dagManagerEnabled: policy.dagManagerEnabled,
      flowAgreementsEnabled: policy.flowAgreementsEnabled,
      requiresKnowledgeResources: true,
      knowledgeResources: knowledge,
    };
  }

  worstCase(request: LlmRequest): bigint {
    return this.#dependencies.below.worstCase(request);
  }

  execute(request: LlmRequest, options: CallOptions = {}): Promise<LlmResponse> {
    const { tracker, below } = this.#dependencies;
    return tracker.call(this.id, () => below.execute(request, options));
  }

  /** It stands with the levels below, which are checked on their own; says what steps can look up. */
  checkHealth(): Promise<Health> {
    const { policy, knowledge } = this.#dependencies;
    const parallel = policy.dagManagerEnabled ? 'Steps run in parallel' : 'Steps run one by one';
    const resources =
      knowledge.length === 0
        ? 'no folder is open, so retrieve steps are refused'
        : `retrieve steps search ${knowledge.length === 1 ? 'one folder' : `${knowledge.length} folders`}`;
    return Promise.resolve({
      state: 'healthy',
      latencyMs: null,
      evidence: `${parallel}; ${resources}.`,
      error: null,
      checkedAt: new Date().toISOString(),
    });
  }

  /** Nothing of an agreement is decided here that the levels below don't decide for each call. */
  validateAgreement(_context: AgreementContext): Promise<readonly string[]> {
    return Promise.resolve([]);
  }
}
