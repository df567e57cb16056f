import { setTimeout as delay } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import type { Core } from '../core/core.ts';
import type { Health } from '../gateways/gateway.ts';
import { serviceIds, type ServiceId } from '../gateways/services.ts';
import { look, type Observations } from '../health/checks.ts';
import { findingsOf } from '../health/findings.ts';
import { trackingFindings } from '../health/trackingFindings.ts';
import { exitCodeOf, verdictOf, type Verdict } from '../health/verdict.ts';
import {
  configurationJson,
  credentialSourceJson,
  healthJson,
  infrastructureJson,
  printReasons,
  verdictJson,
} from './healthTexts.ts';
import { controlScreen } from './output.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';
import { trackingJson } from './tracking.ts';

const watchIntervalMs = 2_000;

/** `tidyllm health`: services and gateways, once or repeatedly; or one service. */
export async function health(
  core: Core,
  service: string | undefined,
  { watch }: { watch?: boolean },
  terminal: Terminal,
): Promise<number> {
  if (service !== undefined) return one(core, requireService(service), terminal);
  if (watch) return watchHealth(core, terminal);
  return report(core, await look(core), terminal);
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

async function report(core: Core, seen: Observations, terminal: Terminal): Promise<number> {
  const verdict = verdictOf(findingsOf({ sources: core, settingsError: null }, seen));
  if (terminal.json) {
    const { services, gateways, tracking } = seen;
    printJson({
      ...verdictJson(verdict),
      overall_healthy: Object.values(services).every(({ state }) => state !== 'failed'),
      simulated: core.backend.simulated,
      credential_source: credentialSourceJson(seen.credentials?.found ?? null),
      services: infrastructureJson(core, seen),
      gateways: Object.fromEntries(Object.entries(gateways).map(([id, found]) => [id, healthJson(found)])),
      tracking: tracking && trackingJson(tracking),
      configuration: await configurationJson(core),
    });
  } else print(core, verdict, seen);
  return exitCodeOf(verdict);
}

const header = ['service', 'state', 'latency', 'evidence'];

function print(
  { backend, loaded }: Core,
  { state, reasons }: Verdict,
  { credentials, services, simulated, direct, gateways, tracking }: Observations,
): void {
  const found = credentials?.found;
  const checks = {
    ...(simulated && { mock: simulated }),
    ...(direct && { [backend.name]: direct }),
    ...services,
    ...gateways,
  };
  const tracked = tracking ? trackingFindings(loaded, tracking) : [];
  const rows = [
    ...Object.entries(checks).map(([id, checked]) => row(id, checked)),
    ...tracked.map(({ name, state: found, evidence }) => [name, found.replace('_', ' '), '', evidence]),
  ];
  printLine(`${state}${backend.simulated ? ', SIMULATED' : ''}`);
  printLine(`Credentials: ${found ? `${found.detail} (${found.source.replace('_', ' ')})` : 'none'}`);
  printLine();
  printLine(table(header, rows, ['latency']));
  printReasons(reasons);
}

function row(id: string, { state, latencyMs, evidence, error }: Health): string[] {
  const latency = latencyMs === null ? '' : `${latencyMs.toFixed(latencyMs < 10 ? 1 : 0)} ms`;
  return [id, state.replace('_', ' '), latency, error?.message ?? evidence];
}

/** The dashboard: refreshed in place until interrupted. */
async function watchHealth(core: Core, terminal: Terminal): Promise<number> {
  if (terminal.json) {
    throw new GatewayError('invalid_request', '--watch can’t print one JSON document.', {
      hint: 'Omit --json or --watch.',
    });
  }
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  // The reader closed the pipe, as `head` does.
  process.stdout.once('error', () => interrupted.abort());
  let code = 0;
  let before: Observations | undefined;
  while (!interrupted.signal.aborted) {
    const seen = await look(core, before && { before });
    before = seen;
    controlScreen('stdout', 'clearScreen');
    printLine(new Date().toLocaleTimeString());
    code = await report(core, seen, terminal);
    await delay(watchIntervalMs, undefined, { signal: interrupted.signal }).catch(() => undefined);
  }
  return code;
}
