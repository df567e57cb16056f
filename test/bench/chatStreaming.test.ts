import { expect, onTestFinished, test } from 'vitest';
import { ChatView } from '../workbench/harness/chatView.ts';
import { startOnStandIn } from '../workbench/harness/standIn.ts';
import { longAnswer, turnOf } from '../workbench/harness/turns.ts';

/** Chromium calls longer ones long, and reports them. */
const limitMs = 50;

test.each([
  ['an answer of 200 KB', longAnswer(200_000)],
  ['code of 200 KB', `\`\`\`typescript\n${'export const value = compute(1, 2, 3);\n'.repeat(5_200)}`],
  [
    'code with colours',
    `\`\`\`typescript\n${'export const value = "one";\n'.repeat(350)}\`\`\`\n\nThe end.\n`,
  ],
])('%s streams in the chat', { timeout: 300_000 }, async (name, answer) => {
  const { editor, standIn } = await startOnStandIn();
  onTestFinished(async () => {
    await editor.dispose();
    await standIn.close();
  });
  const chat = await ChatView.open(await editor.open());
  const turns = [turnOf('long', { result: null })];
  await chat.tell({
    ...{ type: 'conversation', id: 'shown', turns, reason: 'JIRA-123 hold' },
    ...{ mode: 'direct', signature: '', draft: '' },
  });
  await expect.poll(() => chat.turns.count()).toBe(1);
  const { slow, slowControls, longestMs } = await chat.frame.locator('body').evaluate(stream, answer);
  const share = (part: number): string => `${(100 * part).toFixed(1)} %`;
  console.log(
    `${name}: tasks over ${limitMs} ms after ${share(slow)} of the pieces (control tasks of 15 ms: ${share(slowControls)}), longest ${longestMs.toFixed(0)} ms; aim: none but what the controls have`,
  );
});

interface Streamed {
  slow: number;
  slowControls: number;
  longestMs: number;
}

/** Runs in the view: streams a part of an answer, with a control task of about 15 ms after every tenth piece. */
async function stream(_body: Element, answer: string): Promise<Streamed> {
  const work = (rounds: number): number => {
    let sum = 0;
    for (let round = 0; round < rounds; round += 1) sum += Math.sqrt(round);
    return sum;
  };
  const timeOf = (rounds: number): number => {
    const before = performance.now();
    work(rounds);
    return performance.now() - before;
  };
  const trial = 1_000_000;
  const rounds = (15 * trial) / Math.max(1, Math.min(...Array.from({ length: 8 }, () => timeOf(trial))));
  const controls: [from: number, to: number][] = [];
  const tasks: [from: number, to: number][] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { name, startTime, duration } of list.getEntries())
      if (name === 'self') tasks.push([startTime, startTime + duration]);
  });
  observer.observe({ entryTypes: ['longtask'] });
  const size = 200;
  let pieces = 0;
  for (let start = 0; start < answer.length; start += size) {
    window.postMessage({ type: 'text', id: 'long', text: answer.slice(start, start + size) });
    await new Promise((resolve) => setTimeout(resolve, 4));
    pieces += 1;
    if (pieces % 10 !== 0) continue;
    await new Promise((resolve) => {
      const control = new MessageChannel();
      control.port1.onmessage = () => {
        const from = performance.now();
        work(rounds);
        controls.push([from, performance.now()]);
        resolve(null);
      };
      control.port2.postMessage(null);
    });
  }
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  observer.disconnect();
  const isControl = ([from, to]: [number, number]): boolean =>
    controls.some(([begin, end]) => begin < to && end > from);
  return {
    slow: tasks.filter((task) => !isControl(task)).length / pieces,
    slowControls: tasks.filter(isControl).length / Math.max(1, controls.length),
    longestMs: Math.max(0, ...tasks.filter((task) => !isControl(task)).map(([from, to]) => to - from)),
  };
}
