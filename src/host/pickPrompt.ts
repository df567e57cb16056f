import { basename } from 'node:path';
import * as vscode from 'vscode';
import { readPrompts, reservedPrompts, type PromptCommand } from '../chat/context/promptFiles.ts';
import { filledPrompt, inputsOf, variablesOf, type EditorVariable } from '../chat/context/promptText.ts';
import { GatewayError } from '../errors.ts';
import { requireAllowedPath, type DeniedPath } from '../retrieval/deniedPaths.ts';

/** What was typed behind `/`, and the prompt of that name. */
export interface PickedPrompt {
  /** Null for a command of the chat, or where nothing was chosen. */
  prompt: PromptCommand | null;
  /** Without the slash: `compare`, or what was typed before the list was closed. */
  name: string;
  argument: string;
}

/** Asks for a prompt or a command of the chat, with what is typed behind its name. */
export async function pickPrompt(
  folders: readonly string[],
  denied: readonly DeniedPath[],
): Promise<PickedPrompt> {
  const { t } = vscode.l10n;
  const prompts = await readPrompts(folders, denied);
  const says: Readonly<Record<string, string>> = {
    compare: t('Asks several models the same question'),
    flow: t('Runs a FLOW agreement'),
  };
  const items = [
    ...prompts.map((prompt) => ({
      label: `/${prompt.name}`,
      description: prompt.description,
      ...(prompt.fault !== null && { detail: `$(warning) ${t('Can’t be used: {0}', prompt.fault)}` }),
      prompt,
    })),
    ...reservedPrompts.map((name) => ({
      label: `/${name}`,
      description: says[name] ?? '',
      prompt: null,
    })),
  ];
  const pick = vscode.window.createQuickPick<(typeof items)[number]>();
  Object.assign(pick, { title: t('Prompts'), matchOnDescription: true, items });
  const { promise, resolve } = Promise.withResolvers<PickedPrompt>();
  pick.onDidChangeValue((value) => {
    const [name, argument] = split(value);
    // What follows a name is its argument, not what is searched for.
    pick.items =
      argument === null
        ? items
        : items
            .filter(({ label }) => label.startsWith(`/${name}`))
            .map((item) => ({ ...item, alwaysShow: true }));
  });
  pick.onDidAccept(() => {
    const [item] = pick.selectedItems;
    const [typed, argument] = split(pick.value);
    resolve({ prompt: item?.prompt ?? null, name: item?.label.slice(1) ?? typed, argument: argument ?? '' });
    pick.hide();
  });
  pick.onDidHide(() => {
    const [name, argument] = split(pick.value);
    resolve({ prompt: null, name: '', argument: [name, argument].filter(Boolean).join(' ') });
    pick.dispose();
  });
  pick.show();
  return promise;
}

/** A name, and what is behind it; null without a space. */
function split(value: string): [name: string, argument: string | null] {
  const [, name = '', argument] = /^\/?(\S*)(?:\s+([\s\S]*))?$/.exec(value.trimStart()) ?? [];
  return [name, argument ?? (/\s$/.test(value) ? '' : null)];
}

/**
 * The text of a prompt with its inputs, the first of which is the argument; undefined if a person cancels. Throws
 * `compliance_blocked` if it is about a file that policy keeps back.
 */
export async function askInputs(
  { name, text }: PromptCommand,
  argument: string,
  denied: readonly DeniedPath[],
): Promise<string | undefined> {
  const inputs = inputsOf(text);
  const file = vscode.window.activeTextEditor?.document.uri.fsPath;
  if (file !== undefined && variablesOf(text).length > 0) await requireAllowedPath(file, denied);
  const values = new Map<string, string>(variablesOf(text).map((known) => [known, valueOf(known, name)]));
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
    values.set(`input:${one.name}`, value);
  }
  return filledPrompt(text, values, inputs.length === 0 ? argument : '');
}

/** Throws `invalid_request` where the editor has none. */
function valueOf(variable: EditorVariable, name: string): string {
  const editor = vscode.window.activeTextEditor;
  const path = editor && vscode.workspace.asRelativePath(editor.document.uri);
  const value =
    variable === 'file'
      ? path
      : variable === 'fileBasename'
        ? path && basename(path)
        : editor?.document.getText(editor.selection);
  if (value) return value;
  const message = vscode.l10n.t('The prompt /{0} needs ${{1}}.', name, variable);
  throw new GatewayError('invalid_request', message, {
    hint: vscode.l10n.t('Nothing was sent. Open a file, and select text in it.'),
  });
}
