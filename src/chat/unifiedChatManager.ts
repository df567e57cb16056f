import { closest } from 'fastest-levenshtein';
import { GatewayError } from '../errors.ts';
import type { LlmRequest } from '../gateways/modelCalls.ts';
import type { GatewayRegistry } from '../gateways/registry.ts';
import type { ChatCalls, ChatContext, ChatMode, ChatWorkspace } from './chatMode.ts';
import { chatModeIds } from './chatModeIds.ts';
import { firstSent } from './context/preview.ts';
import { readModeFiles, type ModeFiles } from './modeFiles.ts';
import { agent } from './modes/agent.ts';
import { modeError } from './modes/custom.ts';
import { direct } from './modes/direct.ts';
import { hybrid, rag } from './modes/rag.ts';
import { structured } from './modes/structured.ts';
import { parseSignature, type Signature } from './structured/signature.ts';

export interface ChatManagerDependencies {
  registry: Pick<GatewayRegistry, 'calls'>;
  backend: ChatContext['backend'];
  /** Whether policy lets tools be asked for. */
  toolsAllowed: boolean;
  /** The folder of the user's settings.yaml. */
  configuration: string;
  /** Workspace folders whose files apply. */
  folders: readonly string[];
}

/** Answers questions in one of the chat's modes, for every front door. */
export class UnifiedChatManager {
  readonly #dependencies: ChatManagerDependencies;

  constructor(dependencies: ChatManagerDependencies) {
    this.#dependencies = dependencies;
  }

  /** The modes of the user's and the workspace's files, as they are now. */
  modeFiles(): Promise<ModeFiles> {
    const { configuration, folders } = this.#dependencies;
    return readModeFiles(configuration, folders);
  }

  /**
   * A mode by its name. `signature`, in one line or read from a file, is for the mode `structured`. Throws
   * `invalid_request` if there is no such mode, its file has a fault, or the signature is missing or wrong.
   */
  async mode(name: string, signature?: string | Signature): Promise<ChatMode> {
    if (name === 'structured') return structured(signatureFrom(signature));
    if (signature !== undefined)
      throw new GatewayError('invalid_request', `The mode ${name} takes no signature.`, {
        hint: 'Nothing was sent. A signature goes with the mode structured.',
      });
    const builtIn = [direct, rag, hybrid, agent].find(({ id }) => id === name);
    if (builtIn) return builtIn;
    const { modes, faults } = await this.modeFiles();
    const found = modes.find(({ id }) => id === name);
    if (found) return found;
    throw unknownMode(name, [...chatModeIds, ...modes.map(({ id }) => id)], faults.get(name));
  }

  /**
   * The calls of a mode for a workspace, through the highest gateway that is up. Throws `gateway_unavailable` if none
   * is.
   */
  calls(mode: ChatMode, workspace: ChatWorkspace): ChatCalls {
    const { registry, backend, toolsAllowed } = this.#dependencies;
    return mode.over(registry.calls(), { ...workspace, backend, toolsAllowed });
  }

  /** What the first call of a request would send; null if no model would be called. Throws `gateway_unavailable`. */
  preview(mode: ChatMode, workspace: ChatWorkspace, request: LlmRequest): Promise<LlmRequest | null> {
    const { registry, backend, toolsAllowed } = this.#dependencies;
    const over = (calls: ChatCalls): ChatCalls => mode.over(calls, { ...workspace, backend, toolsAllowed });
    return firstSent(over, registry.calls(), request, backend);
  }
}

function signatureFrom(given: string | Signature | undefined): Signature {
  if (typeof given === 'object') return given;
  if (given !== undefined && given.trim() !== '') return parseSignature(given);
  throw new GatewayError('invalid_request', 'The mode structured needs a signature.', {
    hint: 'Nothing was sent. Say what the answer has: "question -> answer: string, score: number".',
  });
}

function unknownMode(
  name: string,
  names: readonly string[],
  faults: Parameters<typeof modeError>[0] | undefined,
): GatewayError {
  if (faults) return modeError(faults);
  const likely = closest(name, [...names]);
  return new GatewayError('invalid_request', `There is no chat mode "${name}".`, {
    hint: `Nothing was sent. Did you mean ${likely}? The modes are ${names.join(', ')}.`,
  });
}
