import { converseInput } from '../../src/adapters/converse/wire.ts';
import { MockBackend } from '../../src/adapters/mockModel.ts';
import { admit, type AdmittedCall } from '../../src/gateways/corporateLlm/admission.ts';
import type { LlmRequest } from '../../src/gateways/modelCalls.ts';
import { ModelCatalogue, type CatalogueOptions } from '../../src/pricing/modelCatalogue.ts';
import type { ConverseRequest } from '../standIn/converse/request.ts';

export const sonnet = 'us.anthropic.claude-sonnet-4-6';

/** A request as it would be reserved and sent. Throws as the gateway refuses. */
export function admitted(
  request: LlmRequest,
  modelId = sonnet,
  options: Partial<CatalogueOptions> = {},
): AdmittedCall {
  const defaults = { mapping: {}, prices: {}, unknownPrice: 'refuse', region: 'us-east-1' };
  const catalogue = new ModelCatalogue({ ...defaults, ...options });
  return admit('call', { modelId, ...request }, { catalogue, backend: new MockBackend() });
}

/** A call's request as the SDK puts it on the wire. */
export function wireOf(call: AdmittedCall['call']): ConverseRequest {
  const { modelId: _modelId, ...body } = converseInput(call);
  return JSON.parse(JSON.stringify(body, onTheWire)) as ConverseRequest;
}

/** Bytes are base64 there, and members that the SDK doesn't know stand under their own names. */
export function onTheWire(_name: string, value: unknown): unknown {
  const { type, data, $unknown } = (value ?? {}) as {
    type?: string;
    data?: number[];
    $unknown?: [string, unknown];
  };
  // What a buffer has become when a replacer sees it.
  if (type === 'Buffer' && data) return Buffer.from(data).toString('base64');
  return $unknown ? { [$unknown[0]]: $unknown[1] } : value;
}
