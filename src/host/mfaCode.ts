import * as vscode from 'vscode';
import { GatewayError } from '../errors.ts';

/** Asks for codes of an MFA device until the user declines, so that health checks don't ask repeatedly. */
export function mfaCodePrompt(): (serial: string) => Promise<string> {
  let declined = false;
  return async (serial) => {
    const code = declined ? undefined : await askCode(serial);
    if (code !== undefined) return code;
    declined = true;
    throw new GatewayError('credentials_missing', `No code was entered for the MFA device ${serial}.`, {
      hint: 'Reconnect to enter it, or log in with a tool that keeps a session.',
    });
  };
}

function askCode(serial: string): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    title: vscode.l10n.t('AWS login'),
    prompt: vscode.l10n.t('Code of the MFA device {0}', serial),
    placeHolder: '123456',
    ignoreFocusOut: true,
    validateInput: (text) => (/^\d{6}$/.test(text) ? null : vscode.l10n.t('Enter a code of six digits.')),
  });
}
