import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { AnswerFiles } from '../../src/adapters/answerFiles.ts';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { bundle } from './callers.ts';

const operations = times(1_000, 50_000);

test('8 processes write, read, clear and damage one cache, some are killed: no wrong answer, and no crash', async () => {
  const folder = temporaryFolder();
  const script = await bundle('cacheUser.ts', folder);
  const directory = join(folder, 'cache');
  const seed = testSeed();
  const random = randomFrom(seed);
  let killed = 0;

  /** One user of the cache; one that is to be killed starts over in a new process. */
  async function use(index: number, kills: number): Promise<string> {
    const child = spawn(process.execPath, ['--no-warnings', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...{ DIRECTORY: directory, KEYS: join(folder, 'keys'), OPERATIONS: String(operations) },
        SEED: String(seed + 100 * index + kills),
      },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let lines = 1 + Math.floor((random() * operations) / 20);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      output += piece;
      lines -= 1;
      if (lines === 0 && kills > 0) child.kill('SIGKILL');
    });
    const closed = once(child, 'close');
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    // The kernel may keep the pipe of a killed process open for long; what it wrote is here by then.
    await (signal === null ? closed : Promise.race([closed, delay(2_000)]));
    child.stdout.destroy();
    if (signal !== null) killed += 1;
    else expect(code).toBe(0);
    return kills > 0 ? output + (await use(index, kills - 1)) : output;
  }

  const outputs = await Promise.all(Array.from({ length: 8 }, (_, index) => use(index, index < 4 ? 3 : 0)));
  const lines = outputs.join('').split('\n');
  expect(lines.filter((line) => line.startsWith('wrong'))).toEqual([]);
  expect(lines.filter((line) => line !== '' && !/^w(orked \d+ \d+|rong \w+)$/.test(line))).toEqual([]);
  const totals = outputs.map((output) => output.trim().split('\n').at(-1) ?? '');
  const hits = totals.reduce((sum, line) => sum + Number(line.split(' ')[2]), 0);
  expect(hits).toBeGreaterThan(100);

  const files = new AnswerFiles({
    ...{ directory, keys: join(folder, 'keys'), ttlSeconds: 600, maxBytes: 60_000 },
  });
  const stored = (await files.models()).reduce((sum, model) => sum + model.bytes, 0);
  expect(stored).toBeGreaterThan(0);
  await files.clear();
  expect(await files.models()).toEqual([]);
  // What killed processes left is a draft, never an answer.
  const left = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  expect(left.filter((name) => name.endsWith('.json.gz'))).toEqual([]);
  report(
    'one cache, 8 processes',
    `8 × ${operations} operations, ${hits} hits, ${killed} kills, no wrong answer`,
  );
});
