import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { Core } from '../../core/core.ts';
import { GatewayError } from '../../errors.ts';
import type { HistoryClient } from '../../history/historyClient.ts';
import type { AuditTrail } from '../../host/auditTrail.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { briefMessage } from '../../host/errorText.ts';
import { inBackground } from '../../host/failures.ts';
import type { Histories } from '../../host/histories.ts';
import { openInMlflow } from '../../host/openInMlflow.ts';
import { journalExists } from '../../ledger/journal.ts';
import { folderOfLedger } from '../../ledger/readJournal.ts';
import { SinglePanel } from '../singlePanel.ts';
import { askToErase } from './askToErase.ts';
import { AuditCalls } from './calls.ts';
import { AuditChain } from './chain.ts';
import { AuditCompliance } from './compliance.ts';
import { viewMessageSchema, type HostMessage, type ViewMessage } from './protocol.ts';
import { AuditQueries } from './queries.ts';

const viewType = 'tidyllm.auditHistory';

export interface AuditPanelDependencies {
  extensionUri: vscode.Uri;
  holder: CoreHolder;
  histories: Histories;
  auditTrail: AuditTrail;
  /** Called after a user's kept content was erased. */
  onErased: (user: string) => Promise<void>;
  log: vscode.LogOutputChannel;
}

/** The extension side of the audit history: which ledger it shows, and what each tab does with it. */
export class AuditPanel implements vscode.Disposable {
  readonly #dependencies: AuditPanelDependencies;
  readonly #subscriptions: vscode.Disposable;
  readonly #panel: SinglePanel<typeof viewMessageSchema, HostMessage>;
  /** Watches the files of the shown ledger when it isn't the one in use. */
  #otherLedger: vscode.FileSystemWatcher | null = null;
  /** The ledger that is shown; null for the one in use. */
  #directory: string | null = null;
  readonly #chain: AuditChain;
  readonly #calls: AuditCalls;
  readonly #queries: AuditQueries;
  readonly #compliance: AuditCompliance;

