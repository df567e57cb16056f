import type { Core } from '../core/core.ts';
import { messageOf } from '../errors.ts';
import { systemStatus, type SystemStatus } from '../gateways/systemStatus.ts';
import { verifyLedger } from '../ledger/readJournal.ts';
import { verifyTrail } from '../ledger/verifyTrail.ts';
import { faultText, type Fault } from '../yamlDocument.ts';
import { credentialSourceJson, healthJson, infrastructureJson, printReasons } from './healthTexts.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

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

/** `tidyllm status`: the final validation of the whole system, with its evidence. */
export async function status(core: Core, terminal: Terminal): Promise<number> {
  const [system, ledger, { agreements, faults, files }] = await Promise.all([
    systemStatus(core, AbortSignal.timeout(checkTimeoutMs)),
    ledgerState(core),
    core.flow.catalogue(),
  ]);
  const errors = faults.filter(({ severity }) => severity === 'error').length;
  const { loaded, registry } = core;
  const { initialized, total } = registry.getRegistryStats();
  const damage = { of: 'ledger', message: ledger.detail ?? '', hint: 'Run "tidyllm audit verify".' };
  const reasons = [...system.reasons, ...(ledger.ok ? [] : [damage])];
  const verdict = ledger.ok ? system.verdict : 'DEGRADED';
  if (terminal.json) {
    printJson({
      verdict,
      reasons,
      simulated: core.backend.simulated,
      infrastructure: infrastructureJson(core, system),
      credential_source: credentialSourceJson(system.infrastructure.credentialSource),
      gateways: {
        initialized,
        total,
        services: system.gateways.map(({ id, state, health }) => ({ id, state, health: healthJson(health) })),
      },
      flow_agreements: {
        state: errors > 0 ? 'with_errors' : 'valid',
        agreements: agreements.length,
        files: files.map(({ path }) => path),
        faults: faults.map(faultText),
      },
      cache: { state: 'not_installed' },
      configuration: {
        state: 'valid',
        file: loaded.file,
        user_file: loaded.userFile,
        workspace_files: loaded.workspaceFiles,
        warnings: loaded.warnings.map(faultText),
        unused: loaded.unused,
      },
      ledger: { state: ledger.ok ? 'intact' : 'damaged', ...ledger },
    });
  } else {
    const rows = [
      ...serviceRows(system),
      ['gateways', `${initialized}/${total}`, gatewayList(core)],
      ['FLOW agreements', errors > 0 ? 'with errors' : 'valid', flowText(agreements.length, faults)],
      ['cache', 'not installed', ''],
      ['configuration', 'valid', configurationText(loaded)],
      ['ledger', ledger.ok ? 'intact' : 'damaged', `${ledger.records} records in ${ledger.path}`],
    ];
    printLine(`${verdict}${core.simulatedBecause === null ? '' : `, SIMULATED: ${core.simulatedBecause}`}`);
    printLine(table(['part', 'state', 'evidence'], rows));
    printReasons(reasons);
  }
  if (!ledger.ok) return 7;
  return verdict === 'OPERATIONAL' ? 0 : 6;
}

function serviceRows({ infrastructure, simulated }: SystemStatus): string[][] {
  const rows = Object.entries({ ...(simulated && { mock: simulated }), ...infrastructure.services });
  return rows.map(([id, { state, error, evidence }]) => [
    id,
    state.replace('_', ' '),
    error?.message ?? evidence,
  ]);
}

function gatewayList({ registry }: Core): string {
  return registry
    .listServices()
    .map(({ id, state }) => `${id} ${state.replace('_', ' ')}`)
    .join(', ');
}

function flowText(agreements: number, faults: readonly Fault[]): string {
  return [`${agreements} can be run`, ...faults.map(faultText)].join('; ');
}

function configurationText({ file, userFile, workspaceFiles }: Core['loaded']): string {
  return [file ?? `defaults (no ${userFile})`, ...workspaceFiles].join(', ');
}

interface LedgerState {
  ok: boolean;
  mode: string;
  path: string;
  records: number;
  head: { sequence: number; hash: string } | null;
  detail: string | null;
}

async function ledgerState(core: Core): Promise<LedgerState> {
  const { ledger, journal } = core;
  const common = { mode: ledger.mode, path: journal.directory };
  try {
    const { ok, records, head, firstFault } = await verifyTrail(core, (anchors) =>
      verifyLedger(journal, { anchors }),
    );
    const detail =
      firstFault && `${firstFault.segment}:${firstFault.line} ${firstFault.kind}: ${firstFault.detail}`;
    return { ...common, ok, records, head, detail };
  } catch (error) {
    return { ...common, ok: false, records: 0, head: null, detail: messageOf(error) };
  }
}
