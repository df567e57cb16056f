import { GatewayError } from '../errors.ts';
import type { FlowMatch } from './matching.ts';

/** The error if a command doesn't clearly match one agreement. */
export function notMatched(text: string, { nearest, ambiguous }: FlowMatch): GatewayError {
  const command = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  const offers = nearest.map(
    ({ agreement, confidence }) => `${agreement.trigger} (${confidence.toFixed(2)})`,
  );
  const why = ambiguous ? 'matches more than one agreement' : 'matches no agreement';
  return new GatewayError('flow_not_matched', `"${command}" ${why}; nothing was run.`, {
    hint: offers.length > 0 ? `Nearest: ${offers.join(', ')}.` : 'See "tidyllm flow list".',
  });
}
