import { basename } from 'node:path';
import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { shortfallOf } from '../gateways/shortfall.ts';
import type { LlmRequest, LlmResponse, RequestServiceTier } from '../gateways/modelCalls.ts';
import { formatUsd, microToUsd, totalTokens } from '../pricing/cost.ts';
import { terminalOrigin } from './terminalOrigin.ts';
import { writeOutput } from './output.ts';
import { readStandardInput, readTextFile } from './readText.ts';
import { stopSignal } from './stopSignal.ts';
import { answerPrinter, errorJson, note, printError, printJson, type Terminal } from './terminal.ts';

export interface ChatOptions {
  reason?: string;
  model?: string;
  maxTokens?: string;
  temperature?: string;
  serviceTier?: RequestServiceTier;
  mode: string;
  file: string[];
  stream: boolean;
}

/** `tidyllm chat`: one governed call. Returns the exit code. */
export async function chat(
  core: Core,
  prompt: string,
  options: ChatOptions,
  terminal: Terminal,
): Promise<number> {
  const request = await requestFrom(core, prompt, options);
  if (core.simulatedBecause !== null) note(terminal, `SIMULATED: ${core.simulatedBecause}`);
  const stop = stopSignal();
  const response = await core.registry.calls().execute(request, {
    signal: stop.signal,
    ...(terminal.json ? {} : { onText: answerPrinter() }),
  });
  stop.dispose();
  if (terminal.json) printJson(responseJson(response));
  else printOutcome(response, terminal);
  return response.error?.exitCode ?? 0;
}

async function requestFrom(core: Core, prompt: string, options: ChatOptions): Promise<LlmRequest> {
  if (options.mode !== 'direct') {
    throw new GatewayError(
      'invalid_request',
      `The chat mode "${options.mode}" is not installed; use direct.`,
    );
  }
  const question = prompt === '-' ? await readStandardInput() : prompt;
  const files = await Promise.all(options.file.map(attachment));
  return {
    prompt: [...files, question].join('\n\n'),
    auditReason: options.reason ?? '',
    modelId: options.model ?? core.loaded.settings.aws.bedrock.default_model,
    stream: options.stream,
    origin: await terminalOrigin(process.cwd()),
    ...(options.maxTokens === undefined
      ? {}
      : { maxTokens: numberOf(options.maxTokens, '--max-tokens', /^\d+$/) }),
    ...(options.serviceTier === undefined ? {} : { serviceTier: options.serviceTier }),
    ...(options.temperature === undefined ? {} : { temperature: temperatureOf(options.temperature) }),
  };
}

/** `none` leaves it to the model. */
function temperatureOf(text: string): number | null {
  return text === 'none' ? null : numberOf(text, '--temperature', /^\d*\.?\d+$/);
}

function numberOf(text: string, option: string, form: RegExp): number {
  if (form.test(text)) return Number(text);
  throw new GatewayError('invalid_request', `${option} must be a number, not "${text}".`);
}

async function attachment(path: string): Promise<string> {
  const content = await readTextFile(path);
  const fence = '`'.repeat(Math.max(3, ...[...content.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return `${basename(path)}:\n${fence}\n${content}\n${fence}`;
}

function printOutcome(response: LlmResponse, terminal: Terminal): void {
  if (response.content) writeOutput('\n');
  if (response.error) printError(response.error);
  if (response.temperatureLeftOut) note(terminal, 'The model takes no temperature; it was left out.');
  const shortfall = shortfallOf(response.stopReason, response.content);
  if (shortfall) note(terminal, `${shortfall.message} ${shortfall.hint}`);
  const { input, output } = response.tokenUsage;
  const parts = [
    ...(response.simulated ? ['SIMULATED'] : []),
    `${(response.processingTimeMs / 1000).toFixed(1)} s`,
    ...(totalTokens(response.tokenUsage) > 0 ? [`${input} → ${output} tokens`] : []),
    `${formatUsd(response.cost)}${response.costEstimated ? ` (estimated: ${response.costEstimatedBecause})` : ''}`,
    response.auditTrail ? `#${response.auditTrail.sequence}` : 'not recorded',
  ];
  note(terminal, parts.join(' · '));
}

/** The document of `chat --json`. */
export function responseJson(response: LlmResponse): object {
  const { tokenUsage: usage, auditTrail } = response;
  return {
    content: response.content,
    success: response.success,
    status: response.status,
    model_used: response.modelUsed,
    backend: response.backend,
    processing_time_ms: Math.round(response.processingTimeMs * 1000) / 1000,
    time_to_first_token_ms:
      response.timeToFirstTokenMs === null ? null : Math.round(response.timeToFirstTokenMs * 1000) / 1000,
    token_usage: {
      input_tokens: usage.input,
      output_tokens: usage.output,
      cache_read_input_tokens: usage.cacheRead,
      cache_write_input_tokens: usage.cacheWrite5m + usage.cacheWrite1h,
      total_tokens: totalTokens(usage),
    },
    cost_usd: microToUsd(response.cost),
    cost_estimated: response.costEstimated,
    cost_estimated_because: response.costEstimatedBecause,
    stop_reason: response.stopReason,
    cache_hit: false,
    attempts: response.attempts,
    simulated: response.simulated,
    error: response.error && errorJson(response.error),
    audit_trail: auditTrail && {
      call_id: auditTrail.callId,
      sequence: auditTrail.sequence,
      hash: auditTrail.hash,
      ledger: auditTrail.ledger,
    },
    gateway_tracked: response.gatewayTracked,
  };
}

/** The document of `chat --json` for a call that never reached a gateway. */
export function unreachableJson(error: GatewayError, model: string, backend: string | undefined): object {
  return responseJson({
    content: '',
    success: false,
    status: 'failed',
    modelUsed: model,
    backend: backend === 'mock' ? 'mock' : 'bedrock',
    processingTimeMs: 0,
    timeToFirstTokenMs: null,
    stages: null,
    tokenUsage: { input: 0, output: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0 },
    cost: 0n,
    costEstimated: false,
    costEstimatedBecause: null,
    temperatureLeftOut: false,
    stopReason: null,
    simulated: backend === 'mock',
    attempts: 0,
    error,
    auditTrail: null,
    gatewayTracked: false,
  });
}
