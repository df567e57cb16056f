import type { Facts, OperationResult } from './operationResult.ts';
import { planOf, startingResult } from './startingResult.ts';
import type { ParsedWorkflow } from './workflowDocument.ts';

export function fixErrors(parsed: ParsedWorkflow, _text: string, facts: Facts): OperationResult {
  return startingResult('fix', { plan: planOf(parsed, facts), parsed, facts });
}
