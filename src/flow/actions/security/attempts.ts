import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Decision } from '../../../compliance/policy.ts';
import { builtInUseClass } from '../../../compliance/useClass.ts';
import type { GatewayErrorCode } from '../../../errorCodes.ts';
import { GatewayError } from '../../../errors.ts';
import type { LlmRequest, LlmResponse, ModelCalls } from '../../../gateways/modelCalls.ts';
import type { BackendInfo, ConformedCall, ModelBackend, ModelCall } from '../../../gateways/ports.ts';
import { initGateways } from '../../../gateways/registry.ts';
import { journalExists, segmentNames } from '../../../ledger/journal.ts';
import { attemptsCommand } from '../../../ledger/records.ts';
import type { LedgerLocation } from '../../../ledger/readJournal.ts';
import { verifyLedger } from '../../../ledger/verifyLedger.ts';
import { formatUsd } from '../../../pricing/cost.ts';
import { ModelCatalogue } from '../../../pricing/modelCatalogue.ts';
import { NoOrdinaryFile, openFile } from '../../../readFile.ts';
import type { LoadedSettings } from '../../../settings/loadSettings.ts';
import type { FlowRun } from '../../implementation.ts';
import { textSection, type Checked } from './check.ts';

export interface AttemptsOn {
  journal: LedgerLocation;
  catalogue: ModelCatalogue;
  /** The governed calls of this installation, with another back-end and other prices. */
  callsOn: (backend: ModelBackend, catalogue: ModelCatalogue) => ModelCalls;
  backend: BackendInfo;
  /** `aws.bedrock.default_model`. */
  defaultModel: string;
  loaded: LoadedSettings;
}

/** An attempt that must be refused, and its result. */
interface Attempt {
  id: string;
  tried: string;
  result: 'refused' | 'passed' | 'not tried';
  /** The refusing error, or what happened instead. */
  outcome: string;
  /** The refusal's record in the journal. */
  record: string;
}

const reason = 'Security Test: a call that must be refused';
/** So expensive that one token exceeds every cap. */
const dearModel = 'tidyllm.security-test';
const dearPrice = '999999999999999';
/** At most so much of a segment is copied. */
const mostCopied = 1024 * 1024;
const lineFeed = 0x0a;

/** Tries to bypass the gateway, its budget and its journal. No attempt can reach a model or cost anything. */
export async function tryToPass(target: AttemptsOn, run: FlowRun): Promise<Checked> {
  const calls = await tryCalls(target, run);
  const attempts = [...calls, await changeRecord(target.journal, run.signal), await callWithoutGateway()];
  run.signal.throwIfAborted();
  return {
    findings: attempts
      .filter(({ result }) => result === 'passed')
      .map(({ id, tried, outcome }) => ({
        severity: 'problem',
        id: `passed_${id}`,
        title: `Not refused: ${tried}`,
        evidence: `It should have been refused, but was not: ${outcome}.`,
        remedy:
          'Don’t make calls with this installation: its gateway is not working as promised. Reinstall it.',
      })),
    section: textSection(
      'attempts',
      'Attempts to pass the gateway',
      'Each must be refused. They go through the gateway with the current ledger, caps and policy, to a back-end that sends nothing. Refused calls are in the journal.',
      ['Attempt', 'Result', 'Refused with', 'Record'],
      attempts.map(({ tried, result, outcome, record }) => [
        tried,
        result === 'passed' ? 'NOT REFUSED' : result,
        outcome,
        record,
      ]),
    ),
  };
}

type PlannedAttempt = [
  id: string,
  tried: string,
  expected: GatewayErrorCode,
  request: LlmRequest,
  prices: ModelCatalogue,
];

