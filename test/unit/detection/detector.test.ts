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
    const found = await detector().find([{ text: 'mail to ada@example.org' }, { text: 'nothing' }]);
    expect(found).toEqual([
      [{ rule: 'email', class: 'personal_data', kind: 'EMAIL', start: 8, end: 23 }],
      [],
    ]);
  });

  it('answers calls at the same time each with its own findings', async () => {
    const one = detector();
    const texts = Array.from({ length: 8 }, (_, index) => `${'x '.repeat(index)}ada@example.org`);
    const found = await Promise.all(texts.map((text) => one.find([{ text }])));
    expect(found.map((all) => all?.[0]?.[0]?.start)).toEqual(texts.map((text) => text.indexOf('ada')));
  });

  it('serves another call while a long one has a thread, and both deadlines are their own', async () => {
    const one = detector([endless], 5_000);
    await one.find([{ text: '' }]);
    const ended: string[] = [];
    const long = one.find([{ text: endlessText }]).then((found) => {
      ended.push('long');
      return found;
    });
    const short = await one.find([{ text: 'aaa!' }]);
    ended.push('short');
    expect(short).toEqual([[expect.objectContaining({ rule: 'endless' })]]);
    expect(await long).toBeNull();
    expect(ended).toEqual(['short', 'long']);
  });

  it('has what waits searched by a new thread when both were ended at their deadline', async () => {
    const one = detector([endless], 2_000);
    const texts = [endlessText, endlessText, 'aaa!'];
    const found = await Promise.all(texts.map((text) => one.find([{ text }])));
    expect(found.map((all) => all?.[0]?.[0]?.rule ?? null)).toEqual([null, null, 'endless']);
  });

  it('forgets what is stopped before a thread begins with it', async () => {
    const one = detector([endless], 500);
    const stopped = new AbortController();
    const busy = [one.find([{ text: endlessText }]), one.find([{ text: endlessText }])];
    const waits = one.find([{ text: endlessText }], stopped.signal);
    stopped.abort(new Error('stopped'));
    await expect(waits).rejects.toThrow('stopped');
    expect(await Promise.all(busy)).toEqual([null, null]);
    expect(await one.find([{ text: 'aaa!' }])).toHaveLength(1);
  });

  it('gives up at the deadline and works again afterwards', async () => {
    const one = detector([endless], 2_000);
    expect(await one.find([{ text: endlessText }])).toBeNull();
    expect(await one.find([{ text: 'aaa!' }])).toEqual([[expect.objectContaining({ rule: 'endless' })]]);
  });

  it('leaves the main thread free while a pattern does not end', async () => {
    const one = detector([endless], 2_000);
    await one.find([{ text: '' }]);
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 1);
    expect(await one.find([{ text: endlessText }])).toBeNull();
    clearInterval(turning);
    expect(turns).toBeGreaterThan(20);
  });

  it("throws the signal's reason while a call runs, and before it begins", async () => {
    const one = detector([endless], 500);
    await one.find([{ text: '' }]);
    const stopped = new AbortController();
    const found = one.find([{ text: endlessText }], stopped.signal);
    stopped.abort(new Error('stopped'));
    await expect(found).rejects.toThrow('stopped');
    await expect(one.find([{ text: '' }], AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    expect(await one.find([{ text: 'aaa!' }])).toHaveLength(1);
  });

  it('fails a call when it is disposed of', async () => {
    const one = detector([endless]);
    await one.find([{ text: '' }]);
    const found = one.find([{ text: endlessText }]);
    const failed = expect(found).rejects.toThrow('has ended');
    await one.dispose();
    await failed;
    await expect(one.find([{ text: '' }])).rejects.toThrow('the detector has ended');
  });

  it('searches by its own patterns in a thread that another had before', async () => {
    const ticket = (id: string): CustomPattern => ({ id, pattern: 'T\\d{4}', class: 'secret' });
    const first = detector([ticket('first')]);
    expect(await first.find([{ text: 'T1234' }])).toEqual([[expect.objectContaining({ rule: 'first' })]]);
    await first.dispose();
    const second = detector([ticket('second')]);
    expect(await second.find([{ text: 'T1234' }])).toEqual([[expect.objectContaining({ rule: 'second' })]]);
  });

  it('lets a process end that waits for nothing else, after its findings', async () => {
    const file = join(import.meta.dirname, '../../../src/detection/detector.ts');
    const script = `
      const { Detector } = await import(${JSON.stringify(file)});
      const detector = new Detector({ patterns: [], deadlineMs: 60_000 });
      detector.start();
      console.log(JSON.stringify(await detector.find([{ text: 'ada@example.org' }])));`;
    const program = join(temporaryFolder(), 'find.mjs');
    writeFileSync(program, script);
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    expect(JSON.parse(stdout)).toEqual([[expect.objectContaining({ rule: 'email', start: 0, end: 15 })]]);
  });
});
