import type { Core } from '../../src/core/core.ts';
import type { LlmResponse } from '../../src/gateways/modelCalls.ts';
import { withCore } from './withCore.ts';

const workflow = {
  name: 'Financial Compliance Analysis',
  data_source: 's3://finance-data/q4-2024/',
  processing_steps: ['extract', 'validate', 'analyze', 'report'],
  compliance_requirements: ['sox', 'gdpr'],
  sla_target: 1800,
};

/** The enterprise data processing pipeline: an agreement, two governed calls, and a workflow that is optimised. */
export async function enterprisePipeline(core: Core, print: (line: string) => void): Promise<LlmResponse[]> {
  const origin = { door: 'cli', folder: null, branch: null };
  const analysis = await core.flow.executeFlowCommand('[Cost Analysis]', { origin, trusted: true });
  print(`FLOW analysis: ${analysis.mode}`);
  const review = await core.infrastructure.invokeBedrock({
    prompt: 'Analyze Q4 financial data for compliance patterns',
    auditReason: 'Quarterly compliance analysis',
    userId: 'finance_team',
    priority: 'high',
  });
  print(`Corporate review: ${review.status}`);
  const answer = await core.registry.calls().execute({
    prompt: review.content,
    modelId: 'claude-3-sonnet',
    temperature: 0.3,
    auditReason: 'Quarterly compliance analysis, second step',
    userId: 'finance_team',
  });
  print(`AI analysis: ${answer.status}, cached: ${answer.cacheHit}`);
  const result = core.workflows.processSync({ ...workflow, optimization_target: 'performance' });
  print(`Workflow optimization: ${result.operation}, ${result.improvements.length} improvements`);
  return [review, answer];
}

if (import.meta.main) await withCore(enterprisePipeline);
