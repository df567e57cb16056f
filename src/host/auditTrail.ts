import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as vscode from 'vscode';
import { closureOf } from '../ledger/closure.ts';
import type { LedgerLocation } from '../ledger/readJournal.ts';
import type { VerificationResult } from '../ledger/verifyLedger.ts';
import type { SignedCheckpoint } from '../ledger/signing.ts';
import { verifyTrail } from '../ledger/verifyTrail.ts';
import type { VerifyWorkerData, VerifyWorkerMessage } from '../ledger/verifyWorker.ts';
import type { CoreHolder } from './coreHolder.ts';

/** A verification of a ledger in this window. */
export interface Verification {
  result: VerificationResult;
  at: Date;
  /** Whether the ledger refuses calls because of it. */
  closed: boolean;
}

/** Verifies the ledger's chain and shows where it is broken. */
export class AuditTrail implements vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #verified = new vscode.EventEmitter<void>();
  /** The last verification by ledger folder. */
  readonly #last = new Map<string, Verification>();

  readonly onDidVerify = this.#verified.event;

  constructor(holder: CoreHolder) {
    this.#holder = holder;
  }

  /** The last verification of a ledger in this window; null if there is none, or a person has decided on its fault. */
  lastVerification(directory: string): Verification | null {
    const last = this.#last.get(directory);
    // The decision may have been made in another window or the terminal.
    if (last?.closed && closureOf(directory) === null) this.#last.delete(directory);
    return this.#last.get(directory) ?? null;
  }

  /** Verifies every record in a worker thread, and shows how many are intact or where the first fault is. */
  async verify(): Promise<void> {
    const { journal } = await this.#holder.whenReady();
    const verification = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: vscode.l10n.t('Verifying the audit trail'),
        cancellable: true,
      },
      (progress, token) => {
        const stopped = new AbortController();
        token.onCancellationRequested(() => stopped.abort());
        let reported = 0;
        return this.check(journal, stopped.signal, (share) => {
          progress.report({ increment: (share - reported) * 100, message: `${Math.round(share * 100)} %` });
          reported = share;
        });
      },
    );
    if (!verification) return;
    const { firstFault } = verification.result;
    await (firstFault ? this.#tellFault(journal.directory, firstFault) : tellIntact(verification.result));
  }

  /** Verifies every record of a ledger in a worker thread. Null when stopped. `onProgress` gets the share, 0 to 1. */
  async check(
    journal: LedgerLocation,
    signal: AbortSignal,
    onProgress: (share: number) => void,
  ): Promise<Verification | null> {
    const { directory, mode } = journal;
    const { state } = this.#holder;
    const own = state.kind === 'ready' && state.core.journal.directory === directory ? state.core : null;
    // The key of the settings belongs to the ledger in use only.
    const { pinnedKey } = own?.journal ?? journal;
    const verify = (anchors: readonly SignedCheckpoint[]): Promise<VerificationResult | null> =>
      runVerification({ location: { directory, mode, pinnedKey }, anchors }, signal, onProgress);
    const result = await (own ? verifyTrail(own, verify) : verify([]));
    if (!result) return null;
    const verification = { result, at: new Date(), closed: closureOf(directory) !== null };
    this.#last.set(directory, verification);
    this.#verified.fire();
    return verification;
  }

  /** Opens a segment of the journal read-only, at a line, from 1. */
  async openRecord(directory: string, segment: string, line: number): Promise<void> {
    const position = new vscode.Position(line - 1, 0);
    const journal = vscode.Uri.file(join(directory, segment));
    const selection = new vscode.Range(position, position);
    // A stray key and auto-save would break the chain, so the editor is read-only before it takes keys.
    await vscode.window.showTextDocument(journal, { selection, preserveFocus: true });
    await vscode.commands.executeCommand('workbench.action.files.setActiveEditorReadonlyInSession');
    await vscode.window.showTextDocument(journal, { selection });
  }

  /** Shows the ledger's folder in the file manager, or shows its path if there is no file manager. */
  async reveal(): Promise<void> {
    const { directory } = (await this.#holder.whenReady()).journal;
    if (existsSync(directory) && (await vscode.commands.getCommands(true)).includes('revealFileInOS')) {
      await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(directory));
      return;
    }
    const copy = vscode.l10n.t('Copy Path');
    const where = existsSync(directory)
      ? vscode.l10n.t('The ledger is in {0}.', directory)
      : vscode.l10n.t('The ledger’s folder is missing: {0}.', directory);
    if ((await vscode.window.showInformationMessage(where, copy)) === copy) {
      await vscode.env.clipboard.writeText(directory);
    }
  }

  dispose(): void {
    this.#verified.dispose();
  }

  async #tellFault(directory: string, fault: NonNullable<VerificationResult['firstFault']>): Promise<void> {
    const open = vscode.l10n.t('Open Record');
    const decide = vscode.l10n.t('Reopen Ledger…');
    const { segment, line, sequence, kind, detail } = fault;
    const chosen = await vscode.window.showErrorMessage(
      line > 0
        ? vscode.l10n.t(
            'The audit trail is broken at {0}:{1}, record #{2}: {3} ({4}).',
            ...[segment, line, sequence, detail, kind],
          )
        : vscode.l10n.t('The audit trail is broken: {0} ({1}).', detail, kind),
      ...(line > 0 ? [open] : []),
      decide,
    );
    if (chosen === decide) await vscode.commands.executeCommand('tidyllm.reopenLedger');
    if (chosen === open) await this.openRecord(directory, segment, line);
  }
}

async function tellIntact({ records, segments, head }: VerificationResult): Promise<void> {
  await vscode.window.showInformationMessage(
    head
      ? vscode.l10n.t(
          '{0} records in {1} segment(s) are intact. Head: #{2} {3}…',
          records,
          segments,
          head.sequence,
          head.hash.slice(0, 12),
        )
      : vscode.l10n.t('The audit trail is empty: nothing has been recorded yet.'),
  );
}

/** Null when stopped. */
function runVerification(
  workerData: VerifyWorkerData,
  signal: AbortSignal,
  onProgress: (share: number) => void,
): Promise<VerificationResult | null> {
  const { directory } = workerData.location;
  const total = globSync('*.journal', { cwd: directory }).reduce(
    (sum, name) => sum + statSync(join(directory, name)).size,
    0,
  );
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./verifyWorker.js', import.meta.url), { workerData });
    signal.addEventListener('abort', () => {
      resolve(null);
      void worker.terminate();
    });
    worker.on('error', reject);
    worker.on('message', (message: VerifyWorkerMessage) => {
      if (message.type === 'result') resolve(message.result);
      else onProgress(Math.min(1, message.bytes / Math.max(total, 1)));
    });
  });
}
