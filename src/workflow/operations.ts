export { analyzeBottlenecks } from './bottlenecks.ts';
export { validateCompliance } from './complianceRules.ts';
export { fixErrors } from './mending.ts';
export { operations, type Facts, type Operation, type OperationResult } from './operationResult.ts';
export { optimizePerformance } from './optimization.ts';
