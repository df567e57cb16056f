import type { ModelCalls } from '../gateways/modelCalls.ts';
import type { GatewayRegistry } from '../gateways/registry.ts';
import type { ChatMode, ChatModeId } from './chatMode.ts';
import { direct } from './modes/direct.ts';

const modes: Readonly<Record<ChatModeId, ChatMode>> = { direct };

/** Answers questions in one of the chat's modes, for every front door. */
export class UnifiedChatManager {
  readonly #registry: Pick<GatewayRegistry, 'calls'>;

  constructor(registry: Pick<GatewayRegistry, 'calls'>) {
    this.#registry = registry;
  }

  /** The calls of a mode, through the highest gateway that is up. Throws `gateway_unavailable` if none is. */
  calls(mode: ChatModeId): ModelCalls {
    return modes[mode].over(this.#registry.calls());
  }
}
