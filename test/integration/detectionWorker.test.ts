import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { DetectionResponse } from '../../src/detection/detector.ts';
import { findingsIn } from '../../src/detection/detect.ts';

describe('the bundled detection thread', () => {
  it('finds what the source finds, with the patterns that it is given', async () => {
    const patterns = [{ id: 'ticket', pattern: 'T\\d{4}', class: 'secret' as const }];
    const texts = [
      { text: 'T1234 for ada@mail.example.org' },
      { text: `ghp_${'a1B2'.repeat(9)}` },
      { text: 'hunter7-blue', name: 'password' },
    ];
    const worker = new Worker(join(import.meta.dirname, '../../dist/detectionWorker.js'));
    const { promise, resolve, reject } = Promise.withResolvers<DetectionResponse>();
    worker.on('error', reject);
    worker.on('message', (response: DetectionResponse) => {
      if (response === 'ready') worker.postMessage({ texts, patterns });
      else resolve(response);
    });
    const found = await promise;
    await worker.terminate();
    expect(found).toEqual(texts.map((one) => findingsIn(one, patterns)));
    expect(found).toHaveLength(3);
  });
});
