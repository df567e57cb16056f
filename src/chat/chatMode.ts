import type { JsonObject } from '../content/messages.ts';
import type { AuditTrail, CallOptions, LlmRequest, LlmResponse, ModelCalls } from '../gateways/modelCalls.ts';
import type { BackendInfo } from '../gateways/ports.ts';
import type { SearchedFolder } from '../retrieval/workspaceFiles.ts';
import type { Citations } from './citations.ts';
import type { Embedder } from './embedder.ts';
import type { RecordToolUse, ToolPort } from './tools/chatTool.ts';

export interface ChatResponse extends LlmResponse {
  /** Of a question that took several calls: the record of each, in order. */
  trail?: readonly AuditTrail[];
  /** Of a mode that answers from sources. */
  citations?: Citations;
  /** Of a mode that orders its sources by meaning: the calls that were made for it, which the cost includes. */
  embeddings?: EmbeddingCalls;
  /** Of a mode whose answers have declared fields. */
  structured?: StructuredOutput;
}

export interface EmbeddingCalls {
  model: string;
  /** Micro-USD. */
  cost: bigint;
  /** The record of each call, in order. */
  records: readonly AuditTrail[];
}

/** The fields of an answer, and how it came about. */
export interface StructuredOutput {
  /** Checked; null if no answer fitted. */
  output: JsonObject | null;
  /** How often a wrong answer was sent back. */
  repairs: number;
  /** The record of each call, in order. */
  records: readonly AuditTrail[];
}

export interface ChatCalls extends ModelCalls {
  execute(request: LlmRequest, options?: CallOptions): Promise<ChatResponse>;
}

/** The workspace of a question. */
export interface ChatWorkspace {
  folders: readonly SearchedFolder[];
  /** Told how many of the files that must be read have been, before a model is called. */
  onProgress?: (read: number, all: number) => void;
  /** What the model's tools need of a person and the editor; left out where nobody can be asked. */
  tools?: Omit<ToolPort, 'folders' | 'recordUse'>;
}

/** What a mode answers with besides a model. */
export interface ChatContext extends ChatWorkspace {
  backend: Pick<BackendInfo, 'id' | 'region' | 'simulated'>;
  /** Whether policy lets tools be asked for. */
  toolsAllowed: boolean;
  /** What orders sources by meaning; null if policy has that switched off. */
  embedder: Embedder | null;
  recordToolUse: RecordToolUse;
  /** Whether policy keeps answers, so that the audit history shows them. */
  keepsAnswers: boolean;
}

/**
 * One way to answer a question: a layer over the one door to a model. It may change what is sent, ask more than once,
 * and change what comes back. It MUST make every attempt through the calls or the embedder that it is given, so that each
 * is governed and recorded, and it MUST keep the promises of `ModelCalls` itself.
 */
export interface ChatMode {
  readonly id: string;
  /** For people. */
  readonly description?: string;
  /** Of requests that don't say otherwise. */
  readonly defaults?: Pick<LlmRequest, 'modelId' | 'temperature' | 'maxTokens'>;
  over(calls: ChatCalls, context: ChatContext): ChatCalls;
}
