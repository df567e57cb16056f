/**
 * What tracking adds to a call: the governed call with tracking in an MLflow that is down, against the same without,
 * alternating, on the same stand-in in the same run. The stand-in runs in a process of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose } from '../../src/app/compose.ts';
import { percentile } from './percentiles.ts';

const warmUps = 200;
const rounds = 2000;

const home = mkdtempSync(join(tmpdir(), 'tidyllm-bench-'));
const standIn = spawn(process.execPath, [join(import.meta.dirname, '../standIn/main.ts')], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(standIn.stdout, 'data')) as [Buffer];
const { url } = JSON.parse(line.toString()) as { url: string };
Object.assign(process.env, {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_REGION: 'us-east-1',
  AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url,
  TIDYLLM_BUDGET_DAILY_LIMIT_USD: '1000000',
  TIDYLLM_CACHE_ENABLED: 'false',
  MLFLOW_TRACKING_URI: 'http://127.0.0.1:1',
});

function composed(name: string, enabled: boolean) {
  const environment = { TIDYLLM_HOME: join(home, name), TIDYLLM_MLFLOW_ENABLED: String(enabled) };
  return compose({ environment: { ...process.env, ...environment } });
}

const cores = { untracked: await composed('untracked', false), tracked: await composed('tracked', true) };
const times = { untracked: [] as number[], tracked: [] as number[] };

async function call(which: keyof typeof cores, prompt: string): Promise<number> {
  const startedAt = performance.now();
  const request = { prompt, auditReason: 'JIRA-1 bench', modelId: 'claude-sonnet' };
  const { error } = await cores[which].registry.calls().execute(request);
  if (error) throw error;
  return performance.now() - startedAt;
}

for (let round = 0; round < warmUps + rounds; round += 1) {
  const order = round % 2 === 0 ? (['untracked', 'tracked'] as const) : (['tracked', 'untracked'] as const);
  for (const which of order) {
    const took = await call(which, `hello ${round}`);
    if (round >= warmUps) times[which].push(took);
  }
}
const { waiting } = cores.tracked.tracking.tracker.status().receivers[0] ?? { waiting: 0 };
console.log(`${rounds} calls each way, milliseconds; ${waiting} calls wait in the spool`);
for (const share of [0.5, 0.95, 0.99]) {
  const [without, tracked] = [percentile(times.untracked, share), percentile(times.tracked, share)];
  console.log(
    `p${share * 100}: ${without.toFixed(2)} without tracking, ${tracked.toFixed(2)} with, ratio ${(tracked / without).toFixed(3)}`,
  );
}
await Promise.all(Object.values(cores).map((core) => core.dispose()));
standIn.kill();
rmSync(home, { recursive: true });
