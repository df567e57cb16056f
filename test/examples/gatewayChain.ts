import type { Core } from '../../src/core/core.ts';
import type { LlmResponse } from '../../src/gateways/modelCalls.ts';
import { withCore } from './withCore.ts';

/**
 * Gateway chaining, all three levels: the answer of a governed call is the prompt of the next, and what that answers is
 * planned as a workflow. Both calls pass every level.
 */
export async function gatewayChain(core: Core, print: (line: string) => void): Promise<LlmResponse[]> {
  const services = core.registry.listServices();
  const missing = services.filter(({ state }) => state !== 'initialized');
  if (missing.length > 0) {
    print(`Missing gateways: ${missing.map(({ id }) => id).join(', ')}`);
    return [];
  }
  const first = await core.infrastructure.invokeBedrock({
    prompt: 'Analyze workflow performance',
    auditReason: 'Chain testing for diagnostic',
    userId: 'system_diagnostic',
  });
  print(`Step 1 (Corporate LLM): ${first.status}, tracked: ${first.gatewayTracked}`);
  if (!first.success) {
    print('Chain stopped at Corporate LLM');
    return [first];
  }
  const second = await core.registry.calls().execute({
    prompt: first.content,
    modelId: 'claude-3-sonnet',
    auditReason: 'Chain testing for diagnostic, second step',
    userId: 'system_diagnostic',
  });
  print(`Step 2 (AI Processing): ${second.status}, attempts: ${second.attempts}, cached: ${second.cacheHit}`);
  if (!second.success) {
    print('Chain stopped at AI processing');
    return [first, second];
  }
  const third = core.workflows.processSync({
    analysis_input: second.content,
    optimization_target: 'performance',
  });
  print(
    `Step 3 (Workflow Optimizer): ${third.operation}, ${third.makespanMs} ms, estimated: ${third.estimated}`,
  );
  print('Full gateway chain completed');
  return [first, second];
}

if (import.meta.main) await withCore(gatewayChain);
