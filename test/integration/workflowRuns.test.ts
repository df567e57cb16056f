import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statusesOf, stepOf, workflowBench } from '../support/workflowRuns.ts';

describe('a run of a workflow', () => {
  it('does the work of every step, and ends with where its output was written', async () => {
    const { file, run, folder, prompts, records } = await workflowBench();
    file('orders.csv', 'id,city,total\n1,Bonn,20\n2,Köln,5\n3,Bonn,7\n');
    file('cities.json', JSON.stringify([{ city: 'Bonn', country: 'DE' }]));
    const result = await run(`name: Orders
inputs: { least: 6 }
steps:
  - { id: orders, type: data_input, config: { source: orders.csv } }
  - { id: cities, type: data_input, config: { source: cities.json } }
  - { id: large, type: transform, depends_on: [orders], config: { filter: { field: total, above: 6 } } }
  - { id: places, type: transform, depends_on: [large, cities], config: { join: { left: "{{large}}", right: "{{cities}}", on: city } } }
  - { id: named, type: transform, depends_on: [places], config: { map: { name: "{{item.id}} in {{item.country}}, at least {{inputs.least}}" } } }
  - { id: names, type: transform, depends_on: [named], config: { select: name } }
  - { id: summary, type: ai_processing, depends_on: [names], config: { prompt: "Summarise {{names}}. @stand-in:text=Two." } }
  - { id: report, type: data_output, depends_on: [summary, names], config: { destination: out/report.json } }
`);
    expect(result.error).toBeNull();
    expect(new Set(Object.values(statusesOf(result)))).toEqual(new Set(['success']));
    expect(result.outputs).toEqual({ report: 'out/report.json' });
    expect(JSON.parse(readFileSync(join(folder, 'out/report.json'), 'utf8'))).toEqual({
      summary: 'Two.',
      names: ['1 in DE, at least 6', '3 in DE, at least 6'],
    });
    expect(prompts()).toHaveLength(1);
    const settled = (await records()).find((record) => record.kind === 'SETTLE');
    expect(result.view.cost?.toString()).toBe(settled?.cost_micro_usd);
    expect(stepOf(result, 'summary').cost).toBe(result.view.cost);
  });
});
