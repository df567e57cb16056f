/**
 * How long a cached answer takes, with 10,000 answers in the cache: looked up, and as a governed call with its synced
 * records. The baseline is reading a file of the same size. In milliseconds.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnswerFiles } from '../../src/adapters/answerFiles.ts';
import { compose } from '../../src/app/compose.ts';
import type { CachedAnswer } from '../../src/gateways/modelCalls.ts';
import type { CacheKey } from '../../src/gateways/ports.ts';
import { statePlaces } from '../../src/statePlaces.ts';
import { percentile } from './percentiles.ts';

const entries = 10_000;
const rounds = 2_000;

const home = mkdtempSync(join(tmpdir(), 'tidyllm-bench-'));
Object.assign(process.env, { TIDYLLM_HOME: home, AWS_EC2_METADATA_DISABLED: 'true' });
process.env['TIDYLLM_AI_BACKENDS'] = 'mock';
const core = await compose({ environment: process.env });
const calls = core.registry.calls();

const files = new AnswerFiles({
  directory: core.cache.directory,
  keys: statePlaces.contentKeys(home),
  ttlSeconds: 3_600,
  maxBytes: 1_000_000_000,
});

function keyOf(index: number): CacheKey {
  const hash = createHash('sha256').update(String(index)).digest('hex');
  return { model: 'a-model', hash, subject: 'ada' };
}

const answer: CachedAnswer = {
  callId: 'a-call',
  modelUsed: 'a-model',
  message: {
    role: 'assistant',
    content: [{ type: 'text', text: 'The sky is blue because of Rayleigh. '.repeat(50) }],
  },
  stopReason: 'end_turn',
  tokenUsage: { input: 10, output: 400, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0 },
  cost: 6_000n,
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

const filling = await timed(async () => {
  for (let index = 0; index < entries; index += 1) await files.put(keyOf(index), answer);
});

const request = { prompt: 'hello', auditReason: 'JIRA-1 bench', temperature: 0, stream: false };
await calls.execute(request);
const path = join(core.cache.directory, 'a-model', `${keyOf(0).hash}.json.gz`);
readFileSync(path);
const times = { read: [] as number[], lookUp: [] as number[], call: [] as number[] };
for (let round = 0; round < rounds; round += 1) {
  times.read.push(await timed(() => readFile(path)));
  const index = (round * 7919) % entries;
  times.lookUp.push(
    await timed(async () => {
      if (!(await files.find(keyOf(index)))) throw new Error('It was no hit.');
    }),
  );
  times.call.push(
    await timed(async () => {
      if (!(await calls.execute(request)).cacheHit) throw new Error('It was no hit.');
    }),
  );
}
console.log(
  `${entries} answers were kept in ${(filling / 1_000).toFixed(1)} s; ${rounds} rounds, milliseconds`,
);
for (const [name, values] of Object.entries({
  'reading a file': times.read,
  'looking an answer up': times.lookUp,
  'a governed call, recorded': times.call,
})) {
  const ratio = percentile(values, 0.5) / percentile(times.read, 0.5);
  const cells = [0.5, 0.99].map((share) => `p${share * 100} ${percentile(values, share).toFixed(2)}`);
  console.log(`${name.padEnd(28)}${cells.join('   ')}   ${ratio.toFixed(1)}×`);
}
await core.dispose();
rmSync(home, { recursive: true });
