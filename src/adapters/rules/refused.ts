import { GatewayError } from '../../errors.ts';

/** A rule of a service that a call breaks. Nothing was reserved or sent. */
class BrokenRule extends Error {
  readonly hint: string;

  constructor(rule: string, hint: string) {
    super(rule);
    this.hint = hint;
  }
}

/** A call that the service would refuse, with the rule that it breaks. */
export function refused(rule: string, hint = 'Nothing was sent. Change the request.'): Error {
  return new BrokenRule(rule, hint);
}

/** Applies the rules of a service. Throws `invalid_request`, naming the service and the rule that is broken. */
export function byTheRulesOf<T>(service: string, apply: () => T): T {
  try {
    return apply();
  } catch (error) {
    if (!(error instanceof BrokenRule)) throw error;
    const { message: rule, hint } = error;
    throw new GatewayError('invalid_request', `${service} would refuse this call: ${rule}.`, { hint });
  }
}
