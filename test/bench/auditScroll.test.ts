import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeSyntheticLedger } from '../support/syntheticLedger.ts';
import { AuditView } from '../workbench/harness/auditView.ts';
import { Editor } from '../workbench/harness/editor.ts';

const wanted = Number(process.env['RECORDS'] ?? 1_000_000);
const steps = 600;

test(`the audit history of ${wanted} records, scrolled end to end`, { timeout: 900_000 }, async () => {
  const editor = await Editor.start();
  onTestFinished(() => editor.dispose());
  const directory = join(editor.home, 'ledger', 'simulated');
  const { records, calls } = await writeSyntheticLedger({
    ...{ directory, mode: 'simulated', records: wanted, end: new Date(Date.now() - 86_400_000) },
  });
  const window = await editor.open();
  const [host] = editor.extensionHosts();
  const before = residentMegabytes(host);
  const started = performance.now();
  const audit = await AuditView.open(window);
  await expect.poll(() => audit.total(), { timeout: 600_000 }).toBe(calls);
  await expect.poll(() => audit.sequences(), { timeout: 60_000 }).not.toContain(0);
  const opened = performance.now() - started;
  const indexed = residentMegabytes(host);
  const frames = await audit.grid.evaluate(scrollThrough, steps);
  await expect.poll(async () => (await audit.sequences()).at(-1)).toBeLessThan(10);
  const jumps: number[] = [];
  for (let jump = 0; jump < 40; jump += 1)
    jumps.push(await audit.grid.evaluate(jumpTo, ((jump * 17) % 41) / 41));
  const lines = [
    `${records} records, ${calls} calls`,
    `first opened, index made: ${(opened / 1000).toFixed(1)} s`,
    `frame while scrolling end to end in ${steps} steps: ${percentiles(frames)}`,
    `rows there after a jump anywhere: ${percentiles(jumps)}`,
    `extension host: +${(indexed - before).toFixed(0)} MB when indexed, +${(residentMegabytes(host) - before).toFixed(0)} MB after scrolling`,
  ];
  console.log(lines.join('\n'));
});

/** Milliseconds of each frame while the grid is scrolled from its beginning to its end. */
async function scrollThrough(element: Element, frames: number): Promise<number[]> {
  const end = element.scrollHeight - element.clientHeight;
  const times: number[] = [];
  let last = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
  for (let frame = 1; frame <= frames; frame += 1) {
    element.scrollTop = (end * frame) / frames;
    const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
    times.push(now - last);
    last = now;
  }
  return times;
}

/** Milliseconds from a jump until every row that is seen is there. */
async function jumpTo(element: Element, share: number): Promise<number> {
  const start = performance.now();
  element.scrollTop = (element.scrollHeight - element.clientHeight) * share;
  const missing = (): boolean =>
    [...element.querySelectorAll('.window .sequence')].some(({ textContent }) => textContent === '');
  do await new Promise((resolve) => requestAnimationFrame(resolve));
  while (missing());
  return performance.now() - start;
}

function percentiles(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    `${(sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1)} ms`;
  return `median ${at(0.5)}, p95 ${at(0.95)}, most ${at(1)}`;
}

function residentMegabytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
