import type { GatewayRegistry } from '../gateways/registry.ts';
import type { ChatCalls, ChatContext, ChatMode, ChatWorkspace } from './chatMode.ts';
import type { ChatModeId } from './chatModeIds.ts';
import { direct } from './modes/direct.ts';
import { rag } from './modes/rag.ts';

const modes: Readonly<Record<ChatModeId, ChatMode>> = { direct, rag };

/** Answers questions in one of the chat's modes, for every front door. */
export class UnifiedChatManager {
  readonly #registry: Pick<GatewayRegistry, 'calls'>;
  readonly #backend: ChatContext['backend'];

  constructor(registry: Pick<GatewayRegistry, 'calls'>, backend: ChatContext['backend']) {
    this.#registry = registry;
    this.#backend = backend;
  }

  /**
   * The calls of a mode for a workspace, through the highest gateway that is up. Throws `gateway_unavailable` if none
   * is.
   */
  calls(mode: ChatModeId, workspace: ChatWorkspace): ChatCalls {
    return modes[mode].over(this.#registry.calls(), { ...workspace, backend: this.#backend });
  }
}
