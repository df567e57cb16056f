import { GatewayError } from '../../errors.ts';

/** A call that Converse would refuse, with the rule that it breaks. Nothing was reserved or sent. */
export function refused(rule: string, hint = 'Nothing was sent. Change the request.'): GatewayError {
  return new GatewayError('invalid_request', `Bedrock would refuse this call: ${rule}.`, { hint });
}
