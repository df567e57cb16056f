import { insideJson, restored } from '../compliance/restorer.ts';
import type { Screened } from '../compliance/found.ts';
import type { AgreementContext } from '../gateways/gateway.ts';
import type { LlmRequest, LlmResponse } from '../gateways/modelCalls.ts';
import type { GatewayRegistry } from '../gateways/registry.ts';

/** A request of a run as it may leave this machine, or the refused call that this machine's policy makes of it. */
export type Outgoing =
  | {
      refused: null;
      request: LlmRequest;
      /** Puts the values that were redacted back into the answer. */
      restored: (text: string) => string;
    }
  | { refused: LlmResponse };

interface OutgoingDependencies {
  registry: Pick<GatewayRegistry, 'calls' | 'validateAgreement'>;
  /** The content of a request as it may leave. Throws `compliance_blocked`. */
  screened: (request: LlmRequest, user: string) => Promise<Screened>;
}

/**
 * What another machine gets of a request: what policy keeps back here never leaves, whatever is allowed there, and what it
 * redacts leaves redacted. Throws `compliance_blocked`.
 */
export async function outgoing(
  request: LlmRequest,
  { user, ...context }: Pick<AgreementContext, 'agreement' | 'reason'> & { user: string },
  { registry, screened }: OutgoingDependencies,
): Promise<Outgoing> {
  const asked = { ...context, requests: [request], worstCase: 0n, costLimit: 0n };
  const refused = await recordedRefusal(asked, request.flow?.runId ?? '', registry);
  if (refused) return { refused };
  const { content, placeholders } = await screened(request, user);
  const prompt = content.messages[0]?.content;
  if (typeof prompt !== 'string') throw new TypeError('A prompt of a workflow is one text.');
  const { system, output_schema: outputSchema } = content;
  const sent = {
    ...request,
    prompt,
    ...(system !== null && { system }),
    ...(outputSchema && { outputSchema }),
  };
  const values = outputSchema ? insideJson(placeholders) : placeholders;
  return { refused: null, request: sent, restored: (text) => restored(text, values) };
}

/** The first request that this machine's gateways refuse, as a refused call on the ledger; null if they refuse none. */
export async function recordedRefusal(
  context: AgreementContext,
  runId: string,
  registry: Pick<GatewayRegistry, 'calls' | 'validateAgreement'>,
): Promise<LlmResponse | null> {
  // Should policy allow it by then, nothing is left to pay for it.
  const flow = { runId, agreement: context.agreement, costLimit: 0n };
  for (const request of context.requests) {
    const validations = await registry.validateAgreement({ ...context, requests: [request] });
    if (validations.some(({ error }) => error)) return registry.calls().execute({ ...request, flow });
  }
  return null;
}
