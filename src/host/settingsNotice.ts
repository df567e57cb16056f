import * as vscode from 'vscode';
import type { GatewayError } from '../errors.ts';
import type { CoreHolder } from './coreHolder.ts';
import { briefMessage } from './errorText.ts';
import { applyFix, fixLabel, inBackground } from './failures.ts';
import { fixesFor } from './fixes.ts';

/** Tells once when settings are not applied because they have a fault, and again only after they were mended. */
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
  const buttons = fixesFor(error).flatMap((fix) =>
    fix.kind === 'command' && fix.command === 'tidyllm.openSettingsFile'
      ? [{ title: fixLabel(fix), fix }]
      : [],
  );
  const message = vscode.l10n.t(
    'The settings have a fault and were not applied; those from before stay in effect. {0}',
    fault,
  );
  const chosen = await vscode.window.showErrorMessage(message, ...buttons);
  if (chosen) await applyFix(chosen.fix);
}
