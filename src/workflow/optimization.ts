import type { Facts, OperationResult, OptimizationLevel } from './operationResult.ts';
import { planOf, startingResult } from './startingResult.ts';
import type { ParsedWorkflow } from './workflowDocument.ts';

/** What `optimize` is asked for. */
export interface OptimizationRequest {
  level: OptimizationLevel;
  /** The least gain that is proposed, as a share of the makespan, 0 to 1. */
  threshold: number;
}

export function optimizePerformance(
  parsed: ParsedWorkflow,
  _text: string,
  facts: Facts,
  { level }: OptimizationRequest,
): OperationResult {
  return { ...startingResult('optimize', { plan: planOf(parsed, facts), parsed, facts }), level };
}
