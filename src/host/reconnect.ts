import * as vscode from 'vscode';
import type { CoreHolder } from './coreHolder.ts';

/** Composes a new core and shows the result. Throws `gateway_unavailable`, or the fault in the settings. */
export async function reconnect(holder: CoreHolder): Promise<void> {
  const options = {
    location: vscode.ProgressLocation.Window,
    title: vscode.l10n.t('TidyLLM is reconnecting'),
  };
  const { backend } = await vscode.window.withProgress(options, async () => {
    await holder.reconnect();
    return holder.whenReady();
  });
  const { state } = holder;
  if (state.kind === 'ready' && state.settingsError) throw state.settingsError;
  void vscode.window.showInformationMessage(
    backend.simulated
      ? vscode.l10n.t('The gateway is running; answers are simulated.')
      : vscode.l10n.t('The gateway is running: {0}.', backend.location),
  );
}
