import { blocksOf, type JsonObject } from '../content/messages.ts';
import type { ChatResponse } from '../chat/chatMode.ts';
import { citationFaults } from '../chat/citations.ts';
import {
  readSignature,
  signatureError,
  signatureExample,
  type Signature,
} from '../chat/structured/signature.ts';
import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { unreachable } from '../gateways/unreachable.ts';
import { shortfallOf } from '../gateways/shortfall.ts';
import { backendIds, type AnswerEvent, type LlmResponse } from '../gateways/modelCalls.ts';
import { visibleLine } from '../visibleText.ts';
import { formatUsd, microToUsd, totalTokens } from '../pricing/cost.ts';
import { requestFrom, type RequestOptions } from './chatRequest.ts';
import { writeOutput } from './output.ts';
import { readTextFile } from './readText.ts';
import { stopSignal } from './stopSignal.ts';
import { workspaceProgress } from './workspaceProgress.ts';
import {
  answerPrinter,
  auditTrailJson,
  complianceJson,
  errorJson,
  note,
  printError,
  printJson,
  printLine,
  type Terminal,
} from './terminal.ts';

export interface ChatOptions extends RequestOptions {
  model?: string;
  mode: string;
  signature?: string;
  stream: boolean;
}

/** `tidyllm chat`: one governed call. Returns the exit code. */
export async function chat(
  core: Core,
  prompt: string | undefined,
  options: ChatOptions,
  terminal: Terminal,
): Promise<number> {
  const { mode: name, signature, stream } = options;
  const mode = await core.chat.mode(name, await signatureFrom(core, signature));
  const { defaults = {} } = mode;
  const modelId = options.model ?? defaults.modelId ?? core.loaded.settings.aws.bedrock.default_model;
  const request = { ...defaults, ...(await requestFrom(prompt, options, core)), modelId, stream };
  if (core.simulatedBecause !== null) note(terminal, `SIMULATED: ${core.simulatedBecause}`);
  const stop = stopSignal();
  const progress = workspaceProgress(terminal);
  const print = terminal.json ? null : eventPrinter(terminal);
  const calls = core.chat.calls(mode, { folders: [{ path: process.cwd() }], onProgress: progress.show });
  const response = await calls.execute(request, {
    signal: stop.signal,
    onEvent: (event) => {
      progress.end();
      print?.(event);
    },
  });
  progress.end();
  stop.dispose();
  if (terminal.json) printJson(responseJson(response));
  else printOutcome(response, terminal);
  return response.error?.exitCode ?? 0;
}

/** A signature in one line as it is; otherwise that of the file. Throws `invalid_request`. */
async function signatureFrom(
  { chat }: Core,
  given: string | undefined,
): Promise<string | Signature | undefined> {
  if (given === undefined || given.includes('->')) return given;
  await chat.requireAllowedPath(given);
  const text = await readTextFile(given).catch((error: unknown) => {
    if (!GatewayError.is(error)) throw error;
    const hint = `Nothing was sent. Name a file, or write it in one line: ${signatureExample}.`;
    throw new GatewayError(error.code, error.message, { hint, cause: error });
  });
  const read = await readSignature(given, text);
  if (Array.isArray(read)) throw signatureError(read);
  return read;
}

/** Prints the answer on stdout as it arrives, and the reasoning on stderr. */
function eventPrinter(terminal: Terminal): (event: AnswerEvent) => void {
  const print = answerPrinter();
  return (event) => {
    if (event.type === 'text') print(event.text);
    if (event.type === 'block_end' && event.block.type === 'thinking')
      note(terminal, `Reasoning: ${event.block.thinking}`);
  };
}

/** The tool calls that the model requests, in order. */
function toolCalls({ message }: LlmResponse): { id: string; name: string; input: JsonObject }[] {
  return blocksOf(message?.content ?? '').flatMap((block) =>
    block.type === 'tool_use' ? [{ id: block.id, name: block.name, input: block.input }] : [],
  );
}

