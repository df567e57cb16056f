import { isBlank } from '../content/messages.ts';
import { GatewayError } from '../errors.ts';
import { embed, embeddingWorstCase, type EmbeddingRequest } from '../gateways/embeddings.ts';
import type { LlmRequest, ModelCalls } from '../gateways/modelCalls.ts';
import type { GatewayRegistry } from '../gateways/registry.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import { requireAllowedPath, type DeniedPath } from '../retrieval/deniedPaths.ts';
import type { ChatCalls, ChatContext, ChatMode, ChatWorkspace } from './chatMode.ts';
import { chatModeIds } from './chatModeIds.ts';
import { firstSent, withoutVectors, type Sent } from './context/preview.ts';
import type { Embedder } from './embedder.ts';
import { readModeFiles, type ModeFiles } from './modeFiles.ts';
import { agent } from './modes/agent.ts';
import { modeError } from './modes/custom.ts';
import { direct } from './modes/direct.ts';
import { hybrid, rag } from './modes/rag.ts';
import { structured } from './modes/structured.ts';
import type { RecordToolUse } from './tools/chatTool.ts';
import { similarName } from '../similarName.ts';
import { faultText, type Fault } from '../yamlDocument.ts';
import { parseSignature, type Signature } from './structured/signature.ts';

export interface ChatManagerDependencies {
  /** A request as it would leave, with what compliance policy does to it in a sentence. */
  screen: (request: LlmRequest) => Promise<{ sent: LlmRequest; policy: string }>;
  registry: Pick<GatewayRegistry, 'calls'>;
  backend: ChatContext['backend'];
  /** Whether policy lets tools be asked for. */
  toolsAllowed: boolean;
  /** The model that orders what is found in the workspace by its meaning; null if that is off. */
  embeddingModel: string | null;
  catalogue: ModelCatalogue;
  /** What is left of today's limit, micro-USD. Throws `GatewayError`. */
  remaining: () => Promise<bigint>;
  recordToolUse: RecordToolUse;
  /** Whether policy keeps answers. */
  keepsAnswers: boolean;
  /** The folder of the user's settings.yaml. */
  configuration: string;
  /** Workspace folders whose files apply. */
  folders: readonly string[];
  /** Files that policy keeps out of requests. */
  deniedPaths: readonly DeniedPath[];
}

/** Answers questions in one of the chat's modes, for every front door. */
export class UnifiedChatManager {
  readonly #dependencies: ChatManagerDependencies;

  constructor(dependencies: ChatManagerDependencies) {
    this.#dependencies = dependencies;
  }

  /** What policy keeps out of requests. */
  get deniedPaths(): readonly DeniedPath[] {
    return this.#dependencies.deniedPaths;
  }

