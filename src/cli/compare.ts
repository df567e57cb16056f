import type { Core } from '../core/core.ts';
import type { GatewayError } from '../errors.ts';
import { Comparison } from '../gateways/comparison.ts';
import type { LlmResponse } from '../gateways/modelCalls.ts';
import { readReason } from '../ledger/reason.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { responseJson, toolCallLines, unreachableJson } from './chat.ts';
import { requestFrom, type RequestOptions } from './chatRequest.ts';
import { stopSignal } from './stopSignal.ts';
import { errorJson, note, printError, printJson, printLine, table, type Terminal } from './terminal.ts';

export interface CompareOptions extends RequestOptions {
  models: string;
}

/** `tidyllm compare`: the same prompt for several models. Returns the exit code of the first call that failed. */
export async function compare(
  core: Core,
  prompt: string | undefined,
  options: CompareOptions,
  terminal: Terminal,
): Promise<number> {
  const request = await requestFrom(prompt, options, core);
  const comparison = await Comparison.of(request, namesIn(options), core);
  if (core.simulatedBecause !== null) note(terminal, `SIMULATED: ${core.simulatedBecause}`);
  note(terminal, `${comparison.models.length} models, at most ${formatUsd(comparison.worstCase)} together.`);
  for (const { name, refusal } of comparison.models)
    if (refusal) note(terminal, `${name} will be refused: ${refusal.message}`);
  const stop = stopSignal();
  stop.signal.addEventListener('abort', () => comparison.cancel());
  const print = terminal.json ? () => undefined : inOrder(comparison, terminal);
  const responses = await comparison.run({ onEnd: print });
  stop.dispose();
  const reason = readReason(options.reason ?? '', { minReasonLength: 0 }).recorded;
  if (terminal.json) printJson(comparisonJson(comparison, reason, responses));
  else printTable(comparison, responses, terminal);
  return responses.find(({ error }) => error)?.error?.exitCode ?? 0;
}

function namesIn({ models }: CompareOptions): string[] {
  return models.split(',').flatMap((name) => name.trim() || []);
}

/** Prints each answer as soon as those of the models before it are printed. */
function inOrder({ models }: Comparison, terminal: Terminal): (model: string, response: LlmResponse) => void {
  const ended = new Map<string, LlmResponse>();
  const left = models.map(({ name }) => name);
  return (model, response) => {
    ended.set(model, response);
    for (;;) {
      const [next] = left;
      const found = next === undefined ? undefined : ended.get(next);
      if (next === undefined || !found) return;
      left.shift();
      printAnswer(next, found, terminal);
    }
  };
}

function printAnswer(model: string, response: LlmResponse, terminal: Terminal): void {
  printLine(`── ${model} ──`);
  if (response.content) printLine(response.content);
  for (const line of toolCallLines(response)) printLine(line);
  printLine();
  if (response.error) printError(response.error);
  for (const adjustment of response.adjustments) note(terminal, `${model}: ${adjustment}`);
}

function printTable({ id, models }: Comparison, responses: readonly LlmResponse[], terminal: Terminal): void {
  const rows = responses.map((response, index) => {
    const { status, processingTimeMs, timeToFirstTokenMs, tokenUsage, cost, costEstimated } = response;
    return [
      models[index]?.name ?? '',
      response.fallbackFrom === null ? status : `${status}, by ${response.modelUsed}`,
      seconds(processingTimeMs),
      timeToFirstTokenMs === null ? '' : seconds(timeToFirstTokenMs),
      String(tokenUsage.output),
      `${response.cacheHit ? 'cached ' : ''}${formatUsd(cost)}${costEstimated ? ' est.' : ''}`,
      response.auditTrail ? `#${response.auditTrail.sequence}` : 'not recorded',
    ];
  });
  const header = ['model', 'outcome', 'time', 'first token', 'output tokens', 'cost', 'record'];
  printLine(table(header, rows, ['time', 'first token', 'output tokens', 'cost']));
  note(terminal, `Together ${formatUsd(totalCost(responses))} · comparison ${id}`);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function totalCost(responses: readonly LlmResponse[]): bigint {
  return responses.reduce((sum, { cost }) => sum + cost, 0n);
}

/** The document of `compare --json`. */
function comparisonJson(comparison: Comparison, reason: string, responses: readonly LlmResponse[]): object {
  return {
    group: comparison.id,
    reason,
    worst_case_usd: microToUsd(comparison.worstCase),
    results: responses.map((response, index) => ({
      model: comparison.models[index]?.name,
      ...responseJson(response),
    })),
    cost_usd: microToUsd(totalCost(responses)),
    error: null,
  };
}

/** The document of `compare --json` for a comparison that made no call. */
export function notComparedJson(error: GatewayError, options: CompareOptions, backend?: string): object {
  return {
    group: null,
    reason: options.reason ?? '',
    results: namesIn(options).map((model) => ({ model, ...unreachableJson(error, model, backend) })),
    cost_usd: '0',
    error: errorJson(error),
  };
}
