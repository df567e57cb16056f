import * as vscode from 'vscode';
import { GatewayError } from '../../errors.ts';
import { loadCatalogue, type Catalogue, type FlowFile } from '../../flow/catalogue.ts';
import { agreementPlaces, hoverAt, suggestionsAt } from '../../flow/flowAssistance.ts';
import type { CoreHolder } from '../coreHolder.ts';
import { Repeated } from '../../repeated.ts';
import { inBackground } from '../failures.ts';
import { diagnosticOf } from '../settingsDiagnostics.ts';
import {
  currentText,
  isAt,
  onDocumentChange,
  problemsCommand,
  saveCommand,
  yamlAssistance,
} from '../languageFeatures.ts';
import { watch } from '../settingsFile.ts';
import { flowFilesInUse } from './flowFilesInUse.ts';

const yaml: vscode.DocumentFilter = { scheme: 'file', pattern: '**/*.{yaml,yml}' };
const noFiles = vscode.Disposable.from();

/**
 * Editor support for agreement files: diagnostics, on disk or in an open editor; a lens to run each
 * agreement; hovers and completion, unless the YAML extension gives them from the schema.
 */
export class FlowLanguage implements vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #log: vscode.LogOutputChannel;
  readonly #collection = vscode.languages.createDiagnosticCollection('tidyllm-flow');
  readonly #checked = new vscode.EventEmitter<void>();
  readonly #registrations: vscode.Disposable;
  #watched: { paths: string; watchers: vscode.Disposable } = { paths: '', watchers: noFiles };
  readonly #checks = new Repeated(() => this.#checkAll());

  /** Fires after the files were read because one of them changed. */
  readonly onDidCheck = this.#checked.event;

  constructor(holder: CoreHolder, log: vscode.LogOutputChannel) {
    this.#holder = holder;
    this.#log = log;
    const check = (): void => this.#check();
    const checkDocument = ({ uri }: vscode.TextDocument): void => {
      if (this.#isInUse(uri)) check();
    };
    this.#registrations = vscode.Disposable.from(
      holder.onDidChange(check),
      onDocumentChange(checkDocument),
      vscode.languages.registerCodeLensProvider(yaml, {
        onDidChangeCodeLenses: this.#checked.event,
        provideCodeLenses: (document) => this.#lenses(document),
      }),
      yamlAssistance((uri) => this.#isInUse(uri), { hoverAt, suggestionsAt }, [' ']),
    );
    check();
  }

  dispose(): void {
    this.#registrations.dispose();
    this.#watched.watchers.dispose();
    this.#collection.dispose();
    this.#checked.dispose();
  }

  #check(): void {
    inBackground(this.#log, this.#checks.request());
  }

  async #checkAll(): Promise<void> {
    const files = this.#files();
    this.#follow(files);
    const { faults } = await loadCatalogue({ files, read: currentText });
    this.#collection.clear();
    for (const { path } of files) {
      const own = faults.filter(({ place }) => place?.file === path);
      if (own.length > 0) this.#collection.set(vscode.Uri.file(path), own.map(diagnosticOf));
    }
    this.#checked.fire();
  }

  #follow(files: readonly FlowFile[]): void {
    const paths = files.map(({ path }) => path).join('\n');
    if (this.#watched.paths === paths) return;
    this.#watched.watchers.dispose();
    const watchers = vscode.Disposable.from(...files.map((file) => watch(file, () => this.#check())));
    this.#watched = { paths, watchers };
  }

  /** None if settings are invalid, which the gateway's start has reported. */
  #files(): readonly FlowFile[] {
    try {
      return flowFilesInUse(this.#holder).files;
    } catch (error) {
      if (GatewayError.is(error, 'settings_invalid')) return [];
      throw error;
    }
  }

  #isInUse(uri: vscode.Uri): boolean {
    return this.#files().some(({ path }) => isAt(uri, path));
  }

  async #lenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    const files = this.#files();
    const file = files.find(({ path }) => isAt(document.uri, path));
    return file ? lenses(document, file.path, await loadCatalogue({ files, read: currentText })) : [];
  }
}

function lenses(
  document: vscode.TextDocument,
  path: string,
  { agreements, faults }: Catalogue,
): vscode.CodeLens[] {
  return agreementPlaces(document.getText()).map(({ line, endLine }) => {
    const agreement = agreements.find(({ source }) => source.file === path && source.line - 1 === line);
    const problems = faults.filter(
      ({ severity, place }) =>
        severity === 'error' && place?.file === path && place.line > line && place.line <= endLine,
    );
    const command = agreement ? runCommand(agreement, document.isDirty) : problemsCommand(problems.length);
    return new vscode.CodeLens(new vscode.Range(line, 0, line, 0), command);
  });
}

/** Only the saved file can run. */
function runCommand({ id, trigger }: { id: string; trigger: string }, isDirty: boolean): vscode.Command {
  if (isDirty) {
    return saveCommand(vscode.l10n.t('Save to Run {0}', trigger));
  }
  const title = vscode.l10n.t('Run {0}', trigger);
  return { title: `$(play) ${title}`, command: 'tidyllm.runFlow', arguments: [{ agreement: id }] };
}
