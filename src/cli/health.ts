import { setTimeout as delay } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import type { Core } from '../core/core.ts';
import type { Health } from '../gateways/gateway.ts';
import { serviceIds, type ServiceId } from '../gateways/services.ts';
import { systemStatus, type SystemStatus } from '../gateways/systemStatus.ts';
import {
  configurationJson,
  credentialSourceJson,
  healthJson,
  infrastructureJson,
  printReasons,
} from './healthTexts.ts';
import { controlScreen } from './output.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

const checkTimeoutMs = 4_000;
const watchIntervalMs = 2_000;

/** `tidyllm health`: services and gateways, as often as asked; or one service. */
export async function health(
  core: Core,
  service: string | undefined,
  { watch }: { watch?: boolean },
  terminal: Terminal,
): Promise<number> {
  if (service !== undefined) return one(core, requireService(service), terminal);
  if (watch) return watchHealth(core, terminal);
  return report(core, await systemStatus(core, AbortSignal.timeout(checkTimeoutMs)), terminal);
}

function requireService(name: string): ServiceId {
  const id = serviceIds.find((known) => known === name);
  if (id) return id;
  throw new GatewayError('invalid_request', `There is no service "${name}".`, {
    hint: `Services are ${serviceIds.join(', ')}.`,
  });
}

async function one({ sessions }: Core, id: ServiceId, terminal: Terminal): Promise<number> {
  const found = await sessions.checkHealth(id);
  if (terminal.json) printJson({ service: id, ...healthJson(found) });
  else {
    printLine(table(header, [row(id, found)], ['latency']));
    if (found.error?.hint) printLine(`\n${found.error.hint}`);
  }
  return found.state === 'failed' ? 6 : 0;
}

async function report(core: Core, system: SystemStatus, terminal: Terminal): Promise<number> {
  if (terminal.json) {
    printJson({
      verdict: system.verdict,
      overall_healthy: system.infrastructure.overallHealthy,
      simulated: core.backend.simulated,
      credential_source: credentialSourceJson(system.infrastructure.credentialSource),
      services: infrastructureJson(core, system),
      gateways: Object.fromEntries(system.gateways.map(({ id, health: found }) => [id, healthJson(found)])),
      reasons: system.reasons,
      configuration: await configurationJson(core),
    });
  } else print(core, system);
  return system.verdict === 'OPERATIONAL' ? 0 : 6;
}

const header = ['service', 'state', 'latency', 'evidence'];

function print(
  { backend }: Core,
  { verdict, reasons, infrastructure, gateways, simulated }: SystemStatus,
): void {
  const { credentialSource: found, services } = infrastructure;
  const rows = [
    ...Object.entries({ ...(simulated && { mock: simulated }), ...services }),
    ...gateways.map(({ id, health: checked }) => [id, checked] as const),
  ].map(([id, checked]) => row(id, checked));
  printLine(`${verdict}${backend.simulated ? ', SIMULATED' : ''}`);
  printLine(`Credentials: ${found ? `${found.detail} (${found.source.replace('_', ' ')})` : 'none'}`);
  printLine();
  printLine(table(header, rows, ['latency']));
  printReasons(reasons);
}

function row(id: string, { state, latencyMs, evidence, error }: Health): string[] {
  const latency = latencyMs === null ? '' : `${latencyMs.toFixed(latencyMs < 10 ? 1 : 0)} ms`;
  return [id, state.replace('_', ' '), latency, error?.message ?? evidence];
}

/** The dashboard: again and again in place, until it is interrupted. */
async function watchHealth(core: Core, terminal: Terminal): Promise<number> {
  if (terminal.json) {
    throw new GatewayError('invalid_request', '--watch can’t be one JSON document.', {
      hint: 'Leave --json or --watch out.',
    });
  }
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  // A reader that went away, as `head` does.
  process.stdout.once('error', () => interrupted.abort());
  let code = 0;
  while (!interrupted.signal.aborted) {
    const system = await systemStatus(core, AbortSignal.timeout(checkTimeoutMs));
    controlScreen('stdout', 'clearScreen');
    printLine(new Date().toLocaleTimeString());
    code = await report(core, system, terminal);
    await delay(watchIntervalMs, undefined, { signal: interrupted.signal }).catch(() => undefined);
  }
  return code;
}
