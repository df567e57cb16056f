import * as vscode from 'vscode';
import { TextBuffer } from '../../chat/textBuffer.ts';
import type { Failure } from '../../chat/turn.ts';
import { turnResultOf } from '../../chat/turnResult.ts';
import type { LlmResponse } from '../../gateways/modelCalls.ts';
import type { ConfirmedComparison } from '../../host/askComparison.ts';
import { errorText } from '../../host/errorText.ts';
import type { AnswerCodeActions } from '../../host/answerCode/contribution.ts';
import { applyRemedy } from '../../host/remedies.ts';
import { shownFailure } from '../../host/shownFailure.ts';
import { formatUsd } from '../../pricing/cost.ts';
import { saveFile } from '../saveFile.ts';
import { fillPanel } from '../webviewPanel.ts';
import { comparisonCsv, comparisonMarkdown } from './exported.ts';
import { viewMessageSchema, type ColumnResult, type HostMessage, type ViewMessage } from './protocol.ts';

const viewType = 'tidyllm.comparison';
/** The scheme of the answers as documents, for the diff editor. */
const scheme = 'tidyllm-answer';

export interface ComparisonPanelsDependencies {
  extensionUri: vscode.Uri;
  /** Shows a call's audit record. */
  showCall: (ledgerId: string, call: { sequence: number }) => Promise<void>;
  answerCode: AnswerCodeActions;
  log: vscode.LogOutputChannel;
}

/** The comparisons of a window, an editor for each. Nothing of them is kept once their editor is closed. */
export class ComparisonPanels implements vscode.Disposable, vscode.TextDocumentContentProvider {
  readonly #dependencies: ComparisonPanelsDependencies;
  readonly #panels = new Map<string, ComparisonPanel>();
  readonly #documents = vscode.workspace.registerTextDocumentContentProvider(scheme, this);

  constructor(dependencies: ComparisonPanelsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Shows a comparison and asks the models once it is visible. Resolves when every call has ended. */
  async run(confirmed: ConfirmedComparison): Promise<void> {
    const { id } = confirmed.comparison;
    const panel = new ComparisonPanel(confirmed, this.#dependencies, () => this.#panels.delete(id));
    this.#panels.set(id, panel);
    await panel.run();
  }

  provideTextDocumentContent({ query }: vscode.Uri): string {
    const [id = '', column] = query.split('/');
    return this.#panels.get(id)?.answer(Number(column)) ?? '';
  }

  /** Closes every comparison, which stops its calls. */
  close(): void {
    for (const panel of this.#panels.values()) panel.dispose();
  }

  dispose(): void {
    this.close();
    this.#documents.dispose();
  }
}

/** One model's answer so far, and its response once the call has ended. */
interface Column {
  model: string;
  answer: string;
  text: TextBuffer;
  response: LlmResponse | null;
  failure: Failure | null;
}

class ComparisonPanel {
  readonly #confirmed: ConfirmedComparison;
  readonly #dependencies: ComparisonPanelsDependencies;
  readonly #panel: vscode.WebviewPanel;
  /** Once the editor is closed it drops messages; the panel would throw, and end the run before its calls. */
  readonly #webview: vscode.Webview;
  readonly #columns: readonly Column[];
  /** Whether the view was shown, or closed before. */
  readonly #shown = Promise.withResolvers<boolean>();
  #failure: Failure | null = null;

  constructor(
    confirmed: ConfirmedComparison,
    dependencies: ComparisonPanelsDependencies,
    onDispose: () => void,
  ) {
    this.#confirmed = confirmed;
    this.#dependencies = dependencies;
    this.#columns = confirmed.comparison.models.map(({ name }, column) => ({
      model: name,
      answer: '',
      text: new TextBuffer((text) => this.#post({ type: 'text', column, text })),
      response: null,
      failure: null,
    }));
    const title = vscode.l10n.t('Comparison');
    this.#panel = vscode.window.createWebviewPanel(viewType, title, vscode.ViewColumn.Active);
    this.#webview = this.#panel.webview;
    this.#panel.onDidDispose(() => {
      this.#shown.resolve(false);
      confirmed.comparison.cancel();
      onDispose();
    });
    fillPanel(this.#panel, dependencies, 'comparison', viewMessageSchema, (message) => this.#handle(message));
  }

  /** Nobody would see the cost of calls that are made before the view is there. */
  async run(): Promise<void> {
    if (!(await this.#shown.promise)) return;
    try {
      await this.#confirmed.comparison.run({
        onEvent: (model, event) => {
          if (event.type === 'text') this.#add(this.#columnOf(model), event.text);
        },
        onEnd: (model, response) => this.#ended(this.#columnOf(model), response),
      });
    } catch (error) {
      this.#failure = this.#failureOf(error);
      this.#show();
    }
  }

