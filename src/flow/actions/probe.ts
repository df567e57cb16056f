import { randomUUID } from 'node:crypto';
import { GatewayError } from '../../errors.ts';
import type { LlmResponse } from '../../gateways/modelCalls.ts';
import type { ParameterValues } from '../agreement.ts';
import type { RunRequest } from '../implementation.ts';

export interface ProbeOptions {
  /** `aws.bedrock.default_model`. */
  defaultModel: string;
}

/** A small call that measures the path to a model, not the model: a short answer to a question that isn't cached. */
export function probeRequest(parameters: ParameterValues, { defaultModel }: ProbeOptions): RunRequest {
  return {
    prompt: `Probe ${randomUUID()}: count from one to twenty in words.`,
    modelId: String(parameters['model'] ?? '') || defaultModel,
    maxTokens: Number(parameters['max_tokens'] ?? 16),
    temperature: 0,
    cache: false,
  };
}

/** Why calls failed: `2 × backend_throttled`. */
export function codesOf(failed: readonly LlmResponse[]): string {
  return [...Map.groupBy(failed, ({ error }) => error?.code ?? 'unknown')]
    .map(([code, all]) => `${all.length} × ${code}`)
    .join(', ');
}

/** Throws the first failure if no call was answered, because there is nothing to measure. */
export function requireAnswer(answered: readonly LlmResponse[], failed: readonly LlmResponse[]): void {
  if (answered.length > 0) return;
  throw failed[0]?.error ?? new GatewayError('flow_failed', 'No call was made.');
}
