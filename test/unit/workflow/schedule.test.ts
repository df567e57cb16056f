import { describe, expect, it } from 'vitest';
import { criticalPath, shortestPossible, simulate, slackOf } from '../../../src/workflow/schedule.ts';
import { TaskGraph } from '../../../src/workflow/taskGraph.ts';
import { seededRandom } from '../../support/random.ts';
import { plainStep, randomSteps } from '../../support/workflows.ts';

describe('a schedule', () => {
  it('keeps every dependency and the slots, and lies between the bound and Graham’s multiple of it', () => {
    const random = seededRandom();
    for (let round = 0; round < 200; round += 1) {
      const graph = new TaskGraph(randomSteps(random, 1 + Math.floor(random() * 60)));
      const durations = new Map([...graph.tasks.keys()].map((id) => [id, Math.floor(random() * 100)]));
      const slots = 1 + Math.floor(random() * 5);
      const bound = shortestPossible(graph, durations, slots);
      for (const order of ['critical_path', 'first_in_first_out', 'shortest_plan'] as const) {
        const { makespan, times } = simulate(graph, durations, slots, order);
        expect(times.size).toBe(graph.tasks.size);
        expect(makespan).toBeGreaterThanOrEqual(bound);
        expect(makespan).toBeLessThanOrEqual((2 - 1 / slots) * bound + 1e-9);
        for (const { id, after } of graph.tasks.values())
          for (const before of after)
            expect(times.get(id)!.start).toBeGreaterThanOrEqual(times.get(before)!.end);
        for (const { start } of times.values()) {
          const running = [...times.values()].filter((one) => one.start <= start && start < one.end);
          expect(running.length).toBeLessThanOrEqual(slots);
        }
      }
    }
  });

  it('gives the steps of the critical path no slack, and their sum is the longest way', () => {
    const random = seededRandom();
    for (let round = 0; round < 100; round += 1) {
      const graph = new TaskGraph(randomSteps(random, 40));
      const durations = new Map([...graph.tasks.keys()].map((id) => [id, 1 + Math.floor(random() * 100)]));
      const path = criticalPath(graph, durations);
      const slack = slackOf(graph, durations);
      expect(path.map((id) => slack.get(id))).toEqual(path.map(() => 0));
      const sum = path.reduce((total, id) => total + durations.get(id)!, 0);
      expect(sum).toBe(simulate(graph, durations, graph.tasks.size).makespan);
    }
  });

  it('is never longer than by the critical path or first in, first out, and the same again by its own order', () => {
    const random = seededRandom();
    for (let round = 0; round < 200; round += 1) {
      const graph = new TaskGraph(randomSteps(random, 1 + Math.floor(random() * 60)));
      const durations = new Map([...graph.tasks.keys()].map((id) => [id, Math.floor(random() * 100)]));
      const slots = 1 + Math.floor(random() * 5);
      const plan = simulate(graph, durations, slots);
      for (const order of ['critical_path', 'first_in_first_out'] as const)
        expect(plan.makespan).toBeLessThanOrEqual(simulate(graph, durations, slots, order).makespan);
      expect(simulate(graph, durations, slots, plan).makespan).toBe(plan.makespan);
    }
  });

  it('begins the step with the longest way first', () => {
    const graph = new TaskGraph([plainStep('short', []), plainStep('long', []), plainStep('last', ['long'])]);
    const durations = new Map([
      ['short', 2],
      ['long', 1],
      ['last', 5],
    ]);
    expect(simulate(graph, durations, 1, 'critical_path').times.get('long')).toEqual({ start: 0, end: 1 });
    expect(simulate(graph, durations, 1, 'first_in_first_out').times.get('short')).toEqual({
      start: 0,
      end: 2,
    });
  });
});
