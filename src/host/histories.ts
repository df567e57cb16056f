import type { Disposable } from 'vscode';
import { HistoryClient } from '../history/historyClient.ts';

/** The audit histories of this window's ledgers, one thread for each that views query. */
export class Histories implements Disposable {
  readonly #clients = new Map<string, HistoryClient>();

  of(ledgerDirectory: string): HistoryClient {
    const client = this.#clients.get(ledgerDirectory) ?? new HistoryClient(ledgerDirectory);
    this.#clients.set(ledgerDirectory, client);
    return client;
  }

  dispose(): void {
    for (const client of this.#clients.values()) void client.close();
    this.#clients.clear();
  }
}
