import type { HealthSources } from '../health/checks.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import type { Environment } from '../settings/settingsDocument.ts';
import { budgetSummary } from './actions/budgetSummary.ts';
import { complianceReportAction, type ComplianceReportDependencies } from './actions/complianceReport.ts';
import { costAnalysis, type CostAnalysisDependencies } from './actions/costAnalysis.ts';
import { errorAnalysis } from './actions/errorAnalysis.ts';
import { healthCheck } from './actions/healthCheck.ts';
import { integrationTest, type IntegrationTestDependencies } from './actions/integrationTest.ts';
import { performanceTest } from './actions/performanceTest.ts';
import { promptAction } from './actions/promptAction.ts';
import { recordedPerformance } from './actions/recordedPerformance.ts';
import { scalabilityTest } from './actions/scalabilityTest.ts';
import { securityTest, type SecurityTestDependencies } from './actions/securityTest.ts';
import { shellCommand } from './actions/shellCommand.ts';
import { workflowAction, type RunAgreedWorkflow } from './actions/workflowAction.ts';
import type { BuiltInId, FlowAgreement } from './agreement.ts';
import type { Implementation } from './implementation.ts';

export type ImplementationDependencies = CostAnalysisDependencies &
  IntegrationTestDependencies &
  SecurityTestDependencies &
  ComplianceReportDependencies &
  HealthSources & {
    budget: () => Promise<BudgetStatus>;
    environment: Environment;
    runWorkflow: RunAgreedWorkflow;
  };

/** The implementations and fallbacks of agreements. */
export interface Implementations {
  of: (agreement: FlowAgreement) => Implementation;
  builtIn: (id: BuiltInId) => Implementation;
}

/** All implementations that an agreement can name, with their dependencies. */
export function createImplementations(dependencies: ImplementationDependencies): Implementations {
  const builtIns: Readonly<Record<BuiltInId, Implementation>> = {
    performance_test: performanceTest(dependencies),
    cost_analysis: costAnalysis(dependencies),
    error_analysis: errorAnalysis(dependencies),
    integration_test: integrationTest(dependencies),
    scalability_test: scalabilityTest(dependencies),
    security_test: securityTest(dependencies),
    compliance_report: complianceReportAction(dependencies),
    recorded_performance: recordedPerformance(dependencies),
    budget_summary: budgetSummary(dependencies),
    health_check: healthCheck(dependencies),
  };
  return {
    builtIn: (id) => builtIns[id],
    of: (agreement) => {
      const { implementation, prompt, shell, workflow } = agreement;
      if (prompt) return promptAction(agreement, prompt, dependencies);
      if (shell) return shellCommand(agreement, shell, dependencies);
      if (workflow) return workflowAction(agreement, workflow, dependencies);
      return builtIns[implementation as BuiltInId];
    },
  };
}
