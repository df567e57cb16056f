import type { Core } from '../../src/core/core.ts';
import { withCore } from './withCore.ts';

/** What a model's answer is compared by. */
export interface Comparison {
  status: string;
  responseTimeMs: number;
  cacheHit: boolean;
  responseLength: number;
  backendUsed: string;
}

const prompt = 'Analyze the competitive advantages of cloud-first architecture';
const modelsToTest = ['claude-3-sonnet', 'claude-3-haiku', 'claude-opus'];

/** Multi-Model AI Comparison: one prompt for several models, each a governed call. */
export async function multiModelComparison(
  core: Core,
  print: (line: string) => void,
): Promise<Record<string, Comparison>> {
  const results: Record<string, Comparison> = {};
  for (const modelId of modelsToTest) {
    print(`Testing ${modelId} …`);
    const response = await core.registry.calls().execute({
      prompt,
      modelId,
      maxTokens: 1000,
      auditReason: 'Comparison of models for the architecture review',
    });
    results[modelId] = {
      status: response.status,
      responseTimeMs: response.processingTimeMs,
      cacheHit: response.cacheHit,
      responseLength: response.content.length,
      backendUsed: response.backend,
    };
  }
  print('\nComparison Summary:');
  for (const [model, { status, responseTimeMs, cacheHit, responseLength, backendUsed }] of Object.entries(
    results,
  )) {
    print(`  ${model}: ${status}`);
    print(`    Response Time: ${(responseTimeMs / 1000).toFixed(2)} s`);
    print(`    Cache Hit: ${cacheHit}`);
    print(`    Response Length: ${responseLength} chars`);
    print(`    Backend: ${backendUsed}`);
  }
  return results;
}

if (import.meta.main) await withCore(multiModelComparison);
