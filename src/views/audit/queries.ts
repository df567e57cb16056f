import * as vscode from 'vscode';
import { GatewayError, messageOf } from '../../errors.ts';
import type { QueryResult } from '../../queries/queryMessages.ts';
import { resultJson, resultMarkdown, saveResult, type ResultFormat } from '../../queries/resultFiles.ts';
import { queryFunctions } from '../../queries/functions.ts';
import { runQuery } from '../../queries/runQuery.ts';
import { nameFault, SavedQueries } from '../../queries/savedQueries.ts';
import { queryTables } from '../../queries/schema.ts';
import type { HostMessage, ViewMessage } from './protocol.ts';
import { shownResult } from './queryPresentation.ts';

type QueryMessage = Extract<
  ViewMessage,
  {
    type: 'queries' | 'runQuery' | 'cancelQuery' | 'saveQuery' | 'deleteQuery' | 'saveResult' | 'copyResult';
  }
>;

interface QueryDependencies {
  /** The folder of the shown ledger. Throws `gateway_unavailable` if there is none. */
  directory: () => string;
  post: (message: HostMessage) => void;
}

/** The extension side of the queries in the audit history: one runs at a time, and its result is kept for files. */
export class AuditQueries {
  readonly #dependencies: QueryDependencies;
  #running: AbortController | null = null;
  #last: { sql: string; result: QueryResult } | null = null;

  constructor(dependencies: QueryDependencies) {
    this.#dependencies = dependencies;
  }

  /** Ends the query that runs. */
  cancel(): void {
    this.#running?.abort();
    this.#running = null;
  }

  async handle(message: QueryMessage): Promise<void> {
    switch (message.type) {
      case 'queries':
        return this.#showQueries();
      case 'runQuery':
        return this.#run(message);
      case 'cancelQuery':
        this.cancel();
        return;
      case 'saveQuery':
        return this.#save(message.sql);
      case 'deleteQuery':
        await this.#saved().delete(message.name);
        return this.#showQueries();
      case 'saveResult':
        return this.#saveResult(message.format);
      case 'copyResult': {
        if (!this.#last) return;
        const { result } = this.#last;
        const text =
          message.format === 'markdown'
            ? resultMarkdown(result)
            : JSON.stringify(resultJson(result), null, 2);
        await vscode.env.clipboard.writeText(text);
      }
    }
  }

  async #run({ run, sql, since, until }: Extract<QueryMessage, { type: 'runQuery' }>): Promise<void> {
    this.cancel();
    const running = new AbortController();
    this.#running = running;
    const { directory, post } = this.#dependencies;
    try {
      const days = { since: since ?? undefined, until: until ?? undefined };
      const result = await runQuery(
        { directory: directory(), sql, days, toleratesFault: true },
        {
          signal: running.signal,
          onProgress: (progress) => {
            const share = progress.step === 'running' ? null : progress.share;
            post({ type: 'queryProgress', run, step: progress.step, share });
          },
        },
      );
      this.#last = { sql, result };
      post({ type: 'queryResult', run, result: shownResult(result) });
    } catch (error) {
      const isCancelled = running.signal.aborted;
      const hint = GatewayError.is(error) ? error.hint : '';
      post({ type: 'queryFailed', run, failure: isCancelled ? null : { message: messageOf(error), hint } });
    } finally {
      if (this.#running === running) this.#running = null;
    }
  }

  async #showQueries(): Promise<void> {
    const schema = {
      tables: queryTables.map(({ name, meaning, columns }) => ({
        name,
        meaning,
        columns: columns.map((column) => ({ name: column.name, type: column.type, meaning: column.meaning })),
      })),
      functions: queryFunctions.map(({ name, call, meaning }) => ({ name, call, meaning })),
    };
    this.#dependencies.post({ type: 'queries', schema, saved: await this.#saved().list() });
  }

  async #save(sql: string): Promise<void> {
    const name = await vscode.window.showInputBox({
      title: vscode.l10n.t('Save Query'),
      prompt: vscode.l10n.t('The name of the query. One of the same name is replaced.'),
      validateInput: (text) => (text === '' ? undefined : (nameFault(text) ?? undefined)),
    });
    if (!name) return;
    await this.#saved().save(name, sql);
    await this.#showQueries();
    this.#dependencies.post({ type: 'saved', name });
  }

  async #saveResult(format: ResultFormat): Promise<void> {
    const last = this.#last;
    if (!last) return;
    const folder =
      vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(this.#dependencies.directory());
    const day = new Date().toISOString().slice(0, 10);
    const target = await vscode.window.showSaveDialog({
      title: vscode.l10n.t('Save Result'),
      defaultUri: vscode.Uri.joinPath(folder, `tidyllm-query-${day}.${format}`),
      filters: format === 'csv' ? { CSV: ['csv'] } : { SQLite: ['sqlite'] },
    });
    if (!target) return;
    await saveResult(target.fsPath, format, last.sql, last.result);
    const rows = last.result.rows.length.toLocaleString(vscode.env.language);
    void vscode.window.showInformationMessage(vscode.l10n.t('{0} rows saved to {1}.', rows, target.fsPath));
  }

  #saved(): SavedQueries {
    return new SavedQueries(this.#dependencies.directory());
  }
}
