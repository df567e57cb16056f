import { dirname, resolve } from 'node:path';
import type { Core } from '../core/core.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { FlowAgreement, ParameterDefinition } from '../flow/agreement.ts';
import { runById, type FlowExecutionEntry } from '../flow/executionHistory.ts';
import type { ApprovalRequest, FlowExecution } from '../flow/flowAgreementManager.ts';
import { notMatched } from '../flow/notMatched.ts';
import { parseFlowFile } from '../flow/flowDocument.ts';
import { policyFaults } from '../flow/policyFaults.ts';
import { formatFlowEncoding } from '../flow/flowEncoding.ts';
import type { FlowMatch } from '../flow/matching.ts';
import type { StoredReport } from '../flow/report.ts';
import { compareReports, type ReportComparison } from '../flow/reportComparison.ts';
import { reportMarkdown } from '../flow/reportMarkdown.ts';
import { shownCommand } from '../flow/shownCommand.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { replaceFile } from '../replaceFile.ts';
import { unwritable } from '../unwritable.ts';
import { visibleLine } from '../visibleText.ts';
import { readSettingsText } from '../settings/loadSettings.ts';
import { userDirectories } from '../settings/settingsPlaces.ts';
import { SettingsInvalid } from '../settings/settingsDocument.ts';
import { faultText, type Fault } from '../yamlDocument.ts';
import { terminalOrigin } from './terminalOrigin.ts';
import { faultJson } from './faultJson.ts';
import { withHistory } from './history.ts';
import { positiveInteger } from './options.ts';
import { controlScreen, writeErrors } from './output.ts';
import { ask, askYesOrNo } from './questions.ts';
import { stopSignal } from './stopSignal.ts';
import {
  errorJson,
  note,
  printError,
  printJson,
  printLine,
  table,
  writeMessage,
  type Terminal,
} from './terminal.ts';

/** How many of the last runs a run id is searched in. */
const runsSearched = 10_000;
/** Digits of the SHA-256 in an approval: all of them. */
const approvalDigits = 64;

/** `tidyllm flow list`: the built-in agreements, those of this user and of this folder. */
export async function flowList(core: Core, terminal: Terminal): Promise<number> {
  const { agreements, faults, files } = await core.flow.catalogue();
  if (terminal.json) {
    printJson({
      agreements: agreements.map(agreementJson),
      files: files.map(({ path }) => path),
      faults: faults.map(faultJson),
    });
    return 0;
  }
  noteFaults(faults, terminal);
  const rows = agreements.map(({ trigger, implementation, costLimit, source, expandedMeaning }) => [
    trigger,
    implementation,
    formatUsd(costLimit),
    source.file === null ? 'built in' : `${source.file}:${source.line}`,
    expandedMeaning,
  ]);
  printLine(table(['trigger', 'runs', 'at most', 'defined in', 'meaning'], rows, ['at most']));
  return 0;
}

export interface FlowRunOptions {
  param: string[];
  approve?: string;
  out?: string;
}

/** `tidyllm flow run`: runs the agreement that matches a command, and prints its report. */
export async function flowRun(
  core: Core,
  command: string,
  { param, approve, out }: FlowRunOptions,
  terminal: Terminal,
): Promise<number> {
  if (core.simulatedBecause !== null) note(terminal, `SIMULATED: ${core.simulatedBecause}`);
  noteFaults((await core.flow.catalogue()).faults, terminal);
  const match = await core.flow.parseCommand(command);
  const { agreement, confidence } = match;
  if (!agreement) return refuse(command, match, terminal);
  if (agreement.source.kind !== 'built-in' || confidence < 1)
    note(terminal, `${agreement.trigger} (confidence ${confidence}): ${agreement.expandedMeaning}`);
  const given = await withMissing(agreement, { ...match.parameters, ...parametersFrom(param) }, terminal);
  const stop = stopSignal();
  const execution = await core.flow
    .executeAgreement(agreement, {
      parameters: given,
      confidence,
      origin: await terminalOrigin(projectFolder(core)),
      signal: stop.signal,
      onStart: (_, reserved) => {
        if (reserved > 0n) note(terminal, `Reserved ${formatUsd(reserved)} for the run.`);
      },
      onProgress: (message) => showProgress(message, terminal),
      // Naming an agreement in a terminal means trusting this folder.
      trusted: true,
      approve: (request) => approveAtTerminal(request, approve),
    })
    .finally(stop.dispose);
  // The report is shown even if it can't be saved; with --json the only document is the error.
  if (!terminal.json) printExecution(execution, terminal);
  if (out !== undefined && execution.storedReport) await saveReport(out, execution.storedReport, null);
  if (terminal.json) printJson(executionJson(execution));
  return execution.error?.exitCode ?? 0;
}

