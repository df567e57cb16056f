import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import { lazyNodeHttp } from '../../tools/lazyNodeHttp.mjs';
import { compileCache } from '../support/compileCache.ts';

/** A call that a caller process reported as done: its record was durable by then. */
export interface Acknowledged {
  sequence: number;
  callId: string;
  status: string;
  cost: bigint;
}

export interface Caller {
  process: ChildProcessByStdio<null, Readable, null>;
  /** Resolves after the first call, or when the process ends. */
  ready: Promise<void>;
  /** Grows while the process runs. */
  acknowledged: Acknowledged[];
  /** Resolves when everything it printed was read. */
  ended: Promise<{ code: number | null }>;
}

export function bundleCaller(folder: string): Promise<string> {
  return bundle('caller.ts', folder);
}

/** Bundles a script of this folder, so that each process starts quickly. Returns the path. */
export async function bundle(script: string, folder: string): Promise<string> {
  const outfile = join(folder, 'caller.mjs');
  // Calls are searched in a thread, whose file is looked for beside the script; a folder above may say otherwise of `.js`.
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }');
  await build({
    entryPoints: [join(import.meta.dirname, '../../src/detection/detectionWorker.ts')],
    outfile: join(folder, 'detectionWorker.js'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  });
  await build({
    entryPoints: [join(import.meta.dirname, script)],
    outfile,
    bundle: true,
    minify: true,
    plugins: [lazyNodeHttp.esbuild],
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
    },
  });
  return outfile;
}

export function startCaller(script: string, environment: Record<string, string>): Caller {
  const child = spawn(process.execPath, [script], {
    env: { PATH: process.env['PATH'], ...compileCache, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: Acknowledged[] = [];
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (line === 'ready') {
        resolve();
        return;
      }
      const [, sequence, callId, status, cost] = line.split(' ');
      acknowledged.push({
        sequence: Number(sequence),
        callId: callId ?? '',
        status: status ?? '',
        cost: BigInt(cost ?? '0'),
      });
    });
    lines.on('close', () => {
      resolve();
    });
  });
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(([[code]]) => ({
    code: code as number | null,
  }));
  return { process: child, ready, acknowledged, ended };
}
