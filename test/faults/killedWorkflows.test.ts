import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { LedgerRecord } from '../../src/ledger/records.ts';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { workflowBench } from '../support/workflowRuns.ts';
import { bundle } from './callers.ts';

const kills = times(20, 200);
/** A run is killed so often at most; then it may end. */
const mostKillsOfRun = 3;
/** Longer than the stand-in takes for an answer, so that kills fall before, inside and behind it. */
const longestDelayMs = 60;

const workflow = `name: Killed
cost_limit_usd: 5
steps:
  - { id: input, type: data_input, config: { source: input.txt } }
  - { id: one, type: ai_processing, depends_on: [input], config: { prompt: "One of {{input}}", max_tokens: 20 } }
  - { id: two, type: ai_processing, depends_on: [input], config: { prompt: "Two of {{input}}", max_tokens: 20 } }
  - { id: three, type: ai_processing, depends_on: [one], config: { prompt: "Three of {{one}}", max_tokens: 20 } }
  - { id: all, type: ai_processing, depends_on: [two, three], config: { prompt: "All of {{two}} {{three}}", max_tokens: 20 } }
  - { id: output, type: data_output, depends_on: [all], config: { destination: out.txt } }
`;

test(`a runner of workflows that is killed ${kills} times pays no step twice, and its runs end as if it weren’t`, async () => {
  const random = randomFrom(testSeed());
  const { core, standIn, file, folder, run, records } = await workflowBench();
  const script = await bundle('workflowRunner.ts', temporaryFolder());
  standIn.behave = () => ({ firstTokenDelayMs: 8, delayMs: 12 });
  file('input.txt', 'Four orders.');
  const path = file('workflow.yaml', workflow);
  const whole = await run(workflow, { file: path });
  const expected = readFileSync(join(folder, 'out.txt'), 'utf8');
  expect(whole.error).toBeNull();

  /** Runs, or goes on; killed after a random line and a random while, unless it may end. */
  async function work(
    runId: string | null,
    mayEnd: boolean,
  ): Promise<{ runId: string | null; done: boolean }> {
    const child = spawn(process.execPath, ['--no-warnings', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, FILE: path, ...(runId !== null && { RUN: runId }) },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let id = runId;
    let done = false;
    let left = mayEnd ? Infinity : 1 + Math.floor(random() * 12);
    const inside = random() < 0.5 ? 0 : random() * longestDelayMs;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [word, value = ''] = line.split(' ');
      if (word === 'run') id = value;
      if (word === 'done') done = value === 'success';
      left -= 1;
      if (left === 0) void delay(inside).then(() => child.kill('SIGKILL'));
    });
    await once(child, 'close');
    return { runId: id, done };
  }

  let killed = 0;
  let lost = 0;
  const runs: string[] = [];
  while (killed < kills) {
    let at: Awaited<ReturnType<typeof work>> = { runId: null, done: false };
    const paid = new Map<string, number>();
    for (let time = 0; !at.done; time += 1) {
      const mayEnd = time >= mostKillsOfRun || killed >= kills;
      at = await work(at.runId, mayEnd);
      expect(at.runId).not.toBeNull();
      if (at.done) break;
      expect(mayEnd).toBe(false);
      killed += 1;
      const view = await core.workflows.view(at.runId ?? '');
      // Killed when all was written, before it said so.
      if (view?.status === 'success') break;
      const requests = requestsByStep(await records(), at.runId ?? '');
      // A step with a result is paid: from here on it may not be asked again.
      for (const step of view?.steps ?? [])
        if (step.status === 'success' && step.type === 'ai_processing' && !paid.has(step.id))
          paid.set(step.id, requests.get(step.id) ?? 0);
    }
    const runId = at.runId ?? '';
    runs.push(runId);
    const requests = requestsByStep(await records(), runId);
    for (const [step, count] of paid) expect(requests.get(step)).toBe(count);
    lost += [...requests.values()].reduce((sum, count) => sum + count - 1, 0);
    expect(readFileSync(join(folder, 'out.txt'), 'utf8')).toBe(expected);
  }

  await core.ledger.recover();
  const all = await records();
  const steps = stepsOfCalls(all);
  const reserved = new Set(all.flatMap((one) => (one.kind === 'DISPATCH' ? one.call_id : [])));
  for (const { metadata } of standIn.calls) expect(reserved).toContain(metadata['tidyllm_call_id']);
  for (const runId of runs) {
    const of = [...steps].filter(([, step]) => step.run === runId);
    const settled = all.filter((one) => one.kind === 'SETTLE' && of.some(([call]) => call === one.call_id));
    const names = settled.map((one) => steps.get(one.call_id ?? '')?.step);
    // Settled twice would be paid twice at its price; a lost answer is charged at its worst case instead.
    expect(names).toHaveLength(new Set(names).size);
    const view = await core.workflows.view(runId);
    expect(view).toMatchObject({ status: 'success', cost: costOf(all, new Set(of.map(([call]) => call))) });
    expect(view?.steps.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)).toBe(view?.cost);
  }
  const spent = (await core.budget()).spent;
  expect(await core.budget()).toMatchObject({ reserved: 0n, spent: costOf(all, new Set(steps.keys())) });
  report(
    'workflows, killed',
    `${killed} kills in ${runs.length} runs, ${standIn.calls.length} requests, ${lost} answers lost in a kill and asked again, $${Number(spent) / 1e6} spent, nothing held`,
  );
}, 7_200_000);

