import type { Facts, OperationResult } from './operationResult.ts';
import { planOf, startingResult } from './startingResult.ts';
import type { ParsedWorkflow } from './workflowDocument.ts';

export function validateCompliance(parsed: ParsedWorkflow, _text: string, facts: Facts): OperationResult {
  return startingResult('validate', { plan: planOf(parsed, facts), parsed, facts });
}