/** The calls that must be refused, each with the refusal that is expected. */
function plannedAttempts({ catalogue, defaultModel, backend, loaded }: AttemptsOn): PlannedAttempt[] {
  const { compliance } = loaded.settings;
  const smallest = smallestCall(defaultModel, loaded);
  const withReason = { ...smallest, auditReason: reason };
  const dear = new ModelCatalogue({
    mapping: {},
    unknownPrice: 'refuse',
    region: backend.region,
    prices: { [dearModel]: { input: dearPrice, output: dearPrice } },
  });
  const attempts: PlannedAttempt[] = [
    ['no_reason', 'a call without a reason', 'audit_reason_missing', smallest, catalogue],
    [
      'blank_reason',
      'a call with a blank reason',
      'audit_reason_missing',
      { ...smallest, auditReason: ' \t\u200b ' },
      catalogue,
    ],
    [
      'unknown_model',
      'a call to an unknown model',
      'model_not_recognized',
      { ...withReason, modelId: 'no.such-model' },
      catalogue,
    ],
    [
      'budget',
      'a call above the remaining budget',
      'budget_exceeded',
      { ...withReason, modelId: dearModel },
      dear,
    ],
  ];
  for (const modelId of compliance.models_denied.slice(0, 1)) {
    const tried = `a call to ${modelId}, which policy denies`;
    attempts.push(['denied_model', tried, 'compliance_blocked', { ...withReason, modelId }, catalogue]);
  }
  if (compliance.use_class_required) {
    const { useClass: _, ...unstated } = withReason;
    attempts.push(['no_use_class', 'a call without a use class', 'compliance_blocked', unstated, catalogue]);
  }
  return attempts;
}

function smallestCall(modelId: string, { settings }: LoadedSettings): LlmRequest {
  const useClass = builtInUseClass(settings.compliance);
  return { prompt: 'x', maxTokens: 1, modelId, ...(useClass !== undefined && { useClass }) };
}

async function tryCalls(target: AttemptsOn, run: FlowRun): Promise<Attempt[]> {
  const { catalogue, defaultModel, backend, loaded } = target;
  const origin = { door: attemptsCommand, folder: run.workspace, branch: null };
  const sendTo = (silent: SilentBackend, prices: ModelCatalogue, request: LlmRequest) => {
    run.signal.throwIfAborted();
    return target.callsOn(silent, prices).execute({ ...request, origin }, { signal: run.signal });
  };
  const tried: Attempt[] = [];
  for (const [id, name, expected, request, prices] of plannedAttempts(target)) {
    const silent = new SilentBackend(backend);
    const response = await sendTo(silent, prices, request);
    tried.push(attemptOf(id, name, expected, response, silent.reached));
  }
  const smallest = smallestCall(defaultModel, loaded);
  const silent = new SilentBackend(backend);
  const asked = { ...smallest, prompt: `Use ${madeUpKey}`, auditReason: reason };
  const answered = await sendTo(silent, catalogue, asked);
  tried.push(secretAttempt(answered, silent, loaded.settings.compliance.secrets));
  run.signal.throwIfAborted();
  const beyond = await run.call(smallest);
  return [
    ...tried,
    attemptOf('reservation', 'a call above this run’s reservation', 'cost_limit_exceeded', beyond, false),
  ];
}

/** A made-up key of AWS, in parts, so that no search for secrets finds it here. */
const madeUpKey = `AKIA${'Z7QX2MNB'.repeat(2)}`;

/** A secret must not reach the back-end, whether the call is refused or the secret redacted. */
function secretAttempt(
  { compliance, auditTrail, error }: LlmResponse,
  { sent }: SilentBackend,
  policy: Decision,
): Attempt {
  const { decision, exceptions = [], late = false } = compliance ?? {};
  const record = auditTrail ? `#${auditTrail.sequence}` : 'none';
  const attempt = { id: 'secret', tried: 'a call with a secret', record };
  const mayLeave =
    policy === 'allow'
      ? 'policy lets secrets out'
      : exceptions.length > 0
        ? `the exception ${exceptions.join(', ')} lets it out`
        : late
          ? 'it was not searched in time'
          : null;
  if (mayLeave !== null) return { ...attempt, result: 'not tried', outcome: `not tried: ${mayLeave}` };
  if (sent.includes(madeUpKey)) return { ...attempt, result: 'passed', outcome: 'it reached the back-end' };
  return decision === 'block' || decision === 'redact'
    ? { ...attempt, result: 'refused', outcome: decision === 'block' ? codeOf(error) : 'redacted' }
    : { ...attempt, result: 'not tried', outcome: `not tried: ${codeOf(error)}` };
}

