import * as vscode from 'vscode';
import type { CoreHolder } from './coreHolder.ts';

/** Composes the core anew and tells what came of it. Throws `gateway_unavailable`, or what keeps settings from being applied. */
export async function reconnect(holder: CoreHolder): Promise<void> {
  const options = { location: vscode.ProgressLocation.Window, title: vscode.l10n.t('TidyLLM reconnects') };
  const { backend } = await vscode.window.withProgress(options, async () => {
    await holder.reconnect();
    return holder.whenReady();
  });
  const { state } = holder;
  if (state.kind === 'ready' && state.settingsError) throw state.settingsError;
  void vscode.window.showInformationMessage(
    backend.simulated
      ? vscode.l10n.t('The gateway is up; answers are simulated.')
      : vscode.l10n.t('The gateway is up: {0}.', backend.location),
  );
}
