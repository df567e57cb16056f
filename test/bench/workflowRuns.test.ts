import { expect, test } from 'vitest';
import { randomFrom, testSeed } from '../support/random.ts';
import { workflowBench } from '../support/workflowRuns.ts';

const workflows = 5;
const steps = 12;
const measuredRuns = 3;

/** Waits of the stand-in, ms: the work of the gateway is small beside them. */
const shortest = 150;
const longest = 900;

test('the makespan that is predicted from earlier runs is within 10 % of what the runner then measures', async () => {
  const random = randomFrom(testSeed());
  const { core, standIn, run, folder } = await workflowBench({ TIDYLLM_AI_CONCURRENCY: '4' });
  standIn.behave = ({ body }) => ({ delayMs: Number(/for (\d+)/.exec(JSON.stringify(body))?.[1] ?? 0) });
  const errors: number[] = [];
  for (let number = 0; number < workflows; number += 1) {
    const text = workflowOf(number, random);
    for (let time = 0; time < measuredRuns; time += 1) expect((await run(text)).error).toBeNull();
    const file = `${folder}/workflow.yaml`;
    const { makespanMs, boundMs, estimated } = await core.workflows.processWorkflow('analyze', {
      file,
      text,
    });
    expect(estimated).toBe(false);
    const { view } = await run(text);
    errors.push(Math.abs(view.makespanMs - makespanMs) / makespanMs);
    console.log(
      `${steps} steps on 4 slots: predicted ${makespanMs} ms, bound ${Math.round(boundMs)} ms, measured ${view.makespanMs} ms`,
    );
  }
  console.log(`largest difference ${(Math.max(...errors) * 100).toFixed(1)} %`);
  expect(Math.max(...errors)).toBeLessThan(0.1);
}, 600_000);

/** Steps of a model that each wait for up to three before them. */
function workflowOf(number: number, random: () => number): string {
  const lines = Array.from({ length: steps }, (_, index) => {
    const after = Array.from(
      { length: index === 0 ? 0 : Math.floor(random() * 4) },
      () => `s${Math.floor(random() * index)}`,
    );
    const wait = Math.round(shortest + random() * (longest - shortest));
    return `  - { id: s${index}, type: ai_processing, depends_on: [${[...new Set(after)].join(', ')}], config: { prompt: "Step ${index} for ${wait}", max_tokens: 50 } }\n`;
  });
  return `name: Predicted ${number}\ncost_limit_usd: 5\nsteps:\n${lines.join('')}`;
}
