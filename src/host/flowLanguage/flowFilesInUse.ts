import * as vscode from 'vscode';
import { flowFiles, type FlowFile } from '../../flow/catalogue.ts';
import type { Fault } from '../../yamlDocument.ts';
import { composeOptions, localFolders } from '../configuration.ts';
import type { CoreHolder } from '../coreHolder.ts';

/**
 * Agreement files that apply in this window once they exist: a workspace's only when it is trusted.
 * Throws `settings_invalid`.
 */
export function flowFilesInUse({ state }: CoreHolder): { files: FlowFile[]; faults: Fault[] } {
  const names = state.kind === 'ready' ? state.core.loaded.settings.flow.files : ['.tidyllm/flow.yaml'];
  const folders = vscode.workspace.isTrusted ? localFolders().map(({ uri }) => uri.fsPath) : [];
  return flowFiles(composeOptions().environment, names, folders);
}
