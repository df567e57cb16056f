import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { readRecords } from '../../src/ledger/readJournal.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { hostEnvironment } from '../workbench/harness/hostEnvironment.ts';
import { environmentOf, startOnStandIn } from '../workbench/harness/standIn.ts';

const minutes = Number(process.env['SOAK_MINUTES'] ?? '60');
const inFlight = 16;
const samples = 30;
const betweenWindowsMs = 20_000;
/** Of the stand-in for each answer: 16 in flight then make about 50 calls a second. */
const answerMs = 300;

/** What a process holds, at one moment. */
interface Held {
  calls: number;
  heapMib: number;
  rssMib: number;
  files: number;
  handles: number;
}
interface Sample extends Held {
  /** The extension host of the window that stays open. */
  host: { rssMib: number; files: number };
  /** In the state folder, without the journal's segments. */
  stateFiles: number;
  windows: number;
}
interface End {
  ended: true;
  calls: number;
  cost: string;
}

test(
  `${inFlight} calls in flight for ${minutes} minutes, while windows come and go, hold no more at the end than at the start`,
  async () => {
    const { editor, standIn } = await startOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '1000000' });
    onTestFinished(async () => {
      await editor.dispose();
      await standIn.close();
    });
    standIn.behave = () => ({ firstTokenDelayMs: answerMs });
    await editor.open();
    const [stays = 0] = editor.extensionHosts();
    const seen: Sample[] = [];
    let windows = 0;
    const caller = startCaller(
      {
        ...hostEnvironment(editor.folder),
        ...environmentOf(standIn),
        TIDYLLM_BUDGET_DAILY_LIMIT_USD: '1000000',
      },
      (held) => {
        // What the stand-in remembers is not ours to measure, and would slow it.
        standIn.calls.length = 0;
        seen.push({ ...held, host: heldBy(stays), stateFiles: filesIn(editor.home), windows });
        console.log(lineOf(seen.at(-1)!));
      },
    );
    const until = Date.now() + minutes * 60_000;
    while (Date.now() < until) {
      const window = await editor.open();
      windows += 1;
      await window.close();
      await delay(betweenWindowsMs);
    }
    const { calls, cost } = await caller.end();

    const directory = join(editor.home, 'ledger', 'live');
    const verified = await verifyLedger({ directory, mode: null });
    expect(verified).toMatchObject({ ok: true });
    let settled = 0;
    let spent = 0n;
    for await (const { record } of readRecords(directory))
      if (record.kind === 'SETTLE') {
        settled += 1;
        spent += BigInt(record.cost_micro_usd);
      }
    console.log(
      `${calls} calls, ${windows} windows; ${verified.records} records verify; heap ${growth(seen, ({ heapMib }) => heapMib)}, host ${growth(seen, ({ host }) => host.rssMib)}`,
    );
    expect({ settled, spent }).toEqual({ settled: calls, spent: BigInt(cost) });
    // How many are in use changes from moment to moment.
    expect(Math.max(...seen.map(({ handles }) => handles))).toBeLessThan(6 * inFlight);
    for (const pick of [
      ({ heapMib }: Sample) => heapMib,
      ({ files }: Sample) => files,
      ({ host }: Sample) => host.rssMib,
      ({ host }: Sample) => host.files,
    ]) {
      const [before, after] = thirds(seen, pick);
      expect(after).toBeLessThan(before * 1.15 + 5);
    }
  },
  (minutes + 10) * 60_000,
);

function startCaller(environment: Record<string, string>, onSample: (held: Held) => void) {
  const child = spawn(
    process.execPath,
    ['--expose-gc', '--no-warnings', join(import.meta.dirname, 'caller.ts')],
    {
      env: {
        PATH: process.env['PATH'],
        ...environment,
        IN_FLIGHT: String(inFlight),
        SAMPLE_SECONDS: String((minutes * 60) / samples),
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const result = Promise.withResolvers<End>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const told = JSON.parse(line) as Held | End;
    if ('ended' in told) result.resolve(told);
    else onSample(told);
  });
  child.on('exit', (code) => result.reject(new Error(`the caller ended with ${code}`)));
  return {
    end: () => {
      child.stdin.end();
      return result.promise;
    },
  };
}

function heldBy(pid: number): Sample['host'] {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { rssMib: Number(kib) / 1024, files: readdirSync(`/proc/${pid}/fd`).length };
}

function filesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.name.endsWith('.journal'),
  ).length;
}

/** The medians of the first third, without the first sample, and of the last. */
function thirds(seen: readonly Sample[], pick: (sample: Sample) => number): [number, number] {
  const third = Math.floor(seen.length / 3);
  const median = (some: readonly Sample[]) =>
    some.map(pick).toSorted((a, b) => a - b)[some.length >> 1] ?? NaN;
  return [median(seen.slice(1, third + 1)), median(seen.slice(-third))];
}

function growth(seen: readonly Sample[], pick: (sample: Sample) => number): string {
  return thirds(seen, pick)
    .map((value) => `${value.toFixed(1)} MiB`)
    .join(' → ');
}

function lineOf({ calls, heapMib, rssMib, files, handles, host, stateFiles, windows }: Sample): string {
  return [
    `${calls} calls`,
    `heap ${heapMib.toFixed(1)} MiB`,
    `memory ${rssMib.toFixed(0)} MiB`,
    `${files} files open`,
    `${handles} handles`,
    `host ${host.rssMib.toFixed(0)} MiB, ${host.files} files`,
    `${stateFiles} files kept`,
    `${windows} windows`,
  ].join(', ');
}