  constructor(dependencies: AuditPanelDependencies) {
    const { holder, auditTrail, log } = dependencies;
    this.#dependencies = dependencies;
    const shown = {
      coreInUse: () => (this.#directory === null ? this.#core() : null),
      post: (message: HostMessage) => this.#post(message),
    };
    this.#chain = new AuditChain({ ...shown, directory: () => this.#shownDirectory(), auditTrail });
    this.#calls = new AuditCalls({ ...shown, history: () => this.#history(), chain: this.#chain, log });
    this.#queries = new AuditQueries({
      directory: () => this.#asked().directory,
      post: (message) => this.#post(message),
    });
    this.#compliance = new AuditCompliance({
      directory: () => this.#asked().directory,
      core: () => holder.whenReady(),
      chain: () => {
        const last = this.#chain.lastVerification()?.result;
        return last ? { ok: last.firstFault === null, records: last.records } : null;
      },
      post: (message) => this.#post(message),
    });
    this.#panel = new SinglePanel(dependencies, {
      viewType,
      title: () => vscode.l10n.t('Audit History'),
      page: 'audit',
      schema: viewMessageSchema,
      handle: (message) => this.#handle(message),
      onDidChange: () => {
        if (this.#panel.exists) return;
        this.#chain.stop();
        this.#cancelWork();
      },
    });
    this.#subscriptions = vscode.Disposable.from(
      holder.onDidChange(() => this.#follow()),
      holder.onDidChangeLedger(() => {
        if (this.#directory === null) this.#refresh();
      }),
      auditTrail.onDidVerify(() => this.#chain.show()),
    );
    this.#follow();
  }

  /** Opens the panel, or brings it to the front, with the ledger in use. */
  open(): void {
    this.#show(null);
  }

  /** Shows one call, and says so when it is not in the ledger in use; null means the one in use. */
  async showCall(ledgerId: string | null, call: { sequence: number }): Promise<void> {
    const { journal } = await this.#dependencies.holder.whenReady();
    const directory = ledgerId === null ? journal.directory : folderOfLedger(journal.directory, ledgerId);
    if (directory === null) {
      void vscode.window.showWarningMessage(
        vscode.l10n.t(
          'The ledger of this record, {0}, is not in the same folder as the one in use.',
          ledgerId ?? '',
        ),
      );
      return;
    }
    this.#show(directory);
    this.#calls.reveal(call.sequence);
    if (directory !== journal.directory)
      void vscode.window.showInformationMessage(
        vscode.l10n.t('This record is not in the ledger in use but in {0}.', directory),
      );
  }

  /** Restores a panel after a reload of the window. */
  restore(panel: vscode.WebviewPanel): void {
    this.#panel.show(panel);
  }

  dispose(): void {
    this.#otherLedger?.dispose();
    this.#chain.stop();
    this.#cancelWork();
    this.#subscriptions.dispose();
    this.#panel.dispose();
  }

  #show(directory: string | null): void {
    const changed = this.#choose(directory);
    // A new view asks for everything itself.
    const isOpen = this.#panel.exists;
    this.#panel.open();
    if (isOpen && changed) this.#showLedger();
  }

  async #handle(message: ViewMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.#showLedger();
        return;
      case 'filter':
      case 'rows':
      case 'find':
      case 'detail':
      case 'export':
      case 'showRecord':
        return this.#calls.handle(message);
      case 'verify':
        return this.#chain.verify();
      case 'stopVerifying':
        this.#chain.stop();
        return;
      case 'openFault':
        return this.#chain.openFault();
      case 'openRecord': {
        const [segment = '', line = '1'] = message.place.split(':');
        return this.#chain.openRecord(basename(segment), Number(line));
      }
      case 'openInMlflow':
        return this.#dependencies.holder.use((core) => openInMlflow(core, { call: message.call }));
      case 'erase':
        if (await askToErase(message.user, this.#dependencies)) await this.#calls.showDetailAgain();
        return;
      case 'queries':
      case 'runQuery':
      case 'cancelQuery':
      case 'saveQuery':
      case 'deleteQuery':
      case 'saveResult':
      case 'copyResult':
        return this.#queries.handle(message);
      case 'complianceLevels':
      case 'complianceReport':
      case 'saveCompliance':
        return this.#compliance.handle(message);
      case 'copy':
        return vscode.env.clipboard.writeText(message.text);
      case 'show':
        if (this.#choose(this.#ledgerOf(message.simulated))) this.#showLedger();
        return;
      case 'run':
        await vscode.commands.executeCommand(message.command);
        return;
    }
  }

  /** Selects a ledger; null is the one in use. Returns whether the ledger changed. */
  #choose(directory: string | null): boolean {
    const before = this.#shownDirectory();
    this.#directory = directory === this.#core()?.journal.directory ? null : directory;
    if (this.#shownDirectory() === before) return false;
    this.#chain.stop();
    this.#cancelWork();
    this.#followShown();
    return true;
  }

  #follow(): void {
    this.#choose(this.#directory);
    this.#followShown();
    this.#showLedger();
  }

  /** The ledger in use reports its changes; any other ledger's files are watched. */
  #followShown(): void {
    this.#otherLedger?.dispose();
    this.#otherLedger = null;
    if (this.#directory === null) return;
    const journals = new vscode.RelativePattern(vscode.Uri.file(this.#directory), '*.journal');
    const watcher = vscode.workspace.createFileSystemWatcher(journals);
    watcher.onDidChange(() => this.#refresh());
    watcher.onDidCreate(() => this.#refresh());
    this.#otherLedger = watcher;
  }

  /** The ledger of simulated or live calls, next to the one that is shown. */
  #ledgerOf(simulated: boolean): string | null {
    const shown = this.#shownDirectory();
    return shown && join(dirname(shown), simulated ? 'simulated' : 'live');
  }

  /** Tells the view which ledger it shows; the view requests the rest. */
  #showLedger(): void {
    this.#chain.found(null);
    const { state } = this.#dependencies.holder;
    const directory = this.#shownDirectory();
    if (directory === null) {
      const error = state.kind === 'failed' ? state.error : null;
      this.#post({
        type: 'starting',
        failure: error && { message: briefMessage(error), hint: error.hint },
      });
      return;
    }
    // A ledger that was set aside keeps its old name as a prefix.
    const simulated = basename(directory).startsWith('simulated');
    const other = this.#ledgerOf(!simulated);
    const hasOther = other !== null && journalExists(other);
    this.#post({ type: 'ledger', directory, simulated, hasOther });
    this.#chain.show();
    this.#calls.revealWanted();
  }

  #refresh(): void {
    if (this.#panel.exists) inBackground(this.#dependencies.log, this.#calls.refresh());
  }

  #cancelWork(): void {
    this.#queries.cancel();
    this.#compliance.cancel();
  }

  #core(): Core | null {
    const { state } = this.#dependencies.holder;
    return state.kind === 'ready' ? state.core : null;
  }

  #shownDirectory(): string | null {
    return this.#directory ?? this.#core()?.journal.directory ?? null;
  }

  #history(): HistoryClient | null {
    const directory = this.#shownDirectory();
    return directory === null ? null : this.#dependencies.histories.of(directory);
  }

  #asked(): HistoryClient {
    const history = this.#history();
    if (!history) throw new GatewayError('gateway_unavailable', 'The gateway is not running.');
    return history;
  }

  #post(message: HostMessage): void {
    this.#panel.post(message);
  }
}
