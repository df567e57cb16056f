import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import type { GatewayId } from '../gateways/gateway.ts';
import type { LlmResponse } from '../gateways/modelCalls.ts';
import type { EndedAttempt, EndedRun } from '../gateways/ports.ts';

const text = z.nullable(z.string());

/** The model's part of an attempt. */
const modelUse = z.object({
  /** Milliseconds since the epoch, with fractions; so are all times here. */
  started: z.number(),
  ended: z.number(),
  model_id: z.string(),
  embedding: z.boolean(),
  max_tokens: z.number(),
  temperature: z.nullable(z.number()),
  stream: z.boolean(),
  first_token_ms: z.nullable(z.number()),
  stop_reason: text,
  /** Tokens as the provider bills them; `input` without those that a cache read or wrote. */
  input: z.number(),
  output: z.number(),
  cache_read: z.number(),
  cache_write: z.number(),
  cost_micro_usd: z.string(),
  /** The answer's part of the cost; null for an upper bound. */
  output_cost_micro_usd: text,
  cost_estimated: z.boolean(),
});

const attempt = z.object({
  call_id: z.string(),
  started: z.number(),
  ended: z.number(),
  outcome: z.string(),
  error_code: text,
  /** The record that ended it; null where none could be written. */
  sequence: z.nullable(z.number()),
  hash: text,
  ledger: text,
  /** Policy day under which its content is kept; null where nothing is kept. */
  day: text,
  /** Null where no model was reached. */
  model: z.nullable(modelUse),
});

/** A call as it waits to be sent: no prompt and no answer, which are read where policy keeps them. */
export const trackedCall = z.object({
  kind: z.literal('call'),
  /** Call id of the first attempt, from which trace and spans have their ids. */
  id: z.string(),
  /** The highest level that the call passed. */
  level: z.string(),
  started: z.number(),
  ended: z.number(),
  user: z.string(),
  reason: z.string(),
  /** The name of the model that was asked for. */
  model: z.string(),
  backend: z.string(),
  simulated: z.boolean(),
  workspace: text,
  branch: text,
  command: text,
  conversation: text,
  agreement: text,
  run_id: text,
  comparison_id: text,
  outcome: z.string(),
  error_code: text,
  cache_hit: z.boolean(),
  fallback_from: text,
  cost_micro_usd: z.string(),
  cost_estimated: z.boolean(),
  compliance: z.nullable(z.string()),
  compliance_findings: text,
  attempts: z.array(attempt),
});

/** A FLOW run or comparison as it waits to be sent. */
export const trackedRun = z.object({
  kind: z.literal('run'),
  /** Milliseconds since the epoch. */
  started: z.number(),
  ended: z.number(),
  of: z.enum(['flow', 'comparison']),
  id: z.string(),
  name: z.string(),
  failed: z.boolean(),
  killed: z._default(z.boolean(), false),
  parameters: z.record(z.string(), z.string()),
  metrics: z.record(z.string(), z.number()),
});

export type TrackedCall = z.infer<typeof trackedCall>;
export type TrackedAttempt = z.infer<typeof attempt>;
export type ModelUse = z.infer<typeof modelUse>;
export type TrackedRun = z.infer<typeof trackedRun>;
export type Tracked = TrackedCall | TrackedRun;

/** The trace id of a call, as OpenTelemetry wants it: 32 hexadecimal digits. The same call always has the same. */
export function traceIdOf(callId: string): string {
  return callId.replaceAll('-', '').toLowerCase();
}

/** The id of one span of a call: 16 hexadecimal digits. */
export function spanIdOf(callId: string, name: string): string {
  return createHash('sha256').update(`${callId} ${name}`).digest('hex').slice(0, 16);
}

/** What a call came to: its attempts in order, and the response of its highest level. */
export function callOf(
  level: GatewayId,
  startedAt: number,
  attempts: readonly EndedAttempt[],
  response: LlmResponse,
): TrackedCall | null {
  const [first] = attempts;
  if (!first) return null;
  const clock = wallClock();
  const { request, description } = first;
  return {
    kind: 'call',
    id: response.attemptGroup ?? first.callId,
    level,
    started: clock(startedAt),
    ended: clock(performance.now()),
    user: description.user_id,
    reason: description.reason,
    model: description.model,
    backend: response.backend,
    simulated: response.simulated,
    workspace: description.workspace,
    branch: description.branch,
    command: description.command,
    conversation: request.conversation ?? null,
    agreement: request.flow?.agreement ?? null,
    run_id: request.flow?.runId ?? null,
    comparison_id: request.comparison?.id ?? null,
    outcome: response.status,
    error_code: response.error?.code ?? null,
    cache_hit: response.cacheHit,
    fallback_from: response.fallbackFrom,
    cost_micro_usd: response.cost.toString(),
    cost_estimated: response.costEstimated,
    ...complianceOf(response),
    attempts: attempts.map((one) => attemptOf(one, clock)),
  };
}

/** The decision of compliance. */
function complianceOf({ compliance }: LlmResponse) {
  const { decision = null, findings = [] } = compliance ?? {};
  return { compliance: decision, compliance_findings: findings.length > 0 ? JSON.stringify(findings) : null };
}

function attemptOf(attempted: EndedAttempt, clock: (at: number) => number): TrackedAttempt {
  const { callId, startedAt, day, response } = attempted;
  const { status, error, auditTrail } = response;
  const started = clock(startedAt);
  return {
    call_id: callId,
    started,
    ended: started + response.processingTimeMs,
    outcome: status,
    error_code: error?.code ?? null,
    sequence: auditTrail?.sequence ?? null,
    hash: auditTrail?.hash ?? null,
    ledger: auditTrail?.ledger ?? null,
    day: day ?? null,
    model: modelUseOf(attempted, clock),
  };
}

function modelUseOf(attempted: EndedAttempt, clock: (at: number) => number): ModelUse | null {
  const { request, reservedAt, answeredAt, startedAt, sent, outputCost, response } = attempted;
  if (response.attempts === 0 || !sent || reservedAt === undefined || answeredAt === undefined) return null;
  const { tokenUsage, timeToFirstTokenMs } = response;
  return {
    started: clock(reservedAt),
    ended: clock(answeredAt),
    model_id: response.modelUsed,
    embedding: request.embedding !== undefined,
    max_tokens: sent.maxTokens,
    temperature: sent.temperature,
    stream: sent.stream,
    first_token_ms: timeToFirstTokenMs === null ? null : timeToFirstTokenMs - (reservedAt - startedAt),
    stop_reason: response.stopReason,
    input: tokenUsage.input,
    output: tokenUsage.output,
    cache_read: tokenUsage.cacheRead,
    cache_write: tokenUsage.cacheWrite5m + tokenUsage.cacheWrite1h,
    cost_micro_usd: response.cost.toString(),
    output_cost_micro_usd: outputCost?.toString() ?? null,
    cost_estimated: response.costEstimated,
  };
}

export function runOf(run: EndedRun): TrackedRun {
  const { kind, id, name, startedAt, failed, killed = false, parameters, metrics } = run;
  const times = { started: Date.parse(startedAt), ended: Date.now() };
  return { kind: 'run', ...times, of: kind, id, name, failed, killed, parameters, metrics };
}

/** Converts `performance.now()`, which is counted back from now: it stands still while the computer sleeps. */
function wallClock(): (at: number) => number {
  const offset = Date.now() - performance.now();
  return (at) => at + offset;
}