  /** Throws `compliance_blocked` for a file that policy keeps out of requests. */
  requireAllowedPath(path: string): Promise<void> {
    return requireAllowedPath(path, this.#dependencies.deniedPaths);
  }

  /** The modes of the user's and the workspace's files, as they are now. */
  modeFiles(): Promise<ModeFiles> {
    const { configuration, folders, deniedPaths } = this.#dependencies;
    return readModeFiles(configuration, folders, deniedPaths);
  }

  /**
   * A mode by its name. `signature`, in one line or read from a file, is for the mode `structured`. Throws
   * `invalid_request` if there is no such mode, its file has a fault, or the signature is missing or wrong.
   */
  async mode(name: string, signature?: string | Signature): Promise<ChatMode> {
    const { embeddingModel, catalogue } = this.#dependencies;
    // Its worst case is computed later, without waiting.
    if (embeddingModel !== null) await catalogue.learn(embeddingModel);
    if (name === 'structured') return structured(signatureFrom(signature));
    if (signature !== undefined)
      throw new GatewayError('invalid_request', `The mode ${name} takes no signature.`, {
        hint: 'Nothing was sent. A signature goes with the mode structured.',
      });
    const builtIn = [direct, rag, hybrid, agent].find(({ id }) => id === name);
    if (builtIn) return builtIn;
    const { modes, faults, folderFaults } = await this.modeFiles();
    const found = modes.find(({ id }) => id === name);
    if (found) return found;
    const fault = faults.get(name);
    throw fault
      ? modeError(fault)
      : unknownMode(name, [...chatModeIds, ...modes.map(({ id }) => id)], folderFaults);
  }

  /**
   * The calls of a mode for a workspace, through the highest gateway that is up. Throws `gateway_unavailable` if none
   * is.
   */
  calls(mode: ChatMode, workspace: ChatWorkspace): ChatCalls {
    const direct = this.#dependencies.registry.calls();
    const inMode = mode.over(direct, this.#context(workspace, this.#embedder(direct)));
    // The gateway refuses an empty question, and records that; a mode would make something else of it.
    const callsFor = (request: LlmRequest): ChatCalls => (isEmpty(request) ? direct : inMode);
    return {
      worstCase: (request) => callsFor(request).worstCase(request),
      execute: (request, options) => callsFor(request).execute(request, options),
    };
  }

  /** What a request would send, as far as that is known before it is. Throws `gateway_unavailable`. */
  async preview(mode: ChatMode, workspace: ChatWorkspace, request: LlmRequest): Promise<Sent> {
    const { registry, backend, screen } = this.#dependencies;
    const real = this.#embedder(registry.calls());
    const texts: string[] = [];
    const embedder = real && {
      ...real,
      embed: (one: EmbeddingRequest) => {
        texts.push(...one.texts);
        return Promise.resolve(withoutVectors(one));
      },
    };
    const over = (calls: ChatCalls): ChatCalls => mode.over(calls, this.#context(workspace, embedder));
    const first = await firstSent(over, registry.calls(), request, backend);
    const { sent, policy } = first ? await screen(first) : { sent: null, policy: null };
    return { sent, policy, embedded: real && texts.length > 0 ? { model: real.model, texts } : null };
  }

  #context(workspace: ChatWorkspace, embedder: Embedder | null): ChatContext {
    const { backend, toolsAllowed, recordToolUse, keepsAnswers, deniedPaths: denied } = this.#dependencies;
    const folders = workspace.folders.map((folder) => ({ ...folder, denied }));
    return { ...workspace, folders, backend, toolsAllowed, recordToolUse, keepsAnswers, embedder };
  }

  #embedder(calls: ModelCalls): Embedder | null {
    const { embeddingModel: model, catalogue, remaining, backend } = this.#dependencies;
    if (model === null) return null;
    return {
      model,
      service: `${backend.id} ${backend.region}`,
      embed: (request, options) => embed({ calls, catalogue }, request, options),
      worstCase: (request) => embeddingWorstCase({ calls, catalogue }, request),
      remaining,
    };
  }
}

function isEmpty({ prompt = '', messages }: LlmRequest): boolean {
  return messages ? messages.every(({ content }) => isBlank(content)) : isBlank(prompt);
}

function signatureFrom(given: string | Signature | undefined): Signature {
  if (typeof given === 'object') return given;
  if (given !== undefined && given.trim() !== '') return parseSignature(given);
  throw new GatewayError('invalid_request', 'The mode structured needs a signature.', {
    hint: 'Nothing was sent. Say what the answer has: "question -> answer: string, score: number".',
  });
}

function unknownMode(name: string, names: readonly string[], folderFaults: readonly Fault[]): GatewayError {
  const ignored = folderFaults.map((fault) => ` ${faultText(fault)}.`).join('');
  const similar = similarName(name, names);
  const meant = similar === null ? '' : ` Did you mean ${similar}?`;
  return new GatewayError('invalid_request', `There is no chat mode "${name}".`, {
    hint: `Nothing was sent.${meant} The modes are ${names.join(', ')}.${ignored}`,
  });
}
