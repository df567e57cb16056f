import * as vscode from 'vscode';
import { readRules } from '../../chat/context/rulesFiles.ts';
import type { MakeAttachments } from '../../host/attach.ts';
import { localFolders } from '../../host/configuration.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import type { HostMessage } from './protocol.ts';

export interface ShownRulesDependencies {
  holder: CoreHolder;
  /** Whether the open conversation follows them. */
  follows: () => boolean;
  post: (message: HostMessage) => void;
}

/** The rules of the workspace that the next question would follow, and what is ignored. */
export class ShownRules {
  readonly #dependencies: ShownRulesDependencies;

  constructor(dependencies: ShownRulesDependencies) {
    this.#dependencies = dependencies;
  }

  async show(): Promise<void> {
    const { followed, ignored } = await readRules(trustedFolders(), deniedNow(this.#dependencies.holder));
    const follows = this.#dependencies.follows();
    const rules = {
      followed: followed.map(({ path }) => path),
      ignored: [...ignored, ...(await this.#ignoredModes())],
      follows,
    };
    this.#dependencies.post({ type: 'rules', rules });
  }

  /** Files and folders with modes that can't be used, with why. */
  async #ignoredModes(): Promise<{ path: string; why: string }[]> {
    const { state } = this.#dependencies.holder;
    if (state.kind !== 'ready') return [];
    const { faults, folderFaults } = await state.core.chat.modeFiles();
    return [...folderFaults, ...[...faults.values()].flat()].map(({ place, message }) => ({
      path: place ? vscode.workspace.asRelativePath(place.file) : '',
      why: message,
    }));
  }

  /** Opens a file of rules that is followed. */
  async openFile(path: string): Promise<void> {
    const { followed } = await readRules(trustedFolders(), deniedNow(this.#dependencies.holder));
    const rules = followed.find((one) => one.path === path);
    if (rules) await vscode.window.showTextDocument(vscode.Uri.file(rules.file));
  }
}

/** Files that policy keeps out of requests; none without a core: the rules are only shown. */
function deniedNow({ state }: CoreHolder): Parameters<MakeAttachments>[0] {
  return state.kind === 'ready' ? state.core.chat.deniedPaths : [];
}

/** Folders whose files may tell models what to do. */
export function trustedFolders(): string[] {
  return vscode.workspace.isTrusted ? localFolders().map(({ uri }) => uri.fsPath) : [];
}
