import { csvText } from '../../csv.ts';
import type { LlmResponse } from '../../gateways/modelCalls.ts';
import { contextTokens, formatUsd, microToUsd } from '../../pricing/cost.ts';
import { escapeMarkdown, fenced } from '../markdownText.ts';

/** A comparison whose calls have ended. */
export interface ExportedComparison {
  id: string;
  question: string;
  reason: string;
  simulated: boolean;
  /** In the order of the models, each by the name that was asked for. */
  results: readonly { model: string; response: LlmResponse }[];
}

const columns = [
  ...['comparison_id', 'reason', 'model', 'model_used', 'outcome', 'simulated'],
  ...['processing_time_ms', 'time_to_first_token_ms', 'input_tokens', 'output_tokens'],
  ...['cost_usd', 'cost_estimated', 'cache_hit', 'error', 'record', 'answer'],
];

/** One line for each model, money as decimal USD. */
export function comparisonCsv({ id, reason, results }: ExportedComparison): string {
  return csvText(
    columns,
    results.map(({ model, response }) => ({
      comparison_id: id,
      reason,
      model,
      model_used: response.modelUsed,
      outcome: response.status,
      simulated: response.simulated,
      processing_time_ms: Math.round(response.processingTimeMs),
      time_to_first_token_ms: rounded(response.timeToFirstTokenMs),
      input_tokens: contextTokens(response.tokenUsage),
      output_tokens: response.tokenUsage.output,
      cost_usd: microToUsd(response.cost),
      cost_estimated: response.costEstimated,
      cache_hit: response.cacheHit,
      error: response.error?.code,
      record: response.auditTrail?.sequence,
      answer: response.content,
    })),
  );
}

/** A document with the question, a table of the figures and every answer. */
export function comparisonMarkdown({ id, question, reason, simulated, results }: ExportedComparison): string {
  const cost = results.reduce((sum, { response }) => sum + response.cost, 0n);
  const header = ['Model', 'Outcome', 'Time', 'First token', 'Tokens', 'Cost', 'Record'];
  const rows = results.map(({ model, response }) => [
    escapeMarkdown(model),
    escapeMarkdown(outcomeOf(response)),
    milliseconds(response.processingTimeMs),
    milliseconds(response.timeToFirstTokenMs),
    `${contextTokens(response.tokenUsage)} → ${response.tokenUsage.output}`,
    `${response.cacheHit ? 'cached ' : ''}${formatUsd(response.cost)}${response.costEstimated ? ' (estimated)' : ''}`,
    response.auditTrail ? `#${response.auditTrail.sequence}` : 'not recorded',
  ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    '# Comparison of models',
    ...(simulated ? ['', '**SIMULATED**: answers, times and costs are not real.'] : []),
    '',
    `- Reason: ${escapeMarkdown(reason)}`,
    `- Cost: ${formatUsd(cost)}`,
    `- Comparison: ${id}`,
    '',
    line(header),
    line([...header.slice(0, 2).map(() => '---'), ...header.slice(2).map(() => '---:')]),
    ...rows.map(line),
    '',
    '## Prompt',
    '',
    fenced(question),
    ...results.flatMap(({ model, response }) => [
      '',
      `## ${escapeMarkdown(model)}`,
      '',
      response.content || escapeMarkdown(response.error?.message ?? 'The answer is empty.'),
    ]),
    '',
  ].join('\n');
}

function outcomeOf({ status, fallbackFrom, modelUsed, success }: LlmResponse): string {
  return fallbackFrom !== null && success ? `${status}, answered by ${modelUsed}` : status;
}

function milliseconds(ms: number | null): string {
  return ms === null ? '' : `${rounded(ms)} ms`;
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}
