import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { Detector } from '../../../src/detection/detector.ts';
import type { CustomPattern } from '../../../src/detection/finding.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** Takes twice as long for each further "a" of a run that ends with something else. */
const endless: CustomPattern = { id: 'endless', pattern: '(a+)+!', class: 'secret' };
const endlessText = `${'a'.repeat(60)}?`;

describe('Detector', () => {
  const detectors: Detector[] = [];
  const detector = (patterns: CustomPattern[] = [], deadlineMs = 60_000): Detector => {
    const made = new Detector({ patterns, deadlineMs });
    detectors.push(made);
    return made;
  };

  afterEach(async () => {
    await Promise.all(detectors.splice(0).map((one) => one.dispose()));
  });

  it('finds in a thread what each text holds', async () => {
    const found = await detector().find(['mail to ada@example.org', 'nothing']);
    expect(found).toEqual([
      [{ rule: 'email', class: 'personal_data', kind: 'EMAIL', start: 8, end: 23 }],
      [],
    ]);
  });

  it('answers calls at the same time each with its own findings', async () => {
    const one = detector();
    const texts = Array.from({ length: 8 }, (_, index) => `${'x '.repeat(index)}ada@example.org`);
    const found = await Promise.all(texts.map((text) => one.find([text])));
    expect(found.map((all) => all?.[0]?.[0]?.start)).toEqual(texts.map((text) => text.indexOf('ada')));
  });

  it('gives up at the deadline and works again afterwards', async () => {
    const one = detector([endless], 300);
    expect(await one.find([endlessText])).toBeNull();
    expect(await one.find(['aaa!'])).toEqual([[expect.objectContaining({ rule: 'endless' })]]);
  });

  it('leaves the main thread free while a pattern does not end', async () => {
    const one = detector([endless], 2_000);
    await one.find(['']);
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 1);
    expect(await one.find([endlessText])).toBeNull();
    clearInterval(turning);
    expect(turns).toBeGreaterThan(20);
  });

  it("throws the signal's reason while a call runs, and before it begins", async () => {
    const one = detector([endless], 500);
    await one.find(['']);
    const stopped = new AbortController();
    const found = one.find([endlessText], stopped.signal);
    stopped.abort(new Error('stopped'));
    await expect(found).rejects.toThrow('stopped');
    await expect(one.find([''], AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    expect(await one.find(['aaa!'])).toHaveLength(1);
  });

  it('fails a call when it is disposed of', async () => {
    const one = detector([endless]);
    await one.find(['']);
    const found = one.find([endlessText]);
    const failed = expect(found).rejects.toThrow('has ended');
    await one.dispose();
    await failed;
    await expect(one.find([''])).rejects.toThrow('the detector has ended');
  });

  it('lets a process end that waits for nothing else, after its findings', async () => {
    const file = join(import.meta.dirname, '../../../src/detection/detector.ts');
    const script = `
      const { Detector } = await import(${JSON.stringify(file)});
      const detector = new Detector({ patterns: [], deadlineMs: 60_000 });
      detector.start();
      console.log(JSON.stringify(await detector.find(['ada@example.org'])));`;
    const program = join(temporaryFolder(), 'find.mjs');
    writeFileSync(program, script);
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    expect(JSON.parse(stdout)).toEqual([[expect.objectContaining({ rule: 'email', start: 0, end: 15 })]]);
  });
});
