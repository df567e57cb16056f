import * as vscode from 'vscode';
import type { GatewayError } from '../errors.ts';
import type { CoreHolder } from './coreHolder.ts';
import { briefMessage } from './errorText.ts';
import { inBackground } from './failures.ts';
import { applyRemedy, remedyLabel } from './remedies.ts';

/** Notifies once when invalid settings are not applied, and again only after they were fixed. */
export function tellOfSettingsFaults(holder: CoreHolder, log: vscode.LogOutputChannel): vscode.Disposable {
  let told = false;
  return holder.onDidChange((state) => {
    const error = state.kind === 'ready' ? state.settingsError : null;
    if (error && !told) inBackground(log, tell(error));
    told = error !== null;
  });
}

async function tell(error: GatewayError): Promise<void> {
  const [fault = ''] = briefMessage(error).split('\n');
  const buttons = error.remedy
    .filter((remedy) => remedy.kind === 'open_settings')
    .map((remedy) => ({ title: remedyLabel(remedy), remedy }));
  const message = vscode.l10n.t(
    'The settings are invalid and were not applied; the previous settings stay in effect. {0}',
    fault,
  );
  const chosen = await vscode.window.showErrorMessage(message, ...buttons);
  if (chosen) await applyRemedy(chosen.remedy);
}
