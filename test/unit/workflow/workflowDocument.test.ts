import { readFileSync } from 'node:fs';
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

describe('the format', () => {
  it('is shown in the documentation by files that are valid', () => {
    const page = readFileSync(new URL('../../../docs/workflows.md', import.meta.url), 'utf8');
    const files = [...page.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '');
    expect(files).toHaveLength(2);
    for (const file of files) expect(parseWorkflow('workflow.yaml', file).faults).toEqual([]);
  });
});
