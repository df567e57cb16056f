import * as vscode from 'vscode';
import { filledPrompt, inputsOf, readPrompts, type PromptCommand } from '../chat/context/promptFiles.ts';

/** Asks for one of the prompts; undefined if none is chosen. A faulty file is opened instead. */
export async function pickPrompt(folders: readonly string[]): Promise<PromptCommand | undefined> {
  const { t } = vscode.l10n;
  const items = (await readPrompts(folders)).map((prompt) => ({
    label: `/${prompt.name}`,
    description: prompt.description,
    ...(prompt.fault !== null && { detail: `$(warning) ${t('Can’t be used: {0}', prompt.fault)}` }),
    prompt,
  }));
  const title = t('Prompts');
  const chosen = await vscode.window.showQuickPick(items, { title, matchOnDescription: true });
  if (!chosen || chosen.prompt.fault === null) return chosen?.prompt;
  if (chosen.prompt.file !== null) await vscode.window.showTextDocument(vscode.Uri.file(chosen.prompt.file));
  return undefined;
}

/** The text of a prompt with its inputs, the first of which is the argument; undefined if a person cancels. */
export async function askInputs(
  { name, text }: PromptCommand,
  argument: string,
): Promise<string | undefined> {
  const inputs = inputsOf(text);
  const values = new Map<string, string>();
  for (const [index, one] of inputs.entries()) {
    const given = index === 0 && argument !== '' ? argument : undefined;
    const value =
      given ??
      (await vscode.window.showInputBox({
        title: `/${name}: ${one.name}`,
        ...(one.hint !== '' && { placeHolder: one.hint }),
        ignoreFocusOut: true,
      }));
    if (value === undefined) return undefined;
    values.set(one.name, value);
  }
  return filledPrompt(text, values, inputs.length === 0 ? argument : '');
}
