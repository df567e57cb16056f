import type { ContentStore } from '../content/contentStore.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import type { CorporateLlmGateway } from '../gateways/corporateLlm/corporateLlmGateway.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import type { Environment } from '../settings/settingsDocument.ts';
import { budgetSummary } from './actions/budgetSummary.ts';
import { costAnalysis } from './actions/costAnalysis.ts';
import { errorAnalysis } from './actions/errorAnalysis.ts';
import { performanceTest } from './actions/performanceTest.ts';
import { promptAction } from './actions/promptAction.ts';
import { recordedPerformance } from './actions/recordedPerformance.ts';
import { scalabilityTest } from './actions/scalabilityTest.ts';
import { shellCommand } from './actions/shellCommand.ts';
import type { BuiltInId, FlowAgreement } from './agreement.ts';
import type { Implementation } from './implementation.ts';

export interface ImplementationDependencies {
  /** Throws `gateway_unavailable` while it is not up. */
  gateway: () => CorporateLlmGateway;
  ledger: Ledger;
  budget: () => Promise<BudgetStatus>;
  catalogue: ModelCatalogue;
  content: Pick<ContentStore, 'read'>;
  environment: Environment;
  /** How long a cache would keep an answer: `cache.ttl_seconds`. */
  cacheSeconds: number;
  /** `aws.bedrock.default_model`. */
  defaultModel: string;
}

/** What runs for an agreement, and in its place. */
export interface Implementations {
  of: (agreement: FlowAgreement) => Implementation;
  builtIn: (id: BuiltInId) => Implementation;
}

/** Everything that an agreement can name, with what it works on. */
export function createImplementations(dependencies: ImplementationDependencies): Implementations {
  const builtIns: Readonly<Record<BuiltInId, Implementation>> = {
    performance_test: performanceTest(dependencies),
    scalability_test: scalabilityTest(dependencies),
    cost_analysis: costAnalysis(dependencies),
    error_analysis: errorAnalysis(dependencies),
    recorded_performance: recordedPerformance(dependencies),
    budget_summary: budgetSummary(dependencies),
  };
  return {
    builtIn: (id) => builtIns[id],
    of: (agreement) => {
      const { implementation, prompt, shell } = agreement;
      if (prompt) return promptAction(agreement, prompt, dependencies);
      if (shell) return shellCommand(agreement, shell, dependencies);
      return builtIns[implementation as BuiltInId];
    },
  };
}
