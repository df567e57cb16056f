import * as vscode from 'vscode';
import { GatewayError } from '../errors.ts';

/** Asks for codes of an MFA device, until the person declines: health checks must not ask again and again. */
export function mfaCodePrompt(): (serial: string) => Promise<string> {
  let declined = false;
  return async (serial) => {
    const code = declined ? undefined : await askCode(serial);
    if (code !== undefined) return code;
    declined = true;
    throw new GatewayError('credentials_missing', `The code of the MFA device ${serial} was not given.`, {
      hint: 'Reconnect to be asked for it again, or log in with a tool that keeps a session.',
    });
  };
}

function askCode(serial: string): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    title: vscode.l10n.t('AWS login'),
    prompt: vscode.l10n.t('Code of the MFA device {0}', serial),
    placeHolder: '123456',
    ignoreFocusOut: true,
    validateInput: (text) => (/^\d{6}$/.test(text) ? null : vscode.l10n.t('The code has six digits.')),
  });
}
