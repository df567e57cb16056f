import { expect, it } from 'vitest';
import { parseWorkflow } from '../../../src/workflow/workflowDocument.ts';
import { workflowTemplate } from '../../../src/workflow/workflowTemplate.ts';

it('the workflow that a person begins with has no fault', () => {
  const { workflow, faults } = parseWorkflow('workflow.yaml', workflowTemplate);
  expect(faults).toEqual([]);
  expect(workflow?.steps.map(({ id, dependsOn }) => [id, dependsOn])).toEqual([
    ['summary', []],
    ['risks', []],
    ['notes', ['summary', 'risks']],
  ]);
});
