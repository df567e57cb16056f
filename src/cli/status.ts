import type { Core } from '../core/core.ts';
import { capabilitiesJson } from '../gateways/capabilities.ts';
import { checkTimeoutMs, look, type Observations } from '../health/checks.ts';
import { verifyHere } from '../health/examine.ts';
import type { Finding } from '../health/finding.ts';
import { findingsOf } from '../health/findings.ts';
import { exitCodeOf, verdictOf, type Verdict } from '../health/verdict.ts';
import { faultText } from '../yamlDocument.ts';
import {
  credentialSourceJson,
  healthJson,
  infrastructureJson,
  printReasons,
  verdictJson,
} from './healthTexts.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm gateways`: every known gateway, its state and what it depends on. */
export async function gateways(core: Core, terminal: Terminal): Promise<number> {
  const health = await core.registry.healthCheck(AbortSignal.timeout(checkTimeoutMs));
  const services = core.registry.listServices();
  if (terminal.json) {
    printJson({
      services: services.map(({ id, level, description, state, dependsOn, capabilities }) => ({
        id,
        level,
        description,
        state,
        initialized: state === 'initialized',
        depends_on: dependsOn,
        capabilities: capabilities && capabilitiesJson(capabilities),
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

/** `tidyllm status`: the final validation of the whole system, with evidence. */
export async function status(core: Core, terminal: Terminal): Promise<number> {
  const seen = await look(core, { verify: () => verifyHere(core) });
  const findings = findingsOf({ sources: core, settingsError: null }, seen);
  const verdict = verdictOf(findings);
  if (terminal.json) printJson(statusJson(core, seen, verdict));
  else print(core, findings, verdict);
  return exitCodeOf(verdict);
}

function statusJson(core: Core, seen: Observations, verdict: Verdict): object {
  const { loaded, registry } = core;
  const { initialized, total } = registry.getRegistryStats();
  const faults = seen.flow?.faults ?? [];
  return {
    ...verdictJson(verdict),
    simulated: core.backend.simulated,
    infrastructure: infrastructureJson(core, seen),
    credential_source: credentialSourceJson(seen.credentials?.found ?? null),
    gateways: {
      initialized,
      total,
      services: registry.listServices().map(({ id, state }) => ({
        id,
        state,
        health: seen.gateways[id] && healthJson(seen.gateways[id]),
      })),
    },
    flow_agreements: {
      state: faults.some(({ severity }) => severity === 'error') ? 'with_errors' : 'valid',
      agreements: seen.flow?.agreements ?? 0,
      files: seen.flow?.files ?? [],
      faults: faults.map(faultText),
    },
    cache: cacheJson(core, seen),
    configuration: {
      state: 'valid',
      file: loaded.file,
      user_file: loaded.userFile,
      workspace_files: loaded.workspaceFiles,
      warnings: loaded.warnings.map(faultText),
      unused: loaded.unused,
    },
    ledger: ledgerJson(core, seen),
  };
}

function cacheJson({ loaded, cache }: Core, { cache: found }: Observations): object {
  const state = !loaded.settings.cache.enabled ? 'off' : found && 'error' in found ? 'unreadable' : 'on';
  const counted = found && !('error' in found) ? found : { files: 0, bytes: 0 };
  return { state, directory: cache.directory, files: counted.files, bytes: counted.bytes };
}

function ledgerJson({ ledger, journal }: Core, seen: Observations): object {
  const {
    firstFault: fault,
    records,
    head,
  } = seen.verification ?? { firstFault: null, records: 0, head: null };
  const detail = fault
    ? `${fault.segment}:${fault.line} ${fault.kind}: ${fault.detail}`
    : (seen.ledger?.error?.message ?? null);
  const ok = detail === null;
  // All of it may verify while nothing can be recorded.
  const unusable = fault || seen.ledger?.error?.code === 'ledger_damaged' ? 'damaged' : 'unavailable';
  const state = ok ? 'intact' : unusable;
  return { state, ok, mode: ledger.mode, path: journal.directory, records, head, detail };
}

/** The human-readable status; findings on the user and the back-end are in doctor. */
function print(core: Core, findings: readonly Finding[], { state, reasons }: Verdict): void {
  const { initialized, total } = core.registry.getRegistryStats();
  const rows = findings
    .filter(({ id }) => !['user', 'back_end'].includes(id))
    .map(({ name, state: found, evidence }) => [name, found.replace('_', ' '), evidence]);
  printLine(`${state}${core.simulatedBecause === null ? '' : `, SIMULATED: ${core.simulatedBecause}`}`);
  printLine(
    table(
      ['part', 'state', 'evidence'],
      [...rows, ['gateways', `${initialized}/${total}`, gatewayList(core)]],
    ),
  );
  printReasons(reasons);
}

function gatewayList({ registry }: Core): string {
  return registry
    .listServices()
    .map(({ id, state }) => `${id} ${state.replace('_', ' ')}`)
    .join(', ');
}
