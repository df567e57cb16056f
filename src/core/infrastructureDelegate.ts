import { GatewayError } from '../errors.ts';
import {
  requestDefaults,
  type CallOptions,
  type LlmRequest,
  type LlmResponse,
} from '../gateways/modelCalls.ts';
import type { BackendInfo } from '../gateways/ports.ts';
import type { GatewayRegistry } from '../gateways/registry.ts';
import { unreachable } from '../gateways/unreachable.ts';

/**
 * What code outside the chat calls models with. It knows the gateways and nothing below them: without a gateway there is
 * no call, and the response says so.
 */
export class InfrastructureDelegate {
  readonly #registry: Pick<GatewayRegistry, 'calls'>;
  readonly #backend: Pick<BackendInfo, 'id' | 'simulated'>;

  constructor(registry: Pick<GatewayRegistry, 'calls'>, backend: Pick<BackendInfo, 'id' | 'simulated'>) {
    this.#registry = registry;
    this.#backend = backend;
  }

  /**
   * One governed call of the back-end that policy chose, Bedrock by default. Never rejects for a call that fails: without
   * a gateway its error is `gateway_unavailable`, `NO DIRECT AWS CALLS ALLOWED`. `gatewayTracked` says whether it is
   * recorded.
   */
  async invokeBedrock(request: LlmRequest, options: CallOptions = {}): Promise<LlmResponse> {
    try {
      return await this.#registry.calls().execute(request, options);
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      return unreachable(error, request.modelId ?? requestDefaults.modelId, this.#backend);
    }
  }
}
