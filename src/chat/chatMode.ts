import type { CallOptions, LlmRequest, LlmResponse, ModelCalls } from '../gateways/modelCalls.ts';
import type { BackendInfo } from '../gateways/ports.ts';
import type { ChatModeId } from './chatModeIds.ts';
import type { Citations } from './citations.ts';

export interface ChatResponse extends LlmResponse {
  /** Of a mode that answers from sources. */
  citations?: Citations;
}

export interface ChatCalls extends ModelCalls {
  execute(request: LlmRequest, options?: CallOptions): Promise<ChatResponse>;
}

/** What a mode answers with besides a model. */
export interface ChatContext {
  /** The folders of the workspace, as absolute paths. */
  folders: readonly string[];
  backend: Pick<BackendInfo, 'id' | 'simulated'>;
}

/**
 * One way to answer a question: a layer over the one door to a model. It may change what is sent, ask more than once,
 * and change what comes back. It MUST make every attempt through the calls that it is given, so that each is governed
 * and recorded, and it MUST keep the promises of `ModelCalls` itself.
 */
export interface ChatMode {
  readonly id: ChatModeId;
  over(calls: ModelCalls, context: ChatContext): ChatCalls;
}