function refuse(command: string, match: FlowMatch, terminal: Terminal): number {
  const error = notMatched(command, match);
  if (terminal.json) {
    printJson({
      command,
      execution_mode: 'failed',
      success: false,
      confidence: match.confidence,
      nearest: match.nearest.map(({ agreement, confidence }) => ({
        trigger: agreement.trigger,
        action: agreement.id,
        confidence,
      })),
      error: errorJson(error),
    });
  } else printError(error);
  return error.exitCode;
}

/** `tidyllm flow history`: the last runs, newest first. */
export async function flowHistory(
  core: Core,
  options: { limit: string },
  terminal: Terminal,
): Promise<number> {
  const entries = await lastRuns(core, positiveInteger(options.limit, '--limit'), terminal);
  if (terminal.json) {
    printJson({ executions: entries.map(entryJson) });
    return 0;
  }
  const rows = entries.map((entry) => [
    entry.timestamp.slice(0, 19).replace('T', ' '),
    entry.trigger,
    entry.mode ?? 'running',
    entry.outcome,
    entry.durationMs === null ? '' : `${(entry.durationMs / 1000).toFixed(1)} s`,
    formatUsd(entry.cost),
    entry.summary ?? entry.errorCode ?? '',
    entry.runId,
  ]);
  const header = ['time (UTC)', 'trigger', 'mode', 'outcome', 'took', 'cost', 'result', 'run'];
  printLine(table(header, rows, ['took', 'cost']));
  return 0;
}

/** `tidyllm flow report`: the report of a run, optionally compared with an earlier run. */
export async function flowReport(
  core: Core,
  runId: string,
  { compare, out }: { compare?: string; out?: string },
  terminal: Terminal,
): Promise<number> {
  const entries = await lastRuns(core, runsSearched, terminal);
  const stored = await reportOf(core, runById(entries, runId));
  const before = compare === undefined ? null : await reportOf(core, runById(entries, compare));
  const comparison = before && compareReports(before, stored);
  if (out !== undefined) await saveReport(out, stored, comparison);
  if (terminal.json) printJson({ ...stored, ...(comparison && { comparison }) });
  else if (out === undefined) printLine(reportMarkdown(stored, comparison ?? undefined));
  return 0;
}

/**
 * `tidyllm flow validate`: the faults of one agreement file, and what policy has against its calls; 2 if an agreement can't
 * run.
 */
export async function flowValidate(
  file: string,
  compose: () => Promise<Core>,
  terminal: Terminal,
): Promise<number> {
  const path = resolve(file);
  const kind = dirname(path) === userDirectories(process.env).config ? 'user' : 'workspace';
  const parsed = await parsedFile(path, kind);
  const { agreements } = parsed;
  const faults = [...parsed.faults, ...(await faultsByPolicy(path, agreements, compose))];
  const ok = faults.every(({ severity }) => severity !== 'error');
  if (terminal.json) {
    printJson({ ok, file: path, agreements: agreements.length, faults: faults.map(faultJson) });
    return ok ? 0 : 2;
  }
  for (const fault of faults) {
    if (fault.severity === 'error') writeMessage(`Error: ${faultText(fault)}`);
    else note(terminal, `Warning: ${faultText(fault)}`);
  }
  if (ok) printLine(`${path}: valid, ${agreements.length} agreement(s)`);
  return ok ? 0 : 2;
}

/** What policy says about agreements; a warning where it can't be asked: the file's own faults are reported anyway. */
async function faultsByPolicy(
  path: string,
  agreements: readonly FlowAgreement[],
  compose: () => Promise<Core>,
): Promise<Fault[]> {
  if (agreements.length === 0) return [];
  let core: Core | null = null;
  try {
    core = await compose();
    const { flow, compliance } = core;
    const origin = await terminalOrigin(projectFolder(core));
    return await policyFaults(path, await readSettingsText(path), agreements, { flow, compliance, origin });
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    const message = `the agreements were not checked against policy: ${error.message}`;
    return [{ severity: 'warning', message, place: null }];
  } finally {
    await core?.dispose();
  }
}

