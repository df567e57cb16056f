import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as vscode from 'vscode';
import { closureOf } from '../ledger/closure.ts';
import type { LedgerLocation, VerificationResult } from '../ledger/readJournal.ts';
import type { SignedCheckpoint } from '../ledger/signing.ts';
import { verifyTrail } from '../ledger/verifyTrail.ts';
import type { VerifyWorkerData, VerifyWorkerMessage } from '../ledger/verifyWorker.ts';
import type { CoreHolder } from './coreHolder.ts';

/** A check of a ledger in this window. */
export interface Verification {
  result: VerificationResult;
  at: Date;
  /** Whether the ledger takes no calls since. */
  closed: boolean;
}

/** Checks the ledger's chain and shows where it is broken. */
export class AuditTrail implements vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #verified = new vscode.EventEmitter<void>();
  /** The last of each ledger's folder. */
  readonly #last = new Map<string, Verification>();

  readonly onDidVerify = this.#verified.event;

  constructor(holder: CoreHolder) {
    this.#holder = holder;
  }

  /** The last check of a ledger in this window; null where there was none, or a person has decided on what it found. */
  lastVerification(directory: string): Verification | null {
    const last = this.#last.get(directory);
    // Another window, or the terminal, may have been told.
    if (last?.closed && closureOf(directory) === null) this.#last.delete(directory);
    return this.#last.get(directory) ?? null;
  }

  /** Checks every record in a worker thread, and tells how many are intact or exactly where the first fault is. */
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

  /** Checks every record of a ledger in a worker thread. Null when it was stopped. `onProgress` gets a share of 1. */
  async check(
    journal: LedgerLocation,
    signal: AbortSignal,
    onProgress: (share: number) => void,
  ): Promise<Verification | null> {
    const { directory, mode } = journal;
    const { state } = this.#holder;
    const own = state.kind === 'ready' && state.core.journal.directory === directory ? state.core : null;
    // Whoever asks: the settings' key is that of the ledger in use.
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

  /** Opens a segment of the journal to be read, at a line, from 1. */
  async openRecord(directory: string, segment: string, line: number): Promise<void> {
    const position = new vscode.Position(line - 1, 0);
    const journal = vscode.Uri.file(join(directory, segment));
    const selection = new vscode.Range(position, position);
    // A key pressed by mistake, and auto-save, would break the chain: no key gets there before it is read-only.
    await vscode.window.showTextDocument(journal, { selection, preserveFocus: true });
    await vscode.commands.executeCommand('workbench.action.files.setActiveEditorReadonlyInSession');
    await vscode.window.showTextDocument(journal, { selection });
  }

  /** Shows the ledger's folder in the system's file manager, or says where it is where there is none. */
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
      : vscode.l10n.t('The audit trail is empty: nothing was recorded yet.'),
  );
}

/** Null when it was stopped. */
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
