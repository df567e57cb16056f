/**
 * What governance adds to a call: the governed call, with the cache and three attempts on, against the bare SDK call,
 * alternating, on the same stand-in in the same run. The stand-in runs in a process of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BedrockRuntimeClient, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { compose } from '../../src/app/compose.ts';
import { percentile } from './percentiles.ts';

const warmUps = 200;
const rounds = 2000;
/** One after the other, for the processor time of each way, which alternating calls would mix. */
const measuredForCpu = 500;
const modelId = 'us.anthropic.claude-sonnet-4-6';

const home = mkdtempSync(join(tmpdir(), 'tidyllm-bench-'));
const standIn = spawn(process.execPath, [join(import.meta.dirname, '../standIn/main.ts')], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(standIn.stdout, 'data')) as [Buffer];
const { url } = JSON.parse(line.toString()) as { url: string };
Object.assign(process.env, {
  TIDYLLM_HOME: home,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_REGION: 'us-east-1',
  AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url,
  TIDYLLM_BUDGET_DAILY_LIMIT_USD: '1000000',
});

const bare = new BedrockRuntimeClient({
  region: 'us-east-1',
  maxAttempts: 1,
  requestHandler: new NodeHttpHandler(),
  authSchemePreference: ['sigv4'],
});
const core = await compose({ environment: process.env });
const gateway = core.registry.calls();

interface Timing {
  first: number;
  total: number;
}

let prompts = 0;

/** A new one each time, so that no answer comes from the cache. */
function nextPrompt(): string {
  prompts += 1;
  return `hello ${prompts}`;
}

async function bareCall(): Promise<Timing> {
  const startedAt = performance.now();
  let first = 0;
  const { stream } = await bare.send(
    new ConverseStreamCommand({
      modelId,
      messages: [{ role: 'user', content: [{ text: nextPrompt() }] }],
      inferenceConfig: { maxTokens: 4000, temperature: 0.7 },
    }),
  );
  for await (const event of stream ?? []) {
    if (first === 0 && event.contentBlockDelta) first = performance.now() - startedAt;
  }
  return { first, total: performance.now() - startedAt };
}

async function governedCall(): Promise<Timing> {
  const startedAt = performance.now();
  let first = 0;
  const response = await gateway.execute(
    { prompt: nextPrompt(), auditReason: 'JIRA-1 bench', modelId },
    { onEvent: () => (first ||= performance.now() - startedAt) },
  );
  if (!response.success) throw response.error ?? new Error('the call failed');
  return { first, total: performance.now() - startedAt };
}

/** Milliseconds of processor time of all threads for a call. */
async function cpuOf(call: () => Promise<Timing>): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < measuredForCpu; index += 1) await call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / measuredForCpu;
}

/** One write and one fdatasync of a record's size: what the disk alone takes. */
function syncedWrite(descriptor: number, bytes: Buffer): number {
  const startedAt = performance.now();
  writeSync(descriptor, bytes);
  fdatasyncSync(descriptor);
  return performance.now() - startedAt;
}

for (let index = 0; index < warmUps; index += 1) {
  await bareCall();
  await governedCall();
}
const bareTimes: Timing[] = [];
const governedTimes: Timing[] = [];
const syncTimes: number[] = [];
const descriptor = openSync(join(home, 'sync-baseline'), 'a');
for (let index = 0; index < rounds; index += 1) {
  bareTimes.push(await bareCall());
  governedTimes.push(await governedCall());
  syncTimes.push(syncedWrite(descriptor, Buffer.alloc(700, 'x')));
}
closeSync(descriptor);
const cpu = { bare: await cpuOf(bareCall), governed: await cpuOf(governedCall) };

const row = (name: string, pick: (timing: Timing) => number): string => {
  const [b, g] = [bareTimes.map(pick), governedTimes.map(pick)];
  const cells = [0.5, 0.99].flatMap((share) => {
    const [bareValue, governedValue] = [percentile(b, share), percentile(g, share)];
    return [bareValue, governedValue, governedValue - bareValue].map((value) => value.toFixed(2));
  });
  const ratio = (percentile(g, 0.5) / percentile(b, 0.5)).toFixed(2);
  return [name.padEnd(20), ...cells.map((cell) => cell.padStart(9)), `${ratio}×`.padStart(8)].join('');
};
console.log(`${rounds} calls each way, milliseconds`);
console.log(
  ['', 'p50 bare', 'governed', 'added', 'p99 bare', 'governed', 'added', 'p50']
    .map((name, index) => (index === 0 ? name.padEnd(20) : name.padStart(index === 7 ? 8 : 9)))
    .join(''),
);
console.log(row('whole call', ({ total }) => total));
console.log(row('first token', ({ first }) => first));
console.log(
  `one synced write of this disk: p50 ${percentile(syncTimes, 0.5).toFixed(2)} ms, p99 ${percentile(syncTimes, 0.99).toFixed(2)} ms; a governed call makes two`,
);
console.log(
  `processor time: bare ${cpu.bare.toFixed(2)} ms, governed ${cpu.governed.toFixed(2)}, added ${(cpu.governed - cpu.bare).toFixed(2)}`,
);
await core.dispose();
bare.destroy();
standIn.kill();
rmSync(home, { recursive: true });