/** The tool calls that the model requests, a line for each. */
export function toolCallLines(response: LlmResponse): string[] {
  return toolCalls(response).map(
    ({ id, name, input }) => `[tool use ${id}] ${name} ${JSON.stringify(input)}`,
  );
}

/** What an answer cites, a line for each, and what is wrong with its citations. */
function printCitations({ content, success, citations }: ChatResponse, terminal: Terminal): void {
  if (!citations || !success) return;
  for (const { n, path, firstLine, lastLine } of citations.valid)
    printLine(`[${n}] ${visibleLine(path)}:${firstLine}-${lastLine}`);
  for (const fault of citationFaults(content, citations)) note(terminal, fault);
}

function printOutcome(response: ChatResponse, terminal: Terminal): void {
  if (response.content) writeOutput('\n');
  printCitations(response, terminal);
  for (const line of toolCallLines(response)) printLine(line);
  if (response.error) printError(response.error);
  for (const adjustment of response.adjustments) note(terminal, adjustment);
  const shortfall = shortfallOf(response.stopReason, response.content);
  if (shortfall) note(terminal, `${shortfall.message} ${shortfall.hint}`);
  const { input, output } = response.tokenUsage;
  const { repairs = 0 } = response.structured ?? {};
  const parts = [
    ...(response.simulated ? ['SIMULATED'] : []),
    ...(response.cacheHit ? ['cached'] : []),
    ...(response.attempts > 1 ? [`${response.attempts} attempts`] : []),
    ...(repairs > 0 ? [repairs === 1 ? '1 repair' : `${repairs} repairs`] : []),
    `${(response.processingTimeMs / 1000).toFixed(1)} s`,
    ...(totalTokens(response.tokenUsage) > 0 ? [`${input} → ${output} tokens`] : []),
    `${formatUsd(response.cost)}${response.costEstimated ? ` (estimated: ${response.costEstimatedBecause})` : ''}`,
    response.auditTrail ? `#${response.auditTrail.sequence}` : 'not recorded',
  ];
  note(terminal, parts.join(' · '));
}

/** The document of `chat --json`. */
export function responseJson(response: ChatResponse): object {
  const { tokenUsage: usage, auditTrail, citations, embeddings, structured } = response;
  return {
    content: response.content,
    message: response.message,
    tool_calls: toolCalls(response),
    ...(citations && {
      citations: citations.valid.map(({ n, path, firstLine, lastLine }) => ({
        n,
        file: path,
        start_line: firstLine,
        end_line: lastLine,
      })),
      invalid_citations: citations.invalid,
      ...(citations.byWords !== undefined && { ordered_by_words_because: citations.byWords }),
      ...(citations.deniedFiles !== undefined && { files_denied: citations.deniedFiles }),
    }),
    ...(embeddings && {
      embeddings: {
        model: embeddings.model,
        cost_usd: microToUsd(embeddings.cost),
        audit_trails: embeddings.records.map(auditTrailJson),
      },
    }),
    ...(structured && {
      output: structured.output,
      repairs: structured.repairs,
      audit_trails: structured.records.map(auditTrailJson),
    }),
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
    adjustments: response.adjustments,
    cache_hit: response.cacheHit,
    compliance: response.compliance && complianceJson(response.compliance),
    attempts: response.attempts,
    attempt_group: response.attemptGroup,
    fallback_from: response.fallbackFrom,
    simulated: response.simulated,
    error: response.error && errorJson(response.error),
    audit_trail: auditTrail && auditTrailJson(auditTrail),
    gateway_tracked: response.gatewayTracked,
  };
}

/** What was found, and what happened to it. */
/** The document of `chat --json` for a call that never reached a gateway. */
export function unreachableJson(error: GatewayError, model: string, backend: string | undefined): object {
  const id = backendIds.find((one) => one === backend) ?? 'bedrock';
  return responseJson(unreachable(error, model, { id, simulated: id === 'mock' }));
}
