import type { ConformedCall, ModelCall } from '../../gateways/ports.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import { conformTo, type ServiceRules } from '../rules/conform.ts';
import { bedrockFamily } from '../rules/families.ts';
import { turnsWithMedia } from './media.ts';

/** The rules of Bedrock's API reference and user guide, and of what it was seen to refuse. */
const bedrockRules: ServiceRules = {
  name: 'Bedrock',
  familyOf: bedrockFamily,
  turnsWithMedia,
  mostStopSequences: 2_500,
  guardrails: true,
  ownFields: new Set(),
};

/** A call in the form that Converse takes for a model. Throws `invalid_request`, naming the rule. */
export function conformToConverse(call: ModelCall, model: Model): ConformedCall {
  return conformTo(bedrockRules, call, model);
}
