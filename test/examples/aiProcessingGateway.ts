import type { Core } from '../../src/core/core.ts';
import type { LlmResponse } from '../../src/gateways/modelCalls.ts';
import { withCore } from './withCore.ts';

/** Gateway #2: what the second gateway needs and can do, and a request through it. */
export async function aiProcessingGateway(
  { registry, backend }: Core,
  print: (line: string) => void,
): Promise<LlmResponse | null> {
  const service = registry.listServices().find(({ id }) => id === 'ai_processing');
  if (!service?.capabilities) {
    print(`AiProcessingGateway failed: ${service?.error?.message ?? 'not installed'}`);
    return null;
  }
  const { capabilities, dependsOn } = service;
  print(`Auto-detected backend: ${backend.id}`);
  print(`Requires: ${dependsOn.join(', ')}`);
  print(`All available backends: ${String(capabilities['backends'])}`);
  print(`Available models for backend: ${String(capabilities['models'])}`);
  print(`Cache enabled: ${String(capabilities['cacheEnabled'])}`);
  print(`Retry enabled: ${String(capabilities['retryEnabled'])}`);
  // The registry gives the highest level that is up, which is this gateway.
  const response = await registry.calls().execute({
    prompt: 'Test AI processing gateway functionality',
    modelId: 'claude-3-sonnet',
    temperature: 0.1,
    auditReason: 'Test of the second gateway',
  });
  print(`Processing status: ${response.status}`);
  print(`Backend used: ${response.backend}`);
  print(`Cache hit: ${response.cacheHit}`);
  print(`Processing time: ${(response.processingTimeMs / 1000).toFixed(3)} s`);
  print(`Response length: ${response.content.length} chars`);
  return response;
}

if (import.meta.main) await withCore(aiProcessingGateway);