/** Only the expected refusal counts: any other happened before the attempt. */
function attemptOf(
  id: string,
  tried: string,
  expected: GatewayErrorCode,
  response: LlmResponse,
  reached: boolean,
): Attempt {
  const { success, error, cost, auditTrail } = response;
  const passed = success || reached || cost > 0n;
  return {
    id,
    tried,
    result: passed ? 'passed' : error?.code === expected ? 'refused' : 'not tried',
    outcome: passed
      ? `it reached ${reached ? 'the back-end' : 'a model'} and cost ${formatUsd(cost)}`
      : error?.code === expected
        ? expected
        : `not tried: ${codeOf(error)}`,
    record: auditTrail ? `#${auditTrail.sequence}` : 'none',
  };
}

function codeOf(error: GatewayError | null): GatewayErrorCode | 'no error' {
  return error?.code ?? 'no error';
}

/** Changes a record in a copy of the last segment, which verification must detect. */
async function changeRecord(journal: LedgerLocation, signal: AbortSignal): Promise<Attempt> {
  const attempt = {
    id: 'changed_record',
    tried: 'a changed record in a copy of the journal',
    record: 'none',
  };
  const name = journalExists(journal.directory) ? segmentNames(journal.directory).at(-1) : undefined;
  if (name === undefined)
    return { ...attempt, result: 'not tried', outcome: 'not tried: the journal is empty' };
  const segment = await beginningOf(join(journal.directory, name));
  if (segment === null)
    return { ...attempt, result: 'not tried', outcome: 'not tried: the last segment is not a file' };
  const copied = Buffer.from(segment.subarray(0, segment.lastIndexOf(lineFeed) + 1));
  // The last but one character of the last record, which changes its content.
  const place = copied.length - 3;
  copied[place] = (copied[place] ?? 0) ^ 1;
  const directory = await mkdtemp(join(tmpdir(), 'tidyllm-security-'));
  try {
    await writeFile(join(directory, name), copied, { mode: 0o600 });
    const { firstFault } = await verifyLedger({ directory, mode: journal.mode }, { signal });
    return firstFault
      ? { ...attempt, result: 'refused', outcome: `${firstFault.kind} at line ${firstFault.line}` }
      : { ...attempt, result: 'passed', outcome: 'verification did not detect it' };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The part of a file that is copied; null if it is not a file. */
async function beginningOf(path: string): Promise<Buffer | null> {
  try {
    await using file = await openFile(path);
    const bytes = Buffer.alloc(mostCopied);
    const { bytesRead } = await file.read(bytes, 0, mostCopied, 0);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    if (error instanceof NoOrdinaryFile) return null;
    throw error;
  }
}

/** Asks a registry whose gateway did not start for a way to a model. */
async function callWithoutGateway(): Promise<Attempt> {
  const attempt = { id: 'no_gateway', tried: 'a call while the gateway is not up', record: 'none' };
  const down = new GatewayError('ledger_unavailable', 'The attempt has no ledger.');
  const registry = await initGateways({ corporate_llm: () => Promise.reject(down) });
  try {
    registry.calls();
    return { ...attempt, result: 'passed', outcome: 'there was a gateway anyway' };
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    return { ...attempt, result: 'refused', outcome: `${error.code}: NO DIRECT AWS CALLS ALLOWED` };
  }
}

/** Replaces the back-end: it accepts every call, and sends none. */
class SilentBackend implements ModelBackend {
  readonly id;
  readonly name;
  readonly simulated;
  readonly location;
  readonly region;
  readonly checkHealth;
  /** Whether a call got here, and with what. */
  reached = false;
  sent = '';

  constructor({ id, name, simulated, location, region, checkHealth }: BackendInfo) {
    this.id = id;
    this.name = name;
    this.simulated = simulated;
    this.location = location;
    this.region = region;
    this.checkHealth = checkHealth;
  }

  conform(call: ModelCall): ConformedCall {
    return { call, adjustments: [] };
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  // eslint-disable-next-line require-yield
  async *converse(call: ModelCall): AsyncGenerator<never> {
    this.reached = true;
    this.sent = JSON.stringify(call.content);
    await Promise.resolve();
    throw new GatewayError('backend_rejected', 'The security test sends nothing.');
  }

  dispose(): void {
    // There is nothing to dispose.
  }
}
