/**
 * A process that writes, reads, clears and damages a cache that it shares with others, until it is killed. Prints
 * `wrong KEY` for an answer that isn't the one of its key, and `worked READS HITS` now and then.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AnswerFiles } from '../../src/adapters/answerFiles.ts';
import type { CachedAnswer } from '../../src/gateways/modelCalls.ts';
import type { CacheKey } from '../../src/gateways/ports.ts';
import { randomFrom } from '../support/random.ts';

const { DIRECTORY = '', KEYS = '', SEED = '', OPERATIONS = '' } = process.env;
const random = randomFrom(Number(SEED));
const files = new AnswerFiles({ directory: DIRECTORY, keys: KEYS, ttlSeconds: 600, maxBytes: 60_000 });
const users = ['ada', 'bob', 'eve'];
const models = ['us.anthropic.claude', 'amazon.nova-lite:0'];

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T;
}

function keyOf(user: string, model: string, prompt: number): CacheKey {
  const hash = createHash('sha256').update(`${user} ${model} ${prompt}`).digest('hex');
  return { model, hash, subject: user };
}

function answerOf({ hash, subject }: CacheKey): CachedAnswer {
  return {
    callId: hash,
    modelUsed: 'model',
    message: { role: 'assistant', content: [{ type: 'text', text: `${subject} ${hash} `.repeat(20) }] },
    stopReason: 'end_turn',
    tokenUsage: { input: 1, output: 2, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0 },
    cost: 3n,
  };
}

/** Cuts, garbles or swaps a file that is there. */
function damage(): void {
  try {
    const folder = join(DIRECTORY, encodeURIComponent(pick(models)));
    const paths = readdirSync(folder).map((name) => join(folder, name));
    if (paths.length === 0) return;
    const path = pick(paths);
    const bytes = readFileSync(path);
    const at = Math.floor(random() * bytes.length);
    const kind = random();
    if (kind < 0.3) truncateSync(path, at);
    else if (kind < 0.6) copyFileSync(path, pick(paths));
    else {
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      writeFileSync(path, bytes);
    }
  } catch {
    // Another process deleted it meanwhile.
  }
}

let reads = 0;
let hits = 0;
for (let operation = 0; operation < Number(OPERATIONS); operation += 1) {
  const key = keyOf(pick(users), pick(models), Math.floor(random() * 20));
  const kind = random();
  if (kind < 0.45) await files.put(key, answerOf(key));
  else if (kind < 0.9) {
    const found = await files.find(key);
    reads += 1;
    if (found) hits += 1;
    if (found && JSON.stringify(found.message) !== JSON.stringify(answerOf(key).message))
      process.stdout.write(`wrong ${key.hash}\n`);
  } else if (kind < 0.98) damage();
  else if (kind < 0.99) await files.clear(pick(models));
  else await files.models();
  if (operation % 20 === 0) process.stdout.write(`worked ${reads} ${hits}\n`);
}
process.stdout.write(`worked ${reads} ${hits}\n`);
