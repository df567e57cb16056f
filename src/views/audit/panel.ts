import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { contentOf } from '../../content/callContent.ts';
import { subjectHash } from '../../content/contentKeys.ts';
import { GatewayError, messageOf } from '../../errors.ts';
import type { Core } from '../../core/core.ts';
import { erasedAfter, tombstonesRead } from '../../history/erasures.ts';
import { exportCalls, exportToFile, type ExportFormat } from '../../history/exportCalls.ts';
import type { HistoryCall, HistoryFilter } from '../../history/calls.ts';
import type { HistoryClient } from '../../history/historyClient.ts';
import { readProven, type ProvenRecord } from '../../history/recordProof.ts';
import { askReason } from '../../host/askReason.ts';
import type { AuditTrail, Verification } from '../../host/auditTrail.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { briefMessage, errorText } from '../../host/errorText.ts';
import { inBackground } from '../../host/failures.ts';
import type { Histories } from '../../host/histories.ts';
import { openInMlflow } from '../../host/openInMlflow.ts';
import { certainFault } from '../../ledger/closure.ts';
import type { Fault } from '../../ledger/fault.ts';
import { journalExists } from '../../ledger/journal.ts';
import { folderOfLedger } from '../../ledger/readJournal.ts';
import { Repeated } from '../../repeated.ts';
import { parseCheckpoint, type SignedCheckpoint } from '../../ledger/signing.ts';
import { SinglePanel } from '../singlePanel.ts';
import { contentDetail, detailOf, rowOf } from './callDetail.ts';
import { AuditCompliance } from './compliance.ts';
import { AuditQueries } from './queries.ts';
import {
  viewMessageSchema,
  type Chain,
  type Detail,
  type Filter,
  type HostMessage,
  type ViewMessage,
} from './protocol.ts';

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

/** The extension side of the audit history: queries the index for the view, and follows the ledger. */
export class AuditPanel implements vscode.Disposable {
  readonly #dependencies: AuditPanelDependencies;
  readonly #subscriptions: vscode.Disposable;
  readonly #panel: SinglePanel<typeof viewMessageSchema, HostMessage>;
  /** Watches the files of the shown ledger when it isn't the one in use. */
  #otherLedger: vscode.FileSystemWatcher | null = null;
  /** The ledger that is shown; null for the one in use. */
  #directory: string | null = null;
  /** The call to show once the view has loaded. */
  #wanted: number | null = null;
  #query = 0;
  #filter: HistoryFilter = {};
  /** The call whose detail was requested last. */
  #detail = 0;
  readonly #queries: AuditQueries;
  readonly #compliance: AuditCompliance;
  readonly #refreshes = new Repeated(() => this.#showMatches());
  #verifying: { stop: AbortController; share: number } | null = null;
  /** The fault that the index found in the ledger. */
  #fault: string | null = null;

