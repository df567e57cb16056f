import type { ModelCalls } from '../gateways/modelCalls.ts';

/** The ways to answer a question; each has a file in `modes/`. */
export const chatModeIds = ['direct'] as const;
export type ChatModeId = (typeof chatModeIds)[number];

/**
 * One way to answer a question: a layer over the one door to a model. It may change what is sent, ask more than once,
 * and change what comes back. It MUST make every attempt through the calls that it is given, so that each is governed
 * and recorded, and it MUST keep the promises of `ModelCalls` itself.
 */
export interface ChatMode {
  readonly id: ChatModeId;
  over(calls: ModelCalls): ModelCalls;
}
