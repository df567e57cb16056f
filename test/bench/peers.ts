/**
 * What a gateway adds to a call: this one in its process, and Portkey's and LiteLLM's as the local servers that they are.
 * All send the same streamed Chat Completions call to one stand-in in a process of its own: in turn, round by round, and then
 * each alone with 16 and 64 calls in flight. Each prompt is new, with the cache and three attempts on: every call passes all of
 * a gateway and is a miss. Ours is measured with its two synced records, and once more without the sync, which the peers
 * don't have. Memory is what a server takes, and what ours adds to this process.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs, { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { processes, signal } from '../../tools/processes.mjs';
import { openAiKey } from '../standIn/openAi/openAiStandIn.ts';
import { percentile } from './percentiles.ts';

const portkeyVersion = '1.15.2';
const litellmVersion = '1.108.7';
const warmUps = 100;
/** Calls at each number in flight. */
const loaded = Number(process.env['LOADED'] ?? '1600');
const rounds = Number(process.env['ROUNDS'] ?? '1000');
const model = 'gpt-4o';
const longestCallMs = 30_000;

let synced = true;
const fdatasync = fs.fdatasync;
Object.assign(fs, {
  fdatasync: (descriptor: number, done: fs.NoParamCallback): void => {
    if (synced) fdatasync(descriptor, done);
    else setImmediate(() => done(null));
  },
});
syncBuiltinESMExports();
const { compose } = await import('../../src/app/compose.ts');

/** One way to make the call. */
interface Way {
  /** Resolves with the milliseconds that it took. */
  call: () => Promise<number>;
  memoryMib: () => number;
  synced?: false;
}

const children: ChildProcess[] = [];
const home = mkdtempSync(join(tmpdir(), 'tidyllm-bench-'));

function start(command: string, parameters: string[]): ChildProcess {
  // In a group of its own, with what it starts.
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  children.push(child);
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(url: string): Promise<void> {
  while (
    !(await fetch(url)
      .then(({ status }) => status < 500)
      .catch(() => false))
  )
    await new Promise((resolve) => setTimeout(resolve, 200));
}

/** Installs a peer once; returns the folder. */
function installed(name: string, install: (folder: string) => void): string {
  const folder = resolve('.cache/peers', name);
  if (existsSync(join(folder, 'installed'))) return folder;
  console.log(`Installing ${name} …`);
  mkdirSync(folder, { recursive: true });
  install(folder);
  writeFileSync(join(folder, 'installed'), '');
  return folder;
}

/** Resident memory of some processes, in MiB. */
function residentMib(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return sum + Number(kib ?? 0) / 1024;
  }, 0);
}

/** A server with all that it started. */
function memoryOf({ pid }: ChildProcess): () => number {
  return () =>
    residentMib(
      processes()
        .filter(({ group }) => group === pid)
        .map((one) => one.pid),
    );
}

async function startPortkey(standIn: string): Promise<Way> {
  const folder = installed(`portkey-${portkeyVersion}`, (into) => {
    const packageName = `@portkey-ai/gateway@${portkeyVersion}`;
    execFileSync('npm', ['install', '--prefix', into, '--ignore-scripts', '--no-save', packageName]);
  });
  const port = await freePort();
  const script = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  const server = start(process.execPath, [
    '--import',
    join(import.meta.dirname, 'mutableHeaders.mjs'),
    script,
    `--port=${port}`,
    '--headless',
  ]);
  await answers(`http://127.0.0.1:${port}/`);
  const config = { retry: { attempts: 2 }, cache: { mode: 'simple' } };
  const headers = {
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `${standIn}/v1`,
    'x-portkey-config': JSON.stringify(config),
  };
  return {
    call: () => completion(`http://127.0.0.1:${port}/v1/chat/completions`, model, headers),
    memoryMib: memoryOf(server),
  };
}

async function startLitellm(standIn: string): Promise<Way> {
  const folder = installed(`litellm-${litellmVersion}`, (into) => {
    execFileSync('python3', ['-m', 'venv', into]);
    execFileSync(join(into, 'bin/pip'), ['install', '-q', `litellm[proxy]==${litellmVersion}`]);
  });
  const port = await freePort();
  const config = join(home, 'litellm.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      model_list: [
        {
          model_name: 'team-model',
          litellm_params: { model: `openai/${model}`, api_base: `${standIn}/v1`, api_key: openAiKey },
        },
      ],
      general_settings: { dangerously_permit_weak_or_unset_master_key: true },
      litellm_settings: { num_retries: 2, cache: true, cache_params: { type: 'local' }, telemetry: false },
    }),
  );
  const parameters = ['--config', config, '--port', String(port), '--host', '127.0.0.1'];
  const server = start(join(folder, 'bin/litellm'), parameters);
  await answers(`http://127.0.0.1:${port}/health/liveliness`);
  return {
    call: () => completion(`http://127.0.0.1:${port}/v1/chat/completions`, 'team-model', {}),
    memoryMib: memoryOf(server),
  };
}

let prompts = 0;

function nextPrompt(): string {
  prompts += 1;
  return `Hello ${prompts}`;
}

