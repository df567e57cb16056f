import * as vscode from 'vscode';
import { readSettingsText } from '../settings/loadSettings.ts';
import type { HoverText, Position, Suggestion } from '../yamlContext.ts';

/** What a kind of file says of places in it. */
interface Assistance {
  hoverAt: (text: string, position: Position) => HoverText | null;
  suggestionsAt: (text: string, position: Position) => readonly Suggestion[];
}

/** Whether another extension gives meanings and completion from the schemas of YAML files. */
function hasYamlExtension(): boolean {
  return vscode.extensions.getExtension('redhat.vscode-yaml') !== undefined;
}

/** A lens that leads to the problems of a file. */
export function problemsCommand(count: number): vscode.Command {
  const title = count === 1 ? vscode.l10n.t('1 problem') : vscode.l10n.t('{0} problems', count);
  return { title: `$(error) ${title}`, command: 'workbench.actions.view.problems' };
}

/** A lens that saves the file, because only what is saved can run. */
export function saveCommand(title: string): vscode.Command {
  return { title: `$(save) ${title}`, command: 'workbench.action.files.save' };
}

const yaml: vscode.DocumentFilter = { scheme: 'file', pattern: '**/*.{yaml,yml}' };

/** Meanings and completion in the YAML files that are ours, unless the YAML extension gives them from the schema. */
export function yamlAssistance(
  isOurs: (uri: vscode.Uri) => boolean,
  { hoverAt, suggestionsAt }: Assistance,
  triggers: readonly string[],
): vscode.Disposable {
  const helps = ({ uri }: vscode.TextDocument): boolean => !hasYamlExtension() && isOurs(uri);
  return vscode.Disposable.from(
    vscode.languages.registerHoverProvider(yaml, {
      provideHover: (document, position) => (helps(document) ? hover(document, position, hoverAt) : null),
    }),
    vscode.languages.registerCompletionItemProvider(
      yaml,
      {
        provideCompletionItems: (document, position) =>
          helps(document) ? completions(document, position, suggestionsAt) : [],
      },
      ...triggers,
    ),
  );
}

/** Calls back when the text of a document, open or on the disk, may have become another one. */
export function onDocumentChange(changed: (document: vscode.TextDocument) => void): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.workspace.onDidOpenTextDocument(changed),
    vscode.workspace.onDidChangeTextDocument(({ document }) => changed(document)),
    vscode.workspace.onDidSaveTextDocument(changed),
    vscode.workspace.onDidCloseTextDocument(changed),
  );
}

/** What `hoverAt` says of a place in a document. */
function hover(
  document: vscode.TextDocument,
  position: vscode.Position,
  hoverAt: Assistance['hoverAt'],
): vscode.Hover | null {
  const found = hoverAt(document.getText(), position);
  if (!found) return null;
  const range = new vscode.Range(found.line, found.start, found.line, found.end);
  return new vscode.Hover(new vscode.MarkdownString(found.markdown), range);
}

/** What `suggestionsAt` offers at a place in a document. */
function completions(
  document: vscode.TextDocument,
  position: vscode.Position,
  suggestionsAt: Assistance['suggestionsAt'],
): vscode.CompletionItem[] {
  const range = document.getWordRangeAtPosition(position, /\w+/) ?? new vscode.Range(position, position);
  const hasColon = document.lineAt(position).text[range.end.character] === ':';
  return suggestionsAt(document.getText(), position).map((one) => completion(one, range, hasColon));
}

function completion(
  { label, kind, insert, documentation }: Suggestion,
  range: vscode.Range,
  hasColon: boolean,
): vscode.CompletionItem {
  const { Property, EnumMember, Snippet } = vscode.CompletionItemKind;
  const item = new vscode.CompletionItem(label, { key: Property, value: EnumMember, snippet: Snippet }[kind]);
  item.range = range;
  item.insertText = kind === 'snippet' ? new vscode.SnippetString(insert) : hasColon ? label : insert;
  item.documentation = new vscode.MarkdownString(documentation);
  return item;
}

/** The text in an open editor, otherwise on disk. */
export async function currentText(path: string): Promise<string> {
  const document = vscode.workspace.textDocuments.find(({ uri }) => isAt(uri, path));
  return document?.getText() ?? readSettingsText(path);
}

/** Whether a document is the file at a path. */
export function isAt(uri: vscode.Uri, path: string): boolean {
  return uri.toString() === vscode.Uri.file(path).toString();
}