  constructor(dependencies: AuditPanelDependencies) {
    const { holder, auditTrail } = dependencies;
    this.#dependencies = dependencies;
    this.#queries = new AuditQueries({
      directory: () => this.#asked().directory,
      post: (message) => this.#post(message),
    });
    this.#compliance = new AuditCompliance({
      directory: () => this.#asked().directory,
      core: () => holder.whenReady(),
      chain: () => {
        const last = this.#lastVerification()?.result;
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
        this.#verifying?.stop.abort();
        this.#cancelWork();
      },
    });
    this.#subscriptions = vscode.Disposable.from(
      holder.onDidChange(() => this.#follow()),
      holder.onDidChangeLedger(() => {
        if (this.#directory === null) this.#refresh();
      }),
      auditTrail.onDidVerify(() => this.#showChain()),
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
    this.#wanted = call.sequence;
    this.#show(directory);
    this.#post({ type: 'reveal', sequence: call.sequence });
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
    this.#verifying?.stop.abort();
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
        this.#query = message.query;
        this.#filter = historyFilter(message.filter);
        return this.#refreshes.request();
      case 'rows':
        return this.#showRows(message);
      case 'find':
        return this.#find(message.query, message.sequence);
      case 'detail':
        return this.#showDetail(message.sequence);
      case 'verify':
        return this.#verify();
      case 'stopVerifying':
        this.#verifying?.stop.abort();
        return;
      case 'openFault': {
        const fault = this.#found();
        if (fault) await this.#openRecord(fault.segment, fault.line);
        return;
      }
      case 'openRecord': {
        const [segment = '', line = '1'] = message.place.split(':');
        return this.#openRecord(basename(segment), Number(line));
      }
      case 'openInMlflow':
        return this.#dependencies.holder.use((core) => openInMlflow(core, { call: message.call }));
      case 'export':
        return this.#export(message.format);
      case 'erase':
        return this.#erase(message.user);
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
      case 'showRecord':
        return this.#showRecord(message.sequence);
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
    this.#verifying?.stop.abort();
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
    this.#fault = null;
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
    this.#showChain();
    if (this.#wanted !== null) this.#post({ type: 'reveal', sequence: this.#wanted });
  }

  /** Tells the view how many calls match the filter now; the view requests the rows it needs. */
  #refresh(): void {
    if (this.#panel.exists) inBackground(this.#dependencies.log, this.#refreshes.request());
  }

  async #showMatches(): Promise<void> {
    const history = this.#history();
    if (!history) return;
    const query = this.#query;
    const seen: { failure: GatewayError | null; indexing: boolean } = { failure: null, indexing: false };
    try {
      const { total, outcomes } = await history.ask('matches', [this.#filter], {
        onProgress: (bytes, all) => {
          if (bytes === all && !seen.indexing) return;
          seen.indexing = true;
          this.#post({ type: 'indexing', share: bytes / all });
        },
        onFailure: (error) => (seen.failure = error),
      });
      if (seen.indexing) this.#post({ type: 'indexing', share: null });
      this.#fault = seen.failure?.message ?? null;
      this.#post({ type: 'matches', query, total, counts: outcomes });
      this.#post({ type: 'facets', ...(await history.ask('facets', [], tolerant)) });
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      this.#fault = error.message;
    }
    // Another process may have closed or reopened it.
    this.#showChain();
  }

  async #showRows({ query, first, limit }: { query: number; first: number; limit: number }): Promise<void> {
    const { calls } = await this.#asked().ask('rowsFromOldest', [this.#filter, first, limit], tolerant);
    if (query === this.#query) this.#post({ type: 'rows', query, first, rows: calls.map(rowOf) });
  }

  /** A call is identified by its last record. */
  async #showRecord(sequence: number): Promise<void> {
    const call = await this.#asked().ask('find', [String(sequence)], tolerant);
    if (call) this.#post({ type: 'reveal', sequence: call.sequence });
  }

  #cancelWork(): void {
    this.#queries.cancel();
    this.#compliance.cancel();
  }

  async #find(query: number, sequence: number): Promise<void> {
    const history = this.#asked();
    const [row, { total }] = await Promise.all([
      history.ask('rowOf', [this.#filter, sequence], tolerant),
      history.ask('matches', [this.#filter], tolerant),
    ]);
    this.#wanted = null;
    this.#post({ type: 'found', query, sequence, number: total - 1 - row });
  }

  async #showDetail(sequence: number): Promise<void> {
    this.#detail = sequence;
    const detail = await this.#readDetail(sequence);
    // Another call was selected meanwhile.
    if (this.#detail === sequence) this.#post({ type: 'detail', sequence, detail });
  }

  async #readDetail(sequence: number): Promise<Detail | null> {
    const history = this.#asked();
    const { directory } = history;
    const [call, header] = await Promise.all([
      history.ask('find', [String(sequence)], tolerant),
      history.ask('headerAfter', [sequence], tolerant),
    ]);
    if (!call) return null;
    const records = await Promise.all(call.records.map((place) => readProven(directory, place)));
    const checkpoint = header && checkpointOf(await readProven(directory, header.place));
    // Of another ledger MLflow has other calls, or none.
    const isTracked = this.#directory === null && (this.#core()?.tracking.hasPages() ?? false);
    return detailOf(call, records, checkpoint, await this.#readContent(call, records), isTracked);
  }

  async #readContent(call: HistoryCall, records: readonly ProvenRecord[]): Promise<Detail['content']> {
    const core = this.#core();
    if (!core || this.#directory !== null) {
      const message = vscode.l10n.t('Kept content is shown only for the ledger in use.');
      return { state: 'unavailable', message };
    }
    const { directory } = core.journal;
    try {
      const shown = await contentOf(
        core.content,
        records.map(({ record }) => record),
        async (subject, after) => {
          const tombstones = await this.#asked().ask('events', ['tombstone', tombstonesRead], tolerant);
          return erasedAfter(directory, tombstones, subjectHash(subject), after);
        },
      );
      return contentDetail(shown);
    } catch (error) {
      this.#dependencies.log.warn(`The content of call ${call.callId} can't be shown.\n${errorText(error)}`);
      return { state: 'unavailable', message: messageOf(error) };
    }
  }

  async #verify(): Promise<void> {
    const directory = this.#shownDirectory();
    if (directory === null || this.#verifying) return;
    const verifying = { stop: new AbortController(), share: 0 };
    this.#verifying = verifying;
    this.#showChain();
    try {
      const { auditTrail } = this.#dependencies;
      await auditTrail.check({ directory, mode: null }, verifying.stop.signal, (share) => {
        // Often enough for the eye.
        if (share - verifying.share < 0.01) return;
        verifying.share = share;
        this.#showChain();
      });
    } finally {
      this.#verifying = null;
      this.#showChain();
    }
  }

  async #export(format: ExportFormat): Promise<void> {
    const history = this.#asked();
    const filter = this.#filter;
    const day = new Date().toISOString().slice(0, 10);
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(history.directory);
    const target = await vscode.window.showSaveDialog({
      title: vscode.l10n.t('Export Calls'),
      defaultUri: vscode.Uri.joinPath(folder, `tidyllm-calls-${day}.${format}`),
      filters: format === 'csv' ? { CSV: ['csv'] } : { 'JSON Lines': ['jsonl'] },
    });
    if (!target) return;
    const stopped = new AbortController();
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t('Exporting calls'),
      cancellable: true,
    };
    const exported = await vscode.window.withProgress(options, async (progress, token) => {
      token.onCancellationRequested(() => stopped.abort());
      const chunks = exportCalls(
        (...asked) => history.ask('page', asked, tolerant),
        filter,
        format,
        stopped.signal,
      );
      try {
        return await exportToFile(target.fsPath, chunks, (calls) =>
          progress.report({ message: calls.toLocaleString(vscode.env.language) }),
        );
      } catch (error) {
        if (stopped.signal.aborted) return null;
        throw error;
      }
    });
    if (exported === null) return;
    const open = vscode.l10n.t('Open');
    const told = vscode.l10n.t(
      '{0} calls exported to {1}.',
      exported.toLocaleString(vscode.env.language),
      target.fsPath,
    );
    if ((await vscode.window.showInformationMessage(told, open)) === open)
      await vscode.commands.executeCommand('vscode.open', target);
  }

  async #erase(user: string): Promise<void> {
    const { holder } = this.#dependencies;
    const reason = await askReason(await holder.whenReady(), {
      title: vscode.l10n.t('Erase the kept content of {0}', user),
      prompt: vscode.l10n.t('Why? The reason is recorded, with the user only as a hash.'),
    });
    if (reason === undefined) return;
    const erase = vscode.l10n.t('Erase');
    const chosen = await vscode.window.showWarningMessage(
      vscode.l10n.t('Erase the key and all kept prompts and answers of {0}?', user),
      {
        modal: true,
        detail: vscode.l10n.t(
          'This can’t be undone. The records stay, and the chain still verifies. The user’s chat conversations are deleted, and every window forgets them.',
        ),
      },
      erase,
    );
    if (chosen !== erase) return;
    const { items, receipt } = await holder.use((core) => core.eraseContent(user, reason));
    await this.#dependencies.onErased(user);
    void vscode.window.showInformationMessage(
      vscode.l10n.t(
        'Erased the key of {0} and the content of {1} calls, recorded as #{2}.',
        user,
        items,
        receipt.sequence,
      ),
    );
    if (this.#detail > 0) await this.#showDetail(this.#detail);
  }

  async #openRecord(segment: string, line: number): Promise<void> {
    const directory = this.#shownDirectory();
    if (directory !== null) await this.#dependencies.auditTrail.openRecord(directory, segment, line);
  }

  #showChain(): void {
    const anchors =
      this.#directory === null
        ? (this.#core()?.anchoring.status ?? []).flatMap(({ location, last }) =>
            last
              ? [
                  vscode.l10n.t(
                    'anchored at #{0} in {1}, {2}',
                    last.sequence,
                    location,
                    new Intl.DateTimeFormat(vscode.env.language, {
                      dateStyle: 'short',
                      timeStyle: 'short',
                    }).format(last.time),
                  ),
                ]
              : [],
          )
        : [];
    this.#post({ type: 'chain', chain: this.#chain(), anchors });
  }

  #chain(): Chain {
    if (this.#verifying) return { state: 'verifying', share: this.#verifying.share };
    const last = this.#lastVerification();
    const fault = this.#found();
    if (fault) {
      const { segment, line, sequence, detail } = fault;
      if (line === 0) return { state: 'faulty', message: vscode.l10n.t('Broken: {0}.', detail) };
      return { state: 'broken', place: `${segment}:${line}`, sequence, detail };
    }
    if (this.#fault !== null) return { state: 'faulty', message: this.#fault };
    return last
      ? { state: 'intact', records: last.result.records, at: last.at.getTime() }
      : { state: 'unverified' };
  }

  /** The fault in the shown ledger: from the last verification here, otherwise one that any process has confirmed. */
  #found(): Fault | null {
    const directory = this.#shownDirectory();
    if (directory === null) return null;
    return this.#lastVerification()?.result.firstFault ?? certainFault(directory);
  }

  /** The last verification of the shown ledger. */
  #lastVerification(): Verification | null {
    const directory = this.#shownDirectory();
    return directory === null ? null : this.#dependencies.auditTrail.lastVerification(directory);
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

/** The banner shows the ledger's fault; records before the fault are still shown. */
const tolerant = { onFailure: (): void => undefined };

function checkpointOf({ record }: ProvenRecord): SignedCheckpoint | null {
  return record.kind === 'header' && record.checkpoint !== null ? parseCheckpoint(record.checkpoint) : null;
}

function historyFilter(filter: Filter): HistoryFilter {
  const { fromDay, untilDay, outcomes, userId, model, workspace, branch, text } = filter;
  return {
    fromDay: fromDay ?? undefined,
    untilDay: untilDay ?? undefined,
    outcomes: outcomes.length > 0 ? outcomes : undefined,
    userId: userId ?? undefined,
    model: model ?? undefined,
    workspace: workspace ?? undefined,
    branch: branch ?? undefined,
    text: text.trim() || undefined,
  };
}
