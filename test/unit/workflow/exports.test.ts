import { describe, expect, it } from 'vitest';
import { mermaidOf } from '../../../src/workflow/mermaid.ts';
import { simulate } from '../../../src/workflow/schedule.ts';
import { statesLanguageOf } from '../../../src/workflow/statesLanguage.ts';
import { TaskGraph } from '../../../src/workflow/taskGraph.ts';
import { seededRandom } from '../../support/random.ts';
import { pipeline, plainStep, randomSteps, valid, workflowOf } from '../../support/workflows.ts';

describe('a Mermaid flowchart', () => {
  it('nests steps as subgraphs, and has names and labels of its own for them', () => {
    const { workflow } = valid(
      workflowOf(`  - { id: end, type: data_input, config: { source: a.txt } }
  - id: outer
    type: nested
    depends_on: [end]
    steps:
      - { id: inner, type: ai_processing }
`),
    );
    expect(mermaidOf(workflow!)).toBe(`flowchart LR
  step0["end (data_input)"]
  subgraph step1["outer"]
    step2["inner (ai_processing)"]
  end
  step0 --> step1
`);
  });

  it('escapes what has a meaning in a label', () => {
    const steps = [plainStep('a"]; click', [])];
    expect(mermaidOf({ steps })).toContain('["a#34;#93;#59; click (transform)"]');
  });
});

describe('a state machine', () => {
  it('is a sequence of tasks for a chain, which costs nothing', () => {
    const { workflow } = valid(pipeline);
    const durations = new Map([
      ['input', 1],
      ['process', 2],
      ['output', 3],
    ]);
    const machine = statesLanguageOf(workflow!, durations);
    expect(machine).toMatchObject({ workflowMs: 6, machineMs: 6 });
    expect(machine.definition).toMatchObject({
      StartAt: 'input',
      States: {
        input: { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Next: 'process' },
        process: { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Next: 'output' },
        output: { Type: 'Task', End: true },
      },
    });
  });

  it('keeps chains side by side apart, and says what levels cost where they can’t be', () => {
    const durations = new Map(['a', 'b', 'c', 'd'].map((id) => [id, id === 'a' || id === 'd' ? 10 : 1]));
    const apart = [plainStep('a', []), plainStep('b', []), plainStep('c', ['a']), plainStep('d', ['b'])];
    expect(statesLanguageOf({ name: 'apart', steps: apart }, durations)).toMatchObject({
      workflowMs: 11,
      machineMs: 11,
    });
    const crossed = [...apart.slice(0, 2), plainStep('c', ['a', 'b']), plainStep('d', ['b'])];
    const machine = statesLanguageOf({ name: 'crossed', steps: crossed }, durations);
    // d must wait for a: 10 + 10.
    expect(machine).toMatchObject({ workflowMs: 11, machineMs: 20 });
    expect(machine.note).toContain('81.8 % longer');
  });

  it('has every step once, and is never faster than the workflow', () => {
    const random = seededRandom();
    for (let round = 0; round < 50; round += 1) {
      const steps = randomSteps(random, 1 + Math.floor(random() * 30));
      const durations = new Map(steps.map(({ id }) => [id, 1 + Math.floor(random() * 50)]));
      const machine = statesLanguageOf({ name: 'random', steps }, durations);
      const written = JSON.stringify(machine.definition);
      for (const { id } of steps) expect(written.split(`"step":"${id}"`)).toHaveLength(2);
      const graph = new TaskGraph(steps);
      expect(machine.workflowMs).toBe(simulate(graph, durations, steps.length).makespan);
      expect(machine.machineMs).toBeGreaterThanOrEqual(machine.workflowMs);
    }
  });

  it('shortens names that are too long, and keeps them apart', () => {
    const long = 'x'.repeat(90);
    const steps = [plainStep(`${long}1`, []), plainStep(`${long}2`, [`${long}1`])];
    const { definition } = statesLanguageOf({ name: 'long', steps }, new Map());
    expect(Object.keys(definition['States'] as object).map((name) => name.length)).toEqual([80, 80]);
  });
});
