import { blocksOf, type ContentBlock } from '../../content/messages.ts';
import { GatewayError } from '../../errors.ts';
import type { EmbeddingRequest, Embeddings } from '../../gateways/embeddings.ts';
import type { LlmRequest, ModelCalls } from '../../gateways/modelCalls.ts';
import { unreachable } from '../../gateways/unreachable.ts';
import { readReason } from '../../ledger/reason.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { ChatCalls, ChatContext } from '../chatMode.ts';
import type { WindowUse } from './contextWindow.ts';

/** What a question would send. */
export interface Sent {
  /** By the first call of a model that answers; null if no model would be called. */
  sent: LlmRequest | null;
  /** What compliance policy does to it, in a sentence; null if no model would be called. */
  policy: string | null;
  /** What an embedding model would get before it, which may change the order of the sources; null if nothing. */
  embedded: { model: string; texts: readonly string[] } | null;
}

/** What the next question would send, and what that takes. */
export interface Preview extends Sent {
  use: WindowUse;
  /** Micro-USD, of all calls of the question. */
  worstCase: bigint;
}

/** The request of the first call that a mode would make; null if it would make none. Nothing is sent. */
export async function firstSent(
  over: (calls: ModelCalls) => ChatCalls,
  real: ModelCalls,
  request: LlmRequest,
  backend: ChatContext['backend'],
): Promise<LlmRequest | null> {
  const sent: LlmRequest[] = [];
  const stopped = new GatewayError('cancelled', 'Nothing is sent for a preview.');
  const calls = over({
    worstCase: (one) => real.worstCase(one),
    execute: (one) => {
      sent.push(one);
      return Promise.resolve(unreachable(stopped, one.modelId ?? '', backend));
    },
  });
  // Modes do nothing for a question without a reason, which is looked at before it has one.
  const { auditReason = '' } = request;
  const isFaulty = readReason(auditReason, { minReasonLength: 0 }).fault !== null;
  await calls.execute(isFaulty ? { ...request, auditReason: 'preview' } : request);
  return sent[0] ? { ...sent[0], auditReason } : null;
}

/** What embedding these texts comes to while nothing is sent: no vector, so that their order stays. */
export function withoutVectors({ texts, modelId = '' }: EmbeddingRequest): Embeddings {
  const nothing = { inputTokens: 0, cost: 0n, cacheHit: false, simulated: false, calls: [] };
  return { ...nothing, vectors: texts.map(() => null), success: true, error: null, modelUsed: modelId };
}

/** A preview as a document. */
export function previewText({ sent, policy, embedded, use, worstCase }: Preview): string {
  const { tokens, window, isKnown } = use;
  const size = `${count(window)}${isKnown ? '' : ' (assumed)'}`;
  if (!sent) return 'No model would be called: nothing was found in the workspace.\n';
  const { modelId = '', auditReason = '', tools = [], outputSchema } = sent;
  const system =
    typeof sent.system === 'string' ? sent.system : sent.system?.map(({ text }) => text).join('\n');
  const messages = sent.messages ?? [{ role: 'user' as const, content: sent.prompt ?? '' }];
  const sections = [
    ...(system ? [['system', system]] : []),
    ...tools.map((tool) => [`tool ${tool.name}`, JSON.stringify(tool, null, 2)]),
    ...(outputSchema ? [['form of the answer', JSON.stringify(outputSchema.schema, null, 2)]] : []),
    ...messages.map(({ role, content }, index) => [
      `${index + 1}. ${role}`,
      blocksOf(content).map(shownBlock).join('\n\n'),
    ]),
  ];
  return [
    `What the question would send to ${modelId}`,
    '',
    `Tokens:  about ${count(tokens)} of ${size}`,
    `Bytes:   ${count(sections.reduce((sum, [, text = '']) => sum + Buffer.byteLength(text), 0))} of text, each at most one token`,
    `Cost:    at most ${formatUsd(worstCase)}, with every call of the question`,
    `Reason:  ${auditReason || 'none yet'} (recorded, not sent)`,
    ...(policy === null ? [] : [`Policy:  ${policy}`]),
    ...(embedded ? [embeddedText(embedded)] : []),
    ...sections.flatMap(([title = '', text = '']) => ['', `──── ${title} ────`, '', text]),
    '',
  ].join('\n');
}

function embeddedText({ model, texts }: NonNullable<Sent['embedded']>): string {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return `Before:  ${count(texts.length)} texts of ${count(bytes)} bytes, from the question and parts of files, go to ${model}, which orders the sources: those below may change`;
}

function shownBlock(block: ContentBlock): string {
  if (block.type === 'text') return block.text;
  if (block.type !== 'image') return JSON.stringify(block, null, 2);
  const { media_type: type, data } = block.source;
  return `[${type}, ${count(Buffer.byteLength(data, 'base64'))} bytes]`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
