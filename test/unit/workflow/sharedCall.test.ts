import { expect, it } from 'vitest';
import { sharedCallOf } from '../../../src/workflowWorkers/sharedCall.ts';

const call = {
  workflow: 'Team',
  run_id: '0ffdea59-99ff-448d-8eb9-e4d3027a8c47',
  step: 'outer.inner-1',
  user: 'ada',
  reason: 'JIRA-1',
  most: '900',
  request: { prompt: 'Hello', model: 'claude-sonnet', max_tokens: 20, temperature: 0 },
};

it('a call of the database is taken as a workflow can have made it', () => {
  expect(sharedCallOf(call)).toEqual(call);
});

it.each([
  ['a workflow’s name that no file can have', { workflow: 'w'.repeat(121) }],
  ['a workflow’s name that no ledger can record', { workflow: 'W\ud800' }],
  ['a step with control characters', { step: 'one\u001b[2J' }],
  ['a step that no ledger can record', { step: 's\ud800' }],
  ['money below zero', { most: '-1' }],
  ['a run without an id', { run_id: 'run' }],
])('%s is refused before anything is recorded', (_what, changed) => {
  expect(() => sharedCallOf({ ...call, ...changed })).toThrow('a call that can’t be read');
});