async function parsedFile(
  path: string,
  kind: 'user' | 'workspace',
): Promise<ReturnType<typeof parseFlowFile>> {
  try {
    return parseFlowFile(path, await readSettingsText(path), kind);
  } catch (error) {
    if (error instanceof SettingsInvalid) return { agreements: [], faults: [...error.faults] };
    throw new GatewayError('flow_invalid', `${path} can't be read: ${messageOf(error)}`, {
      hint: 'Name an agreement file.',
      place: { file: path, line: 1, column: 1 },
      cause: error,
    });
  }
}

/** The folder with `.tidyllm`, whose agreements apply; otherwise the working folder. */
/** The folder whose agreements and settings apply. */
export function projectFolder({ folders }: Core): string {
  return folders[0] ?? process.cwd();
}

function parametersFrom(options: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    options.map((option) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(option) ?? [];
      if (name === undefined || value === undefined)
        throw new GatewayError('invalid_request', `--param must be NAME=VALUE, not "${option}".`);
      return [name, value];
    }),
  );
}

/** Asks the person at the terminal for required parameters. */
async function withMissing(
  { trigger, parameters }: FlowAgreement,
  given: Readonly<Record<string, string>>,
  { json }: Terminal,
): Promise<Record<string, string>> {
  const values = { ...given };
  if (json || !process.stdin.isTTY) return values;
  for (const { name, description, default: initial } of parameters) {
    if (initial !== null || values[name] !== undefined) continue;
    values[name] = await ask(`${trigger} ${name}${description && ` (${description})`}: `);
  }
  return values;
}

/** A person at the terminal says yes, or the caller names the very definition. */
export async function approveAtTerminal(
  { agreement, command, directory }: ApprovalRequest,
  approved: string | undefined,
): Promise<boolean> {
  const { trigger, definitionSha256, source } = agreement;
  if (approved !== undefined)
    return approved.length >= approvalDigits && definitionSha256.startsWith(approved.toLowerCase());
  writeMessage(
    `${trigger} of ${source.file ?? 'the defaults'} runs in ${directory}:\n${shownCommand(command)}`,
  );
  if (process.stdin.isTTY) return askYesOrNo('Run it?');
  writeMessage(`To approve it without a terminal: --approve ${definitionSha256.slice(0, approvalDigits)}`);
  return false;
}

/** A line on standard error that the next one replaces. */
export function showProgress(message: string, { quiet }: Terminal): void {
  if (quiet || !process.stderr.isTTY) return;
  controlScreen('stderr', 'clearLine');
  writeErrors(visibleLine(message));
}

function printExecution(execution: FlowExecution, terminal: Terminal): void {
  const { agreement, error, fallback, mode, durationMs, cost, calls, receipt, notKept } = execution;
  const { storedReport, validations } = execution;
  if (!terminal.quiet) controlScreen('stderr', 'clearLine');
  for (const hint of validations.flatMap(({ hints }) => hints)) note(terminal, hint);
  if (error) printError(error);
  if (fallback) note(terminal, `The fallback ${fallback.implementation} ran instead.`);
  if (fallback?.error) printError(fallback.error);
  if (storedReport) printLine(reportMarkdown(storedReport));
  if (notKept) note(terminal, `The report was not stored: ${notKept.message}`);
  const parts = [
    agreement.trigger,
    ...(mode === 'simulated' ? ['SIMULATED'] : [mode]),
    `${(durationMs / 1000).toFixed(1)} s`,
    `${calls} ${calls === 1 ? 'call' : 'calls'}`,
    formatUsd(cost),
    receipt ? `#${receipt.sequence}` : 'not recorded: the ledger takes no records',
  ];
  note(terminal, parts.join(' · '));
}

async function saveReport(
  out: string,
  stored: StoredReport,
  comparison: ReportComparison | null,
): Promise<void> {
  const text = out.endsWith('.json')
    ? `${JSON.stringify({ ...stored, ...(comparison && { comparison }) }, null, 2)}\n`
    : reportMarkdown(stored, comparison ?? undefined);
  try {
    await replaceFile(resolve(out), text);
  } catch (error) {
    const again = `tidyllm flow report ${stored.run_id} --out FILE`;
    throw unwritable(out, error, `The run is recorded: "${again}" writes its report elsewhere.`);
  }
}

