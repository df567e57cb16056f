import * as vscode from 'vscode';
import { GatewayError, messageOf } from '../../errors.ts';
import type { Core } from '../../core/core.ts';
import { acknowledgeOverruns, raiseCap } from '../../host/budgetActions.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { briefMessage, errorText } from '../../host/errorText.ts';
import { inBackground } from '../../host/failures.ts';
import type { Histories } from '../../host/histories.ts';
import { nextDayStart } from '../../ledger/day.ts';
import { Repeated } from '../../repeated.ts';
import { saveFile } from '../saveFile.ts';
import { SinglePanel } from '../singlePanel.ts';
import { budgetCsv } from './budgetCsv.ts';
import { BudgetFiguresReader, type BudgetFigures } from './budgetFigures.ts';
import { presentBudget } from './presentation.ts';
import { viewMessageSchema, type HostMessage, type ViewMessage } from './protocol.ts';

const viewType = 'tidyllm.budget';
/** Changes closer together than this are shown at once. */
const refreshEveryMs = 250;

export interface BudgetPanelDependencies {
  extensionUri: vscode.Uri;
  holder: CoreHolder;
  histories: Histories;
  log: vscode.LogOutputChannel;
}

/** Everything read from one core's ledger. */
interface Source {
  core: Core;
  reader: BudgetFiguresReader;
}

/** The budget meter: one editor per window, live from the ledger that all processes share. */
export class BudgetPanel implements vscode.Disposable {
  readonly #dependencies: BudgetPanelDependencies;
  readonly #following: vscode.Disposable;
  readonly #panel: SinglePanel<typeof viewMessageSchema, HostMessage>;
  #source: Source | null = null;
  #figures: BudgetFigures | null = null;
  #midnight: NodeJS.Timeout | undefined;
  readonly #refreshes = new Repeated(() => this.#refreshOnce(), refreshEveryMs);

  constructor(dependencies: BudgetPanelDependencies) {
    this.#dependencies = dependencies;
    this.#panel = new SinglePanel(dependencies, {
      viewType,
      title: () => vscode.l10n.t('Budget'),
      page: 'budget',
      schema: viewMessageSchema,
      handle: (message) => this.#handle(message),
      onDidChange: () => (this.#panel.exists ? this.#follow() : this.#forget()),
    });
    const { holder } = dependencies;
    this.#following = vscode.Disposable.from(
      holder.onDidChange(() => this.#follow()),
      holder.onDidChangeLedger(() => {
        if (this.#panel.exists) this.#refresh();
      }),
    );
  }

  open(): void {
    this.#panel.open();
  }

  /** Fills a panel that the editor restored. */
  restore(panel: vscode.WebviewPanel): void {
    this.#panel.show(panel);
  }

  dispose(): void {
    this.#following.dispose();
    this.#panel.dispose();
    this.#forget();
  }

  /** Reads from the current core; does nothing without a core or while the panel is hidden. */
  #follow(): void {
    const { state } = this.#dependencies.holder;
    if (!this.#panel.exists) return;
    const core = state.kind === 'ready' ? state.core : null;
    if (core !== null && core === this.#source?.core) return;
    this.#forget();
    if (core) {
      const history = this.#dependencies.histories.of(core.journal.directory);
      this.#source = { core, reader: new BudgetFiguresReader(core, history) };
    }
    this.#refresh();
  }

  #forget(): void {
    clearTimeout(this.#midnight);
    this.#source = null;
    this.#figures = null;
  }

  #refresh(): void {
    inBackground(this.#dependencies.log, this.#refreshes.request());
  }

  async #refreshOnce(): Promise<void> {
    const source = this.#source;
    if (!source) {
      const { state } = this.#dependencies.holder;
      if (state.kind === 'failed') this.#showFailure(state.error);
      return;
    }
    try {
      const figures = await source.reader.read({ onProgress: (share) => this.#showReading(share) });
      if (source !== this.#source) return;
      this.#figures = figures;
      this.#showFigures();
      this.#refreshAtMidnight(source.core.ledger.timeZone);
    } catch (error) {
      if (source !== this.#source) return;
      if (!GatewayError.is(error)) this.#dependencies.log.error(errorText(error));
      this.#showFailure(error);
    }
  }

  /** Shows the new day's budget even if nobody makes a call. */
  #refreshAtMidnight(timeZone: string): void {
    clearTimeout(this.#midnight);
    const now = new Date();
    const untilMidnight = nextDayStart(now, timeZone).getTime() - now.getTime();
    this.#midnight = setTimeout(() => this.#refresh(), untilMidnight);
  }

  async #handle(message: ViewMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        if (this.#figures) this.#showFigures();
        else this.#refresh();
        return;
      case 'raiseCap':
        await raiseCap(this.#dependencies.holder, this.#figures?.status.caps[message.index]);
        return;
      case 'acknowledge':
        await acknowledgeOverruns(this.#dependencies.holder);
        return;
      case 'exportCsv':
        if (this.#figures) await this.#save('csv', Buffer.from(budgetCsv(this.#figures)));
        return;
      case 'exportPng':
        await this.#save('png', Buffer.from(message.data, 'base64'));
        return;
      case 'run':
        await vscode.commands.executeCommand(message.command);
        return;
    }
  }

  async #save(kind: 'csv' | 'png', content: Uint8Array): Promise<void> {
    await saveFile({
      title: vscode.l10n.t('Export Budget'),
      name: `budget-${this.#figures?.status.day ?? ''}.${kind}`,
      filters: kind === 'csv' ? { CSV: ['csv'] } : { PNG: ['png'] },
      content: () => content,
      told: (path) => vscode.l10n.t('The budget was exported to {0}.', path),
    });
  }

  #showFigures(): void {
    if (this.#figures && this.#source)
      this.#post({ type: 'budget', budget: presentBudget(this.#figures, this.#source.core) });
  }

  #showReading(share: number): void {
    if (!this.#figures) this.#post({ type: 'reading', share });
  }

  #showFailure(error: unknown): void {
    this.#figures = null;
    const failure = GatewayError.is(error)
      ? { message: briefMessage(error), hint: error.hint }
      : { message: messageOf(error), hint: vscode.l10n.t('See the output for details.') };
    this.#post({ type: 'failed', failure });
  }

  #post(message: HostMessage): void {
    this.#panel.post(message);
  }
}
