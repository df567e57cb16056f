import * as vscode from 'vscode';
import { contentOf } from '../../content/callContent.ts';
import { subjectHash } from '../../content/contentKeys.ts';
import type { Core } from '../../core/core.ts';
import { GatewayError, messageOf } from '../../errors.ts';
import type { HistoryCall, HistoryFilter } from '../../history/calls.ts';
import { erasedAfter, tombstonesRead } from '../../history/erasures.ts';
import type { HistoryClient } from '../../history/historyClient.ts';
import { readProven, type ProvenRecord } from '../../history/recordProof.ts';
import { errorText } from '../../host/errorText.ts';
import { parseCheckpoint, type SignedCheckpoint } from '../../ledger/signing.ts';
import { Repeated } from '../../repeated.ts';
import { contentDetail, detailOf, rowOf } from './callDetail.ts';
import type { AuditChain } from './chain.ts';
import { exportShownCalls } from './exportShownCalls.ts';
import type { Detail, Filter, HostMessage, ViewMessage } from './protocol.ts';

export interface AuditCallsDependencies {
  /** The index of the shown ledger; null while there is none. */
  history: () => HistoryClient | null;
  /** The core, if the shown ledger is the one in use. */
  coreInUse: () => Core | null;
  /** Told of the fault that the index finds. */
  chain: Pick<AuditChain, 'found' | 'show'>;
  post: (message: HostMessage) => void;
  log: vscode.LogOutputChannel;
}

type CallsMessage = Extract<
  ViewMessage,
  { type: 'filter' | 'rows' | 'find' | 'detail' | 'export' | 'showRecord' }
>;

/** The extension side of the tab of calls: rows that match the filter, one call in detail, and their export. */
export class AuditCalls {
  readonly #dependencies: AuditCallsDependencies;
  readonly #refreshes = new Repeated(() => this.#showMatches());
  /** The call to show once the view has loaded. */
  #wanted: number | null = null;
  #query = 0;
  #filter: HistoryFilter = {};
  /** The call whose detail was requested last. */
  #detail = 0;

  constructor(dependencies: AuditCallsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Shows a call, and again once a view has loaded, until it was found. */
  reveal(sequence: number): void {
    this.#wanted = sequence;
    this.revealWanted();
  }

  revealWanted(): void {
    if (this.#wanted !== null) this.#post({ type: 'reveal', sequence: this.#wanted });
  }

  /** Tells the view how many calls match the filter now; the view requests the rows it needs. */
  refresh(): Promise<void> {
    return this.#refreshes.request();
  }

  /** Shows the open call as it is now. */
  async showDetailAgain(): Promise<void> {
    if (this.#detail > 0) await this.#showDetail(this.#detail);
  }

  async handle(message: CallsMessage): Promise<void> {
    switch (message.type) {
      case 'filter':
        this.#query = message.query;
        this.#filter = historyFilter(message.filter);
        return this.refresh();
      case 'rows':
        return this.#showRows(message);
      case 'find':
        return this.#find(message.query, message.sequence);
      case 'detail':
        return this.#showDetail(message.sequence);
      case 'export':
        return exportShownCalls(this.#asked(), this.#filter, message.format);
      case 'showRecord':
        return this.#showRecord(message.sequence);
    }
  }

  async #showMatches(): Promise<void> {
    const { history: of, chain } = this.#dependencies;
    const history = of();
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
      chain.found(seen.failure?.message ?? null);
      this.#post({ type: 'matches', query, total, counts: outcomes });
      this.#post({ type: 'facets', ...(await history.ask('facets', [], tolerant)) });
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      chain.found(error.message);
    }
    // Another process may have closed or reopened it.
    chain.show();
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
    const isTracked = this.#dependencies.coreInUse()?.tracking.hasPages() ?? false;
    return detailOf(call, records, checkpoint, await this.#readContent(call, records), isTracked);
  }

  async #readContent(call: HistoryCall, records: readonly ProvenRecord[]): Promise<Detail['content']> {
    const core = this.#dependencies.coreInUse();
    if (!core) {
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

  #asked(): HistoryClient {
    const history = this.#dependencies.history();
    if (!history) throw new GatewayError('gateway_unavailable', 'The gateway is not running.');
    return history;
  }

  #post(message: HostMessage): void {
    this.#dependencies.post(message);
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
