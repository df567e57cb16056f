import { chmod, realpath, stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { amountToMicro, formatUsd } from '../pricing/cost.ts';
import { replaceFile } from '../replaceFile.ts';
import type { CoreHolder } from './coreHolder.ts';
import type { SettingsFile } from './settingsFile.ts';

/** Asks for `budget.daily_limit_usd` and writes it to the user's settings.yaml without changing other lines. */
export async function setDailyLimit(
  holder: CoreHolder,
  settingsFile: Pick<SettingsFile, 'path'>,
): Promise<void> {
  const { loaded } = await holder.whenReady();
  const { source, text } = loaded.originOf(['budget', 'daily_limit_usd']);
  if (source === 'environment') {
    const message = vscode.l10n.t('The {0} sets the daily limit and overrides settings.yaml.', text);
    await vscode.window.showWarningMessage(`${message} ${vscode.l10n.t('Change it there.')}`);
    return;
  }
  const path = await settingsFile.path();
  const amount = await vscode.window.showInputBox({
    title: vscode.l10n.t('Set Daily Limit'),
    prompt:
      source === 'workspace'
        ? vscode.l10n.t('Daily limit in USD. A workspace’s lower limit still applies: {0}.', text)
        : vscode.l10n.t('Daily limit in USD, shared by all windows and the terminal.'),
    value: loaded.settings.budget.daily_limit_usd,
    ignoreFocusOut: true,
    validateInput: problemOf,
  });
  if (amount === undefined) return;
  const limit = writtenAs(amount);
  await writeSetting(path, limit);
  // The editor reports file changes late, and some not at all.
  await holder.reconnect();
  const { ledger } = await holder.whenReady();
  const { spent } = await ledger.budget();
  const open = vscode.l10n.t('Open Settings File');
  const said = vscode.l10n.t(
    'The daily limit is {0}; {1} is spent today.',
    formatUsd(amountToMicro(limit)),
    formatUsd(spent),
  );
  const chosen = await vscode.window.showInformationMessage(said, open);
  if (chosen === open)
    await vscode.commands.executeCommand('tidyllm.openSettingsFile', { place: { key: 'daily_limit_usd' } });
}

/** Strips what people write around an amount. */
function writtenAs(text: string): string {
  return text.trim().replace(/^\$\s*/, '');
}

function problemOf(text: string): string | null {
  try {
    amountToMicro(writtenAs(text));
    return null;
  } catch {
    return vscode.l10n.t('Enter an amount such as 20 or 12.50, with at most 6 decimals.');
  }
}

/** Throws `settings_invalid` and leaves the file unchanged. */
async function writeSetting(path: string, limit: string): Promise<void> {
  const open = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'file' && uri.fsPath === path);
  if (open?.isDirty) {
    await vscode.window.showTextDocument(open);
    throw new GatewayError('settings_invalid', vscode.l10n.t('settings.yaml has unsaved changes.'), {
      hint: vscode.l10n.t('Nothing was changed. Save or revert them, then set the limit.'),
      place: { file: path, line: 1, column: 1 },
    });
  }
  const [{ readSettingsText }, { settingsTemplate }, { withSetting }] = await Promise.all([
    import('../settings/loadSettings.ts'),
    import('../settings/settingsTexts.ts'),
    import('../settings/editSettings.ts'),
  ]);
  try {
    const before = await readSettingsText(path).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw error;
    });
    const text = withSetting(before ?? settingsTemplate(), ['budget', 'daily_limit_usd'], `"${limit}"`);
    if (before === null) {
      await replaceFile(path, text);
      return;
    }
    // The link's target is replaced, not the link, and keeps its permissions.
    const target = await realpath(path);
    const { mode } = await stat(target);
    await replaceFile(target, text);
    await chmod(target, mode & 0o777);
  } catch (error) {
    if (GatewayError.is(error)) throw error;
    const message = vscode.l10n.t('settings.yaml can’t be written: {0}', messageOf(error));
    throw new GatewayError('settings_invalid', message, {
      hint: vscode.l10n.t('Check the permissions and the disk of {0}. Nothing was changed.', path),
      place: { file: path, line: 1, column: 1 },
      cause: error,
    });
  }
}
