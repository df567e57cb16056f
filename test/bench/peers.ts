/**
 * What a gateway adds to a call: this one in its process, and Portkey's and LiteLLM's as the local servers that they are.
 * All send the same streamed Chat Completions call to one stand-in in a process of its own, in turn, round by round. Each
 * prompt is new, with the cache and three attempts on: every call passes all of a gateway and is a miss. Ours is measured
 * with its two synced records, and once more without the sync, which the peers don't have.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs, { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openAiKey } from '../standIn/openAi/openAiStandIn.ts';
import { percentile } from './percentiles.ts';

const portkeyVersion = '1.15.2';
const litellmVersion = '1.108.7';
const warmUps = 100;
const rounds = Number(process.env['ROUNDS'] ?? '1000');
const model = 'gpt-4o';

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

const children: ChildProcess[] = [];
const home = mkdtempSync(join(tmpdir(), 'tidyllm-bench-'));

function start(command: string, parameters: string[]): ChildProcess {
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'ignore'] });
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

async function startPortkey(standIn: string): Promise<() => Promise<number>> {
  const folder = installed(`portkey-${portkeyVersion}`, (into) => {
    const packageName = `@portkey-ai/gateway@${portkeyVersion}`;
    execFileSync('npm', ['install', '--prefix', into, '--ignore-scripts', '--no-save', packageName]);
  });
  const port = await freePort();
  const script = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  start(process.execPath, [
    '--import',
    join(import.meta.dirname, 'mutableHeaders.mjs'),
    script,
    `--port=${port}`,
    '--headless',
  ]);
  await answers(`http://127.0.0.1:${port}/`);
  const config = { retry: { attempts: 2 }, cache: { mode: 'simple' } };
  return () =>
    completion(`http://127.0.0.1:${port}/v1/chat/completions`, model, {
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${standIn}/v1`,
      'x-portkey-config': JSON.stringify(config),
    });
}

async function startLitellm(standIn: string): Promise<() => Promise<number>> {
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
  start(join(folder, 'bin/litellm'), ['--config', config, '--port', String(port), '--host', '127.0.0.1']);
  await answers(`http://127.0.0.1:${port}/health/liveliness`);
  return () => completion(`http://127.0.0.1:${port}/v1/chat/completions`, 'team-model', {});
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

async function startOurs(
  standIn: string,
): Promise<{ call: () => Promise<number>; dispose: () => Promise<void> }> {
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
  return { call, dispose: () => core.dispose() };
}

async function measure(ways: Record<string, () => Promise<number>>): Promise<void> {
  const taken = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
  for (let round = -warmUps; round < rounds; round += 1)
    for (const [name, call] of Object.entries(ways)) {
      const milliseconds = await call();
      if (round >= 0) taken.get(name)?.push(milliseconds);
    }
  const bare = taken.get('no gateway') ?? [];
  console.log(`${rounds} streamed calls each way, milliseconds`);
  console.log(
    `${''.padEnd(28)}${['p50', 'added', 'p99', 'added', 'p50'].map((name) => name.padStart(9)).join('')}`,
  );
  for (const [name, times] of taken) {
    const cells = [0.5, 0.99].flatMap((share) => {
      const value = percentile(times, share);
      return [value.toFixed(2), (value - percentile(bare, share)).toFixed(2)];
    });
    const ratio = `${(percentile(times, 0.5) / percentile(bare, 0.5)).toFixed(2)}×`;
    console.log(`${name.padEnd(28)}${[...cells, ratio].map((cell) => cell.padStart(9)).join('')}`);
  }
}

try {
  const standIn = start(process.execPath, [join(import.meta.dirname, '../standIn/openAiMain.ts')]);
  const [line] = (await once(standIn.stdout ?? standIn, 'data')) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  const [portkey, litellm, ours] = await Promise.all([startPortkey(url), startLitellm(url), startOurs(url)]);
  await measure({
    'no gateway': () => completion(`${url}/v1/chat/completions`, model, {}),
    TidyLLM: ours.call,
    'TidyLLM without the sync': async () => {
      synced = false;
      const milliseconds = await ours.call();
      synced = true;
      return milliseconds;
    },
    [`Portkey ${portkeyVersion}`]: portkey,
    [`LiteLLM ${litellmVersion}`]: litellm,
  });
  await ours.dispose();
} finally {
  for (const child of children) child.kill();
  rmSync(home, { recursive: true });
}
