import type { Core } from '../gateways/core.ts';
import { messageOf } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import { verifyLedger } from '../ledger/readJournal.ts';
import { errorJson, printJson, printLine, table, type Terminal } from './terminal.ts';

const checkTimeoutMs = 5_000;

/** `tidyllm gateways`: every known gateway, its state and what it depends on. */
export async function gateways(core: Core, terminal: Terminal): Promise<number> {
  const health = await core.registry.healthCheck(AbortSignal.timeout(checkTimeoutMs));
  const services = core.registry.listServices();
  if (terminal.json) {
    printJson({
      services: services.map(({ id, level, description, state, dependsOn }) => ({
        id,
        level,
        description,
        state,
        initialized: state === 'initialized',
        depends_on: dependsOn,
        health: healthJson(health[id]),
      })),
      available: core.registry.getAvailableServices(),
    });
    return 0;
  }
  const rows = services.map(({ id, level, state, dependsOn }) => [
    id,
    String(level),
    state === 'initialized' ? health[id].state : state.replace('_', ' '),
    health[id].latencyMs === null ? '' : `${Math.round(health[id].latencyMs)} ms`,
    dependsOn.join(', '),
    health[id].error?.message ?? health[id].evidence,
  ]);
  printLine(table(['gateway', 'level', 'state', 'latency', 'depends on', 'evidence'], rows, ['latency']));
  return 0;
}

/** `tidyllm gateways stats`. */
export function gatewayStats(core: Core, terminal: Terminal): number {
  const { total, initialized, failed, notInstalled } = core.registry.getRegistryStats();
  const stats = { total, initialized, failed, not_installed: notInstalled };
  if (terminal.json) printJson(stats);
  else
    printLine(
      Object.entries(stats)
        .map(([name, count]) => `${name.replace('_', ' ')} ${count}`)
        .join(', '),
    );
  return 0;
}

/** `tidyllm status`: whether everything that is installed works, with the evidence. */
export async function status(core: Core, terminal: Terminal): Promise<number> {
  const signal = AbortSignal.timeout(checkTimeoutMs);
  const [backend, ledger] = await Promise.all([core.backend.checkHealth(signal), ledgerState(core)]);
  const stats = core.registry.getRegistryStats();
  const { loaded, registry } = core;
  const operational = backend.state === 'healthy' && ledger.ok && stats.failed === 0;
  const verdict = operational ? 'OPERATIONAL' : 'DEGRADED';
  if (terminal.json) {
    printJson({
      verdict,
      simulated: core.backend.simulated,
      infrastructure: { [core.backend.id]: { location: core.backend.location, ...healthJson(backend) } },
      gateways: {
        initialized: stats.initialized,
        total: stats.total,
        services: registry.listServices().map(({ id, state }) => ({ id, state })),
      },
      flow_agreements: { state: 'not_installed' },
      cache: { state: 'not_installed' },
      configuration: { state: 'valid', file: loaded.file, user_file: loaded.userFile, unused: loaded.unused },
      ledger: { state: ledger.ok ? 'intact' : 'damaged', ...ledger },
    });
  } else {
    const rows = [
      ['infrastructure', backend.state, `${core.backend.id}: ${backend.error?.message ?? backend.evidence}`],
      [
        'gateways',
        `${stats.initialized}/${stats.total}`,
        registry
          .listServices()
          .map(({ id, state }) => `${id} ${state.replace('_', ' ')}`)
          .join(', '),
      ],
      ['FLOW agreements', 'not installed', ''],
      ['cache', 'not installed', ''],
      ['configuration', 'valid', loaded.file ?? `defaults (no ${loaded.userFile})`],
      [
        'ledger',
        ledger.ok ? 'intact' : 'damaged',
        `${ledger.records} records in ${ledger.path}${ledger.detail ? `: ${ledger.detail}` : ''}`,
      ],
    ];
    printLine(`${verdict}${core.simulatedBecause === null ? '' : `, SIMULATED: ${core.simulatedBecause}`}`);
    printLine(table(['part', 'state', 'evidence'], rows));
    if (backend.error?.hint) printLine(`\n${backend.error.hint}`);
  }
  if (!ledger.ok) return 7;
  return operational ? 0 : 6;
}

interface LedgerState {
  ok: boolean;
  mode: string;
  path: string;
  records: number;
  head: { sequence: number; hash: string } | null;
  detail: string | null;
}

async function ledgerState({ ledger }: Core): Promise<LedgerState> {
  const common = { mode: ledger.mode, path: ledger.directory };
  try {
    const { ok, records, head, firstFault } = await verifyLedger(ledger);
    const detail =
      firstFault && `${firstFault.segment}:${firstFault.line} ${firstFault.kind}: ${firstFault.detail}`;
    return { ...common, ok, records, head, detail };
  } catch (error) {
    return { ...common, ok: false, records: 0, head: null, detail: messageOf(error) };
  }
}

function healthJson({ state, latencyMs, evidence, error, checkedAt }: Health): object {
  return {
    state,
    latency_ms: latencyMs === null ? null : Math.round(latencyMs * 10) / 10,
    evidence,
    error: error && errorJson(error),
    checked_at: checkedAt,
  };
}
