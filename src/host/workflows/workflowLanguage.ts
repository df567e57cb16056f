import * as vscode from 'vscode';
import { Repeated } from '../../repeated.ts';
import { hoverAt, nameLine, suggestionsAt } from '../../workflow/workflowAssistance.ts';
import { parseWorkflow, type WorkflowFault } from '../../workflow/workflowDocument.ts';
import type { CoreHolder } from '../coreHolder.ts';
import { inBackground } from '../failures.ts';
import { onDocumentChange, problemsCommand, saveCommand, yamlAssistance } from '../languageFeatures.ts';
import { diagnosticOf } from '../settingsDiagnostics.ts';
import type { WorkflowFiles } from './workflowFiles.ts';

const yamlAndJson: vscode.DocumentFilter = { scheme: 'file', pattern: '**/*.{yaml,yml,json}' };

/**
 * Editor support for workflows: diagnostics, on disk or in an open editor; lenses to run, analyze and draw them; the fix of
 * what can be mended; hovers and completion in YAML, unless the YAML extension gives them from the schema.
 */
export class WorkflowLanguage implements vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #files: WorkflowFiles;
  readonly #log: vscode.LogOutputChannel;
  readonly #collection = vscode.languages.createDiagnosticCollection('tidyllm-workflow');
  readonly #checked = new vscode.EventEmitter<void>();
  readonly #registrations: vscode.Disposable;
  readonly #checks = new Repeated(() => this.#checkAll());

  constructor(holder: CoreHolder, files: WorkflowFiles, log: vscode.LogOutputChannel) {
    this.#holder = holder;
    this.#files = files;
    this.#log = log;
    const checkDocument = ({ uri }: vscode.TextDocument): void => {
      if (files.isWorkflow(uri)) this.#check();
    };
    this.#registrations = vscode.Disposable.from(
      files.onDidChange(() => this.#check()),
      onDocumentChange(checkDocument),
      vscode.languages.registerCodeLensProvider(yamlAndJson, {
        onDidChangeCodeLenses: this.#checked.event,
        provideCodeLenses: (document) => (files.isWorkflow(document.uri) ? lenses(document) : []),
      }),
      yamlAssistance((uri) => files.isWorkflow(uri), { hoverAt, suggestionsAt }, [' ', '{', '[']),
      vscode.languages.registerCodeActionsProvider(
        yamlAndJson,
        { provideCodeActions: (document, _, { diagnostics }) => this.#mend(document, diagnostics) },
        { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
      ),
    );
    this.#check();
  }

  dispose(): void {
    this.#registrations.dispose();
    this.#collection.dispose();
    this.#checked.dispose();
  }

  #check(): void {
    inBackground(this.#log, this.#checks.request());
  }

  async #checkAll(): Promise<void> {
    const files = await this.#files.read();
    this.#collection.clear();
    for (const { path, parsed } of files)
      if (parsed.faults.length > 0)
        this.#collection.set(vscode.Uri.file(path), parsed.faults.map(diagnosticWithCode));
    this.#checked.fire();
  }

  /** One action for all that `fixErrors` mends: one mended fault can reveal or remove others. */
  async #mend(
    document: vscode.TextDocument,
    shown: readonly vscode.Diagnostic[],
  ): Promise<vscode.CodeAction[]> {
    const diagnostics = shown.filter(({ source, code }) => source === 'TidyLLM' && code !== undefined);
    const { state } = this.#holder;
    if (diagnostics.length === 0 || state.kind !== 'ready' || !this.#files.isWorkflow(document.uri))
      return [];
    const text = document.getText();
    const { improvements, rewritten } = await state.core.workflows.processWorkflow('fix', {
      file: document.uri.fsPath,
      text,
    });
    if (rewritten === null) return [];
    const [first] = improvements;
    const title =
      improvements.length === 1 && first
        ? first.detail
        : vscode.l10n.t('Mend {0} faults of this workflow', improvements.length);
    const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
    action.diagnostics = diagnostics;
    action.edit = new vscode.WorkspaceEdit();
    const whole = new vscode.Range(document.positionAt(0), document.positionAt(text.length));
    action.edit.replace(document.uri, whole, rewritten);
    return [action];
  }
}

function diagnosticWithCode(fault: WorkflowFault): vscode.Diagnostic {
  const diagnostic = diagnosticOf(fault);
  diagnostic.code = fault.code;
  return diagnostic;
}

function lenses(document: vscode.TextDocument): vscode.CodeLens[] {
  const text = document.getText();
  const errors = parseWorkflow(document.uri.fsPath, text).faults.filter(
    ({ severity }) => severity === 'error',
  );
  const file = document.uri.fsPath;
  const command = (title: string, id: string): vscode.Command => ({
    title,
    command: id,
    arguments: [{ file }],
  });
  const run = document.isDirty
    ? saveCommand(vscode.l10n.t('Save to Run'))
    : command(`$(play) ${vscode.l10n.t('Run')}`, 'tidyllm.runWorkflow');
  const all =
    errors.length > 0
      ? [problemsCommand(errors.length)]
      : [
          run,
          command(`$(dashboard) ${vscode.l10n.t('Analyze')}`, 'tidyllm.analyzeWorkflow'),
          command(`$(type-hierarchy) ${vscode.l10n.t('Show Graph')}`, 'tidyllm.showWorkflow'),
        ];
  const line = nameLine(text);
  return all.map((one) => new vscode.CodeLens(new vscode.Range(line, 0, line, 0), one));
}
