import * as vscode from 'vscode';
import { apiKeyVariables, keyedServices, type KeyedService } from '../apiKeys.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { strayIn, withoutStray } from '../strayCharacters.ts';

const prefix = 'tidyllm.apiKey.';
/** The key that VS Code keeps for a service. Throws `credentials_missing` if its storage can't be read. */
export async function storedApiKey(
  secrets: vscode.SecretStorage,
  service: KeyedService,
): Promise<string | undefined> {
  try {
    return await secrets.get(prefix + service);
  } catch (error) {
    const message = `The API key in VS Code's secret storage can't be read: ${messageOf(error)}.`;
    const hint = `Check that the system’s keyring works, or set ${apiKeyVariables[service]}.`;
    throw new GatewayError('credentials_missing', message, { hint, remedy: [], cause: error });
  }
}

/** Calls back when a key was set or removed, in any window. */
export function onApiKeyChange(secrets: vscode.SecretStorage, changed: () => void): vscode.Disposable {
  return secrets.onDidChange(({ key }) => {
    if (key.startsWith(prefix)) changed();
  });
}

/** Asks for the key of a service and keeps it in VS Code's secret storage; an empty one removes it. */
export async function setApiKey(secrets: vscode.SecretStorage): Promise<void> {
  const names: Readonly<Record<KeyedService, string>> = {
    anthropic: 'Anthropic',
    openai: 'OpenAI',
    compatible: vscode.l10n.t('Compatible server'),
  };
  const items = keyedServices.map((service) => ({
    label: names[service],
    description: process.env[apiKeyVariables[service]]
      ? vscode.l10n.t('{0} is set and comes first', apiKeyVariables[service])
      : '',
    service,
  }));
  const title = vscode.l10n.t('Set API Key');
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: vscode.l10n.t('Select the service. Which may be used is decided by ai.backends'),
  });
  if (!chosen) return;
  const key = await vscode.window.showInputBox({
    title: `${title}: ${chosen.label}`,
    prompt: vscode.l10n.t('Kept in VS Code’s secret storage. Leave it empty to remove the key.'),
    password: true,
    ignoreFocusOut: true,
    validateInput: (text) => {
      const stray = strayIn(withoutStray(text));
      return stray === null ? null : vscode.l10n.t('A key can’t contain {0}.', stray);
    },
  });
  if (key === undefined) return;
  const whole = withoutStray(key);
  if (whole === '') await secrets.delete(prefix + chosen.service);
  else await secrets.store(prefix + chosen.service, whole);
}
