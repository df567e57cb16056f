import type { LlmRequest } from '../gateways/modelCalls.ts';

/** The request with instructions before the system prompt that it has. */
export function withSystem({ system, ...request }: LlmRequest, instructions: string): LlmRequest {
  return {
    ...request,
    system:
      typeof system === 'object'
        ? [{ type: 'text', text: instructions }, ...system]
        : [instructions, ...(system ? [system] : [])].join('\n\n'),
  };
}
