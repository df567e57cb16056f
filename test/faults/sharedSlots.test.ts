import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { report, times } from '../support/nightly.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { bundle } from './callers.ts';

interface Moment {
  kind: string;
  process: number;
  call: number;
}

describe('calls at once, over all processes of the machine', () => {
  /** A fresh set of slots and its log. */
  async function shared(slots: number) {
    const own = temporaryFolder();
    const script = await bundle('slotUser.ts', own);
    const log = join(own, 'log');
    writeFileSync(log, '');
    const start = (priority: string, calls: number, atOnce: number): ChildProcess => {
      const child = spawn(process.execPath, ['--no-warnings', script], {
        stdio: 'inherit',
        env: {
          ...{ FOLDER: join(own, 'slots'), LOG: log, SLOTS: String(slots) },
          ...{ PRIORITY: priority, CALLS: String(calls), ATONCE: String(atOnce) },
        },
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      return child;
    };
    const moments = (): Moment[] =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const [kind = '', process, call] = line.split(' ');
          return { kind, process: Number(process), call: Number(call) };
        });
    return { start, moments };
  }

  test('never pass the limit, and all get their turn', async () => {
    const calls = times(60, 1_000);
    const { start, moments } = await shared(3);
    const users = Array.from({ length: 6 }, () => start('normal', calls, 4));
    const ends = await Promise.all(users.map((user) => once(user, 'exit')));
    expect(ends.map(([code]) => code as number)).toEqual([0, 0, 0, 0, 0, 0]);
    let running = 0;
    let most = 0;
    for (const { kind } of moments()) {
      if (kind === 'started') running += 1;
      if (kind === 'ended') running -= 1;
      most = Math.max(most, running);
    }
    expect(most).toBe(3);
    expect(moments().filter(({ kind }) => kind === 'ended')).toHaveLength(6 * calls);
    report('slots of all processes', `6 processes × ${calls} calls, never more than 3 at once`);
  });

  test('go on when processes are killed that hold slots or wait', async () => {
    const { start, moments } = await shared(2);
    const doomed = Array.from({ length: 3 }, () => start('high', 1_000_000, 4));
    await expect.poll(() => new Set(moments().map(({ process }) => process)).size).toBe(3);
    const survivor = start('low', 20, 2);
    await expect.poll(() => moments().some(({ process }) => process === survivor.pid)).toBe(true);
    for (const user of doomed) user.kill('SIGKILL');
    expect(await once(survivor, 'exit')).toEqual([0, null]);
    expect(
      moments().filter(({ kind, process }) => kind === 'ended' && process === survivor.pid),
    ).toHaveLength(20);
  });

  test('start in the order of their urgency, also before those of a process with a long queue', async () => {
    const { start, moments } = await shared(1);
    const busy = start('low', 1_000_000, 40);
    await expect.poll(() => moments().filter(({ kind }) => kind === 'asked').length).toBeGreaterThan(40);
    const urgent = start('high', 10, 1);
    expect(await once(urgent, 'exit')).toEqual([0, null]);
    busy.kill('SIGKILL');
    const all = moments();
    // Whoever looked just before the urgent process queued may start one more.
    let started = -Infinity;
    for (const { kind, process } of all) {
      const isUrgent = process === urgent.pid;
      if (isUrgent && kind === 'asked') started = -Infinity;
      if (isUrgent && kind === 'queued') started = Math.max(started, 0);
      if (isUrgent && kind === 'started') started = -Infinity;
      if (!isUrgent && kind === 'started') started += 1;
      expect(started).toBeLessThanOrEqual(1);
    }
  });
});