test('of two processes on one run only one works, and the other says so', async () => {
  const { core, standIn, file, prompts } = await workflowBench();
  const script = await bundle('workflowRunner.ts', temporaryFolder());
  const step = '{ id: one, type: ai_processing, config: { prompt: "One. @stand-in:gate", max_tokens: 20 } }';
  const path = file('workflow.yaml', `name: Shared\nsteps:\n  - ${step}\n`);
  const start = (run: Record<string, string>) => {
    const child = spawn(process.execPath, ['--no-warnings', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FILE: path, ...run },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
  const first = start({});
  const lines = createInterface({ input: first.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const run = line.split(' ')[1] ?? '';
  const second = start({ RUN: run });
  const [said, [code]] = await Promise.all([text(second.stderr), once(second, 'exit') as Promise<[number]>]);
  expect(code).not.toBe(0);
  expect(said).toContain(`Another process works on the run ${run}.`);
  const ended = once(first, 'exit') as Promise<[number]>;
  standIn.openGate();
  expect((await ended)[0]).toBe(0);
  expect(prompts()).toHaveLength(1);
  expect(await core.workflows.view(run)).toMatchObject({ status: 'success' });
});

/** The run and step of each call. */
function stepsOfCalls(records: readonly LedgerRecord[]): Map<string, { run: string; step: string }> {
  return new Map(
    records.flatMap((one) =>
      one.kind === 'note' && one.topic === 'call.step' && one.call_id !== null
        ? [[one.call_id, { run: one.data['workflow_run_id'] as string, step: one.data['step'] as string }]]
        : [],
    ),
  );
}

/** How often each step of a run was sent to the model. */
function requestsByStep(records: readonly LedgerRecord[], runId: string): Map<string, number> {
  const steps = stepsOfCalls(records);
  const counts = new Map<string, number>();
  for (const one of records) {
    const call = one.kind === 'DISPATCH' ? steps.get(one.call_id) : undefined;
    if (call?.run === runId) counts.set(call.step, (counts.get(call.step) ?? 0) + 1);
  }
  return counts;
}

function costOf(records: readonly LedgerRecord[], calls: ReadonlySet<string>): bigint {
  return records.reduce(
    (sum, one) =>
      (one.kind === 'SETTLE' || one.kind === 'EXPIRED_CHARGED') && calls.has(one.call_id)
        ? sum + BigInt(one.cost_micro_usd)
        : sum,
    0n,
  );
}