  answer(column: number): string {
    return this.#columns[column]?.answer ?? '';
  }

  dispose(): void {
    this.#panel.dispose();
  }

  async #handle(message: ViewMessage): Promise<void> {
    const { comparison } = this.#confirmed;
    switch (message.type) {
      case 'ready':
        this.#show();
        this.#shown.resolve(true);
        return;
      case 'cancel':
        comparison.cancel(message.column === null ? undefined : this.#columns[message.column]?.model);
        return;
      case 'diff':
        return this.#showDifference(message.left, message.right);
      case 'export':
        return this.#export();
      case 'showRecord': {
        const trail = this.#columns[message.column]?.response?.auditTrail;
        if (trail) await this.#dependencies.showCall(trail.ledger, trail);
        return;
      }
      case 'fix': {
        const failure = message.column === null ? this.#failure : this.#columns[message.column]?.failure;
        const remedy = failure?.fixes[message.index]?.remedy;
        if (remedy && remedy.kind !== 'retry') await applyRemedy(remedy);
        return;
      }
      case 'copy':
        return vscode.env.clipboard.writeText(message.text);
      case 'insert':
        return this.#dependencies.answerCode.insert(this.#codeOf(message));
      case 'apply':
        await this.#dependencies.answerCode.apply(this.#codeOf(message));
        return;
    }
  }

  #codeOf({ column, text }: { column: number; text: string }) {
    return {
      code: text,
      answer: this.answer(column),
      record: this.#columns[column]?.response?.auditTrail ?? null,
    };
  }

  #columnOf(model: string): number {
    return this.#columns.findIndex((column) => column.model === model);
  }

  #add(index: number, text: string): void {
    const column = this.#columns[index];
    if (!column) return;
    column.answer += text;
    column.text.add(text);
  }

  #ended(index: number, response: LlmResponse): void {
    const column = this.#columns[index];
    if (!column) return;
    column.text.flush();
    column.response = response;
    const { error } = response;
    if (error && error.code !== 'cancelled') column.failure = this.#failureOf(error);
    this.#post({
      type: 'ended',
      column: index,
      result: resultOf(response, column.failure),
      cost: this.#cost(),
    });
  }

  /** Logs an error, and words it with the remedies that make sense here. */
  #failureOf(error: unknown): Failure {
    this.#dependencies.log.error(errorText(error));
    const failure = shownFailure(error);
    const elsewhere = new Set(['retry', 'choose_model']);
    return { ...failure, fixes: failure.fixes.filter(({ remedy }) => !elsewhere.has(remedy.kind)) };
  }

  #show(): void {
    const { comparison, question, reason, simulated } = this.#confirmed;
    for (const { text } of this.#columns) text.flush();
    this.#post({
      type: 'comparison',
      comparison: {
        question,
        reason,
        simulated,
        worstCase: formatUsd(comparison.worstCase),
        cost: this.#cost(),
        columns: this.#columns.map(({ model, answer, response, failure }) => ({
          model,
          answer,
          result: response && resultOf(response, failure),
        })),
        failure: this.#failure,
      },
    });
  }

  #cost(): string {
    return formatUsd(this.#columns.reduce((sum, { response }) => sum + (response?.cost ?? 0n), 0n));
  }

  /** In VS Code's own diff editor. */
  async #showDifference(left: number, right: number): Promise<void> {
    const documents = [left, right].map((column) => this.#documentOf(column));
    const names = [left, right].map((column) => this.#columns[column]?.model ?? '');
    await vscode.commands.executeCommand('vscode.diff', ...documents, names.join(' ↔ '));
  }

  #documentOf(column: number): vscode.Uri {
    const name = (this.#columns[column]?.model ?? '').replaceAll(/[^\w.-]/g, '-');
    return vscode.Uri.from({
      scheme,
      path: `/${name}.md`,
      query: `${this.#confirmed.comparison.id}/${column}`,
    });
  }

  async #export(): Promise<void> {
    const { comparison, ...asked } = this.#confirmed;
    const results = this.#columns.flatMap(({ model, response }) => (response ? { model, response } : []));
    const exported = { id: comparison.id, ...asked, results };
    await saveFile({
      title: vscode.l10n.t('Export Comparison'),
      name: `comparison-${comparison.id.slice(0, 8)}.md`,
      filters: { Markdown: ['md'], CSV: ['csv'] },
      content: ({ path }) => (path.endsWith('.csv') ? comparisonCsv(exported) : comparisonMarkdown(exported)),
      told: (path) => vscode.l10n.t('The comparison was saved to {0}.', path),
    });
  }

  #post(message: HostMessage): void {
    void this.#webview.postMessage(message);
  }
}

function resultOf(response: LlmResponse, failure: Failure | null): ColumnResult {
  return { ...turnResultOf(response, failure), timeToFirstTokenMs: response.timeToFirstTokenMs };
}
