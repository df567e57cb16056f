import { describe, expect, it } from 'vitest';
import { parseWorkflow } from '../../../src/workflow/workflowDocument.ts';
import { malformedWorkflows } from './fixtures/malformedWorkflows.ts';

describe('a malformed workflow', () => {
  it.each(malformedWorkflows)('%s is reported at its place', (_what, text, expected) => {
    const { workflow, faults } = parseWorkflow('workflow.yaml', text);
    expect(workflow).toBeNull();
    expect(
      faults.map(({ place, code, message }) => `${place?.line}:${place?.column}: ${code}: ${message}`),
    ).toContain(expected);
  });
});