/** One streamed call, read to its end; in milliseconds. */
async function completion(url: string, name: string, headers: Record<string, string>): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    signal: AbortSignal.timeout(longestCallMs),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${openAiKey}`, ...headers },
    body: JSON.stringify({
      model: name,
      messages: [{ role: 'user', content: nextPrompt() }],
      max_tokens: 100,
      temperature: 0,
      stream: true,
    }),
  });
  const text = await response.text();
  if (!response.ok || !text.includes('[DONE]')) throw new Error(`${url}: ${response.status} ${text}`);
  return performance.now() - startedAt;
}

async function startOurs(standIn: string): Promise<Way & { dispose: () => Promise<void> }> {
  const before = residentMib([process.pid]);
  const settings = `ai:\n  backends: [compatible]\n  compatible:\n    name: Team\n    endpoint: ${standIn}/v1\nmodels:\n  team-model:\n    base: ${model}\n`;
  writeFileSync(join(home, 'settings.yaml'), settings);
  const environment = {
    TIDYLLM_HOME: home,
    AWS_EC2_METADATA_DISABLED: 'true',
    COMPATIBLE_API_KEY: openAiKey,
    TIDYLLM_BUDGET_DAILY_LIMIT_USD: '1000000',
  };
  Object.assign(process.env, environment);
  const core = await compose({ environment: process.env });
  const gateway = core.registry.calls();
  const call = async (): Promise<number> => {
    const startedAt = performance.now();
    const response = await gateway.execute({
      ...{ prompt: nextPrompt(), auditReason: 'JIRA-1 bench', modelId: 'team-model' },
      ...{ maxTokens: 100, temperature: 0 },
    });
    if (!response.success || response.cacheHit) throw response.error ?? new Error('It was no miss.');
    return performance.now() - startedAt;
  };
  const memoryMib = (): number => residentMib([process.pid]) - before;
  return { call, memoryMib, dispose: () => core.dispose() };
}

async function measure(ways: Record<string, Way>): Promise<void> {
  const taken = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
  for (let round = -warmUps; round < rounds; round += 1)
    for (const [name, way] of Object.entries(ways)) {
      synced = way.synced ?? true;
      const milliseconds = await way.call();
      if (round >= 0) taken.get(name)?.push(milliseconds);
    }
  const bare = taken.get('no gateway') ?? [];
  console.log(`${rounds} streamed calls each way, milliseconds`);
  console.log(row('', ['p50', 'added', 'p99', 'added', 'p50', 'MiB']));
  for (const [name, times] of taken) {
    const cells = [0.5, 0.99].flatMap((share) => {
      const value = percentile(times, share);
      return [value.toFixed(2), (value - percentile(bare, share)).toFixed(2)];
    });
    const ratio = `${(percentile(times, 0.5) / percentile(bare, 0.5)).toFixed(2)}×`;
    console.log(row(name, [...cells, ratio, ways[name]?.memoryMib().toFixed(0) ?? '']));
  }
  for (const inFlight of [16, 64]) {
    console.log(`${loaded} calls, ${inFlight} in flight`);
    console.log(row('', ['calls/s', 'of bare', 'MiB']));
    let bareRate = 0;
    for (const [name, way] of Object.entries(ways)) {
      synced = way.synced ?? true;
      const rate = await callsPerSecond(way, inFlight).catch((error: unknown) => String(error));
      if (typeof rate === 'string') {
        console.log(row(name, [rate]));
        continue;
      }
      bareRate ||= rate;
      const share = `${((100 * rate) / bareRate).toFixed(0)} %`;
      console.log(row(name, [rate.toFixed(0), share, way.memoryMib().toFixed(0)]));
    }
  }
}

/** After a tenth of the calls, which count for nothing. */
async function callsPerSecond({ call }: Way, inFlight: number): Promise<number> {
  const make = async (most: number): Promise<void> => {
    let left = most;
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await call();
      }
    };
    await Promise.all(Array.from({ length: inFlight }, lane));
  };
  await make(loaded / 10);
  const startedAt = performance.now();
  await make(loaded);
  return (loaded / (performance.now() - startedAt)) * 1000;
}

function row(name: string, cells: readonly string[]): string {
  return `${name.padEnd(28)}${cells.map((cell) => cell.padStart(9)).join('')}`;
}

try {
  const standIn = start(process.execPath, [join(import.meta.dirname, '../standIn/openAiMain.ts')]);
  const [line] = (await once(standIn.stdout ?? standIn, 'data')) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  const [portkey, litellm, ours] = await Promise.all([startPortkey(url), startLitellm(url), startOurs(url)]);
  await measure({
    'no gateway': { call: () => completion(`${url}/v1/chat/completions`, model, {}), memoryMib: () => 0 },
    TidyLLM: ours,
    'TidyLLM without the sync': { ...ours, synced: false },
    [`Portkey ${portkeyVersion}`]: portkey,
    [`LiteLLM ${litellmVersion}`]: litellm,
  });
  await ours.dispose();
} finally {
  for (const { pid = 0 } of children) signal(-pid, 'SIGKILL');
  rmSync(home, { recursive: true });
}
