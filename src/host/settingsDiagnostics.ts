import * as vscode from 'vscode';
import { Repeated } from '../repeated.ts';
import { checkSettingsFile, readSettingsText } from '../settings/loadSettings.ts';
import { SettingsInvalid } from '../settings/settingsDocument.ts';
import type { Fault } from '../yamlDocument.ts';
import { settingsFilesInUse, type SettingsFileInUse } from './configuration.ts';
import type { CoreHolder, CoreState } from './coreHolder.ts';
import { inBackground } from './failures.ts';

/** Faults of the settings files in use, on disk or in an open editor, and their quick fixes. */
export class SettingsDiagnostics implements vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #log: vscode.LogOutputChannel;
  readonly #collection = vscode.languages.createDiagnosticCollection('tidyllm');
  readonly #registrations: vscode.Disposable;
  /** The text on disk when the settings were last read: faults found then apply to that text only. */
  #read = new Map<string, string>();
  readonly #checks = new Repeated(() => this.#checkAll());

  constructor(holder: CoreHolder, log: vscode.LogOutputChannel) {
    this.#holder = holder;
    this.#log = log;
    const checkDocument = ({ uri }: vscode.TextDocument): void => {
      if (uri.scheme === 'file') this.#check();
    };
    this.#registrations = vscode.Disposable.from(
      holder.onDidChange(() => this.#settingsWereRead()),
      vscode.workspace.onDidOpenTextDocument(checkDocument),
      vscode.workspace.onDidChangeTextDocument(({ document }) => checkDocument(document)),
      vscode.workspace.onDidCloseTextDocument(checkDocument),
      vscode.languages.registerCodeActionsProvider(
        { scheme: 'file', pattern: '**/*.{yaml,yml}' },
        { provideCodeActions },
        { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
      ),
    );
    this.#settingsWereRead();
  }

  dispose(): void {
    this.#registrations.dispose();
    this.#collection.dispose();
  }

  #settingsWereRead(): void {
    this.#read.clear();
    this.#check();
  }

  #check(): void {
    inBackground(this.#log, this.#checks.request());
  }

  async #checkAll(): Promise<void> {
    const files = settingsFilesInUse();
    const uris = new Set(files.map(({ path }) => vscode.Uri.file(path).toString()));
    this.#collection.forEach((uri) => {
      if (!uris.has(uri.toString())) this.#collection.delete(uri);
    });
    for (const file of files)
      this.#collection.set(vscode.Uri.file(file.path), (await this.#faultsOf(file)).map(diagnosticOf));
  }

  async #faultsOf({ path, kind }: SettingsFileInUse): Promise<Fault[]> {
    const onDisk = await readIfThere(path);
    if (onDisk === null) return [];
    if (!this.#read.has(path)) this.#read.set(path, onDisk);
    const uri = vscode.Uri.file(path).toString();
    const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri);
    const text = document?.getText() ?? onDisk;
    const found = await checkSettingsFile(path, text, process.env, kind);
    const known = text === this.#read.get(path) ? faultsIn(this.#holder.state) : [];
    const all = [...found, ...known].filter(({ place }) => place?.file === path);
    return [...new Map(all.map((fault) => [JSON.stringify(fault), fault])).values()];
  }
}

/** Faults that show only when all files are read together, such as a workspace that loosens a setting. */
function faultsIn(state: CoreState): readonly Fault[] {
  const error = state.kind === 'failed' ? state.error : state.kind === 'ready' ? state.settingsError : null;
  if (error instanceof SettingsInvalid) return error.faults;
  return state.kind === 'ready' ? state.core.loaded.warnings : [];
}

class FaultDiagnostic extends vscode.Diagnostic {
  override readonly source = 'TidyLLM';
  readonly correction: string | undefined;

  constructor(range: vscode.Range, { message, severity, correction }: Fault) {
    const { Error, Warning } = vscode.DiagnosticSeverity;
    super(range, message, severity === 'error' ? Error : Warning);
    this.correction = correction;
  }
}

/** A fault as an editor diagnostic, with characters counted from 0. */
export function diagnosticOf(fault: Fault): vscode.Diagnostic {
  const { place } = fault;
  const { line, column, endLine, endColumn } = place ?? { line: 1, column: 1, endLine: 1, endColumn: 1 };
  const range = new vscode.Range(line - 1, column - 1, endLine - 1, endColumn - 1);
  return new FaultDiagnostic(range, fault);
}

function provideCodeActions(
  document: vscode.TextDocument,
  _range: vscode.Range,
  { diagnostics }: vscode.CodeActionContext,
): vscode.CodeAction[] {
  return diagnostics.flatMap((diagnostic) => {
    const correction = diagnostic instanceof FaultDiagnostic ? diagnostic.correction : undefined;
    if (correction === undefined) return [];
    const action = new vscode.CodeAction(
      vscode.l10n.t('Change to "{0}"', correction),
      vscode.CodeActionKind.QuickFix,
    );
    action.diagnostics = [diagnostic];
    action.isPreferred = true;
    action.edit = new vscode.WorkspaceEdit();
    action.edit.replace(document.uri, diagnostic.range, correction);
    return [action];
  });
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readSettingsText(path);
  } catch {
    // The gateway's start reports an unreadable file; its text has no fault.
    return null;
  }
}
