import { embeddingInputTypes } from '../content/messages.ts';
import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { defaultEmbeddingModel } from '../gateways/embeddingModels.ts';
import { embed, type Embeddings } from '../gateways/embeddings.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { positiveInteger } from './options.ts';
import { readStandardInput } from './readText.ts';
import { stopSignal } from './stopSignal.ts';
import {
  auditTrailJson,
  complianceJson,
  errorJson,
  note,
  printError,
  printJson,
  printLine,
  type Terminal,
} from './terminal.ts';
import { terminalOrigin } from './terminalOrigin.ts';

export interface EmbedOptions {
  reason?: string;
  model?: string;
  dimensions?: string;
  inputType?: string;
  useClass?: string;
  cache: boolean;
}

/** `tidyllm embed`: the vector of a text, by one governed call. Returns the exit code. */
export async function embedCommand(
  core: Core,
  text: string,
  { reason = '', model = defaultEmbeddingModel, dimensions, inputType, useClass, cache }: EmbedOptions,
  terminal: Terminal,
): Promise<number> {
  const asked = {
    texts: [text === '-' ? await readStandardInput() : text],
    auditReason: reason,
    modelId: model,
    origin: await terminalOrigin(process.cwd()),
    ...(useClass !== undefined && { useClass }),
    ...(!cache && { cache: false }),
    ...(dimensions !== undefined && { dimensions: positiveInteger(dimensions, '--dimensions') }),
    ...(inputType !== undefined && { input_type: inputTypeOf(inputType) }),
  };
  if (core.simulatedBecause !== null) note(terminal, `SIMULATED: ${core.simulatedBecause}`);
  const stop = stopSignal();
  const gateway = { calls: core.registry.calls(), catalogue: core.catalogue };
  const found = await embed(gateway, asked, { signal: stop.signal });
  stop.dispose();
  if (terminal.json) printJson(embeddingJson(found));
  else print(found, terminal);
  return found.error?.exitCode ?? 0;
}

/** The document of `embed --json` for a call that never reached a gateway. */
export function notEmbeddedJson(
  error: GatewayError,
  { model = defaultEmbeddingModel }: EmbedOptions,
): object {
  const nothing = { inputTokens: 0, cost: 0n, cacheHit: false, simulated: false, success: false };
  return embeddingJson({ ...nothing, vectors: [], calls: [], modelUsed: model, error });
}

function embeddingJson({ vectors: [vector = null], calls: [call], ...found }: Embeddings): object {
  return {
    model_used: found.modelUsed,
    dimensions: vector?.length ?? null,
    embedding: vector,
    input_tokens: found.inputTokens,
    cost_usd: microToUsd(found.cost),
    cache_hit: found.cacheHit,
    audit_trail: call?.auditTrail ? auditTrailJson(call.auditTrail) : null,
    compliance: call?.compliance ? complianceJson(call.compliance) : null,
    ...(found.error && { success: false, error: errorJson(found.error) }),
  };
}

function print({ vectors: [vector], calls: [call], ...found }: Embeddings, terminal: Terminal): void {
  if (vector) printLine(JSON.stringify(vector));
  if (found.error) printError(found.error);
  for (const adjustment of call?.adjustments ?? []) note(terminal, adjustment);
  const parts = [
    ...(found.simulated ? ['SIMULATED'] : []),
    ...(found.cacheHit ? ['cached'] : []),
    ...(vector ? [`${vector.length} dimensions`] : []),
    `${found.inputTokens} tokens`,
    formatUsd(found.cost),
    call?.auditTrail ? `#${call.auditTrail.sequence}` : 'not recorded',
  ];
  note(terminal, parts.join(' · '));
}

function inputTypeOf(text: string): (typeof embeddingInputTypes)[number] {
  const found = embeddingInputTypes.find((one) => one === text);
  if (found) return found;
  throw new GatewayError(
    'invalid_request',
    `--input-type must be ${embeddingInputTypes.join(', ')}, not "${text}".`,
  );
}
