/**
 * A process that keeps IN_FLIGHT calls under way until its standard input ends. Prints what it holds as a line of JSON
 * every SAMPLE_SECONDS, and at its end how many calls were acknowledged and what they cost.
 */
import { readdirSync } from 'node:fs';
import { compose } from '../../src/app/compose.ts';

const inFlight = Number(process.env['IN_FLIGHT']);
const everyMs = Number(process.env['SAMPLE_SECONDS']) * 1000;
const mib = 1 << 20;

let calls = 0;
let cost = 0n;
let ended = false;
process.stdin.on('end', () => (ended = true)).resume();

const core = await compose({ environment: process.env });
const gateway = core.registry.calls();

/** What must not grow with the calls; the heap as it is after a collection. */
function sample(): void {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const held = {
    calls,
    heapMib: heapUsed / mib,
    rssMib: rss / mib,
    files: readdirSync('/proc/self/fd').length,
    handles: process.getActiveResourcesInfo().length,
  };
  process.stdout.write(`${JSON.stringify(held)}\n`);
}

async function callUntilTheEnd(lane: number): Promise<void> {
  for (let number = 0; !ended; number += 1) {
    const response = await gateway.execute({
      prompt: `Soak ${lane} ${number}`,
      auditReason: 'JIRA-1 soak',
      modelId: 'claude-sonnet',
      maxTokens: 100,
    });
    if (!response.success) throw response.error ?? new Error(response.status);
    calls += 1;
    cost += response.cost;
  }
}

const sampling = setInterval(sample, everyMs);
await Promise.all(Array.from({ length: inFlight }, (_, lane) => callUntilTheEnd(lane)));
clearInterval(sampling);
await core.dispose();
process.stdout.write(`${JSON.stringify({ ended: true, calls, cost: cost.toString() })}\n`);