async function lastRuns(core: Core, limit: number, terminal: Terminal): Promise<FlowExecutionEntry[]> {
  return withHistory(core, terminal, (index, catchUp) =>
    core.flow.getExecutionHistory((kind, most) => index.ask(() => index.events(kind, most), catchUp), limit),
  );
}

async function reportOf(core: Core, { runId, reportSha256 }: FlowExecutionEntry): Promise<StoredReport> {
  if (reportSha256 !== null) return core.reports.read(runId, reportSha256);
  throw new GatewayError('invalid_request', `Run ${runId} has no stored report.`, {
    hint: 'Run the agreement again.',
  });
}

function noteFaults(faults: readonly Fault[], terminal: Terminal): void {
  for (const fault of faults) note(terminal, `Warning: ${faultText(fault)}`);
}

function agreementJson(agreement: FlowAgreement): object {
  const { source } = agreement;
  return {
    trigger: agreement.trigger,
    flow_encoding: formatFlowEncoding(agreement.flowEncoding),
    expanded_meaning: agreement.expandedMeaning,
    action: agreement.id,
    real_implementation: agreement.implementation,
    fallback: agreement.fallback,
    parameters: Object.fromEntries(agreement.parameters.map((one) => [one.name, parameterJson(one)])),
    fixed_parameters: agreement.fixed,
    expected_output: agreement.expectedOutput,
    confidence_threshold: agreement.confidenceThreshold,
    phrases: agreement.phrases,
    cost_limit_usd: microToUsd(agreement.costLimit),
    time_limit_seconds: agreement.timeLimitSeconds,
    concurrent: agreement.concurrent,
    source: { kind: source.kind, file: source.file, line: source.line, column: source.column },
    definition_sha256: agreement.definitionSha256,
  };
}

function parameterJson({ name, ...definition }: ParameterDefinition): object {
  return definition;
}

function executionJson(execution: FlowExecution): object {
  const { agreement, receipt, error, fallback } = execution;
  return {
    trigger: agreement.trigger,
    flow_encoding: formatFlowEncoding(agreement.flowEncoding),
    action: agreement.id,
    real_implementation: agreement.implementation,
    run_id: execution.runId,
    timestamp: execution.startedAt,
    execution_mode: execution.mode,
    outcome: execution.outcome,
    success: error === null,
    confidence: execution.confidence,
    parameters: execution.parameters,
    duration_ms: execution.durationMs,
    reserved_usd: microToUsd(execution.reserved),
    cost_usd: microToUsd(execution.cost),
    calls: execution.calls,
    gateways: execution.validations.map((one) => ({
      gateway: one.gateway,
      level: one.level,
      state: one.state,
      error: one.error && errorJson(one.error),
      hints: one.hints,
    })),
    result: execution.report,
    report_kept: execution.report !== null && execution.mode !== 'failed' && execution.notKept === null,
    error: error && errorJson(error),
    fallback: fallback && {
      real_implementation: fallback.implementation,
      success: fallback.error === null,
      error: fallback.error && errorJson(fallback.error),
      result: fallback.report,
    },
    audit_trail: receipt && {
      run_id: execution.runId,
      sequence: receipt.sequence,
      hash: receipt.hash,
      ledger: receipt.ledgerId,
    },
  };
}

function entryJson(entry: FlowExecutionEntry): object {
  return {
    run_id: entry.runId,
    timestamp: entry.timestamp,
    trigger: entry.trigger,
    action: entry.agreement,
    real_implementation: entry.implementation,
    execution_mode: entry.mode,
    outcome: entry.outcome,
    confidence: entry.confidence,
    duration_ms: entry.durationMs,
    user_id: entry.userId,
    workspace: entry.workspace,
    reserved_usd: microToUsd(entry.reserved),
    cost_usd: microToUsd(entry.cost),
    calls: entry.calls,
    result: entry.summary,
    problems: entry.problems,
    warnings: entry.warnings,
    error_code: entry.errorCode,
    fallback: entry.fallback,
    report_sha256: entry.reportSha256,
    sequence: entry.sequence,
    hash: entry.hash,
  };
}
