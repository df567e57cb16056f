import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as vscode from 'vscode';
import type { CallEntry } from '../ledger/history.ts';
import type { LedgerLocation, PlacedRecord, VerificationResult } from '../ledger/readJournal.ts';
import type { VerifyWorkerData, VerifyWorkerMessage } from '../ledger/verifyWorker.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import type { CoreHolder } from './coreHolder.ts';

const scheme = 'tidyllm-audit';
const callsListed = 200;

/** The last check of a ledger in this window. */
export interface Verification {
  directory: string;
  result: VerificationResult;
  at: Date;
}

/** Shows the ledger's records and checks its chain. */
export class AuditTrail implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #verified = new vscode.EventEmitter<void>();
  readonly #provider = vscode.workspace.registerTextDocumentContentProvider(scheme, this);
  #lastVerification: Verification | null = null;

  readonly onDidVerify = this.#verified.event;

  constructor(holder: CoreHolder) {
    this.#holder = holder;
  }

  get lastVerification(): Verification | null {
    return this.#lastVerification;
  }

  /** Checks every record in a worker thread, and tells how many are intact or exactly where the first fault is. */
  async verify(): Promise<void> {
    const { ledger } = await this.#holder.whenReady();
    const { directory } = ledger;
    const result = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: vscode.l10n.t('Verifying the audit trail'),
        cancellable: true,
      },
      (progress, token) => runVerification(ledger, progress, token),
    );
    if (!result) return;
    this.#lastVerification = { directory, result, at: new Date() };
    this.#verified.fire();
    await (result.firstFault ? this.#showFault(directory, result.firstFault) : showIntact(result));
  }

  /** Lets the person pick a recent call and shows its records. */
  async pickCall(): Promise<void> {
    const { ledger } = await this.#holder.whenReady();
    const items = loadCalls(ledger.directory);
    const chosen = await vscode.window.showQuickPick(items, {
      title: vscode.l10n.t(
        'Audit records: {0}',
        ledger.mode === 'live' ? vscode.l10n.t('live') : vscode.l10n.t('simulated'),
      ),
      placeHolder: vscode.l10n.t('Choose a call to see its records'),
      matchOnDescription: true,
      matchOnDetail: true,
    });
    if (chosen?.call) await this.showCall(ledger.directory, chosen.call);
  }

  /** Opens the records of one call as a read-only document. */
  async showCall(directory: string, call: { callId: string; sequence: number }): Promise<void> {
    const uri = vscode.Uri.from({
      scheme,
      path: `/${vscode.l10n.t('Call {0}', `#${call.sequence}`)}.json`,
      query: JSON.stringify({ directory, callId: call.callId }),
    });
    await vscode.window.showTextDocument(uri, { preview: true });
  }

  /** Shows the ledger's folder in the system's file manager, or says where it is where there is none. */
  async reveal(): Promise<void> {
    const { ledger } = await this.#holder.whenReady();
    const { directory } = ledger;
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

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const { findCall } = await import('../ledger/history.ts');
    const { directory, callId } = JSON.parse(uri.query) as { directory: string; callId: string };
    const found = await findCall(directory, callId);
    return found
      ? recordDocument(directory, found.call, found.records)
      : vscode.l10n.t('This call is not in the ledger.');
  }

  dispose(): void {
    this.#provider.dispose();
    this.#verified.dispose();
  }

  async #showFault(directory: string, fault: NonNullable<VerificationResult['firstFault']>): Promise<void> {
    const open = vscode.l10n.t('Open the record');
    const { segment, line, sequence, kind, detail } = fault;
    const chosen = await vscode.window.showErrorMessage(
      vscode.l10n.t(
        'The audit trail is broken at {0}:{1}, record #{2}: {3} ({4}).',
        segment,
        line,
        sequence,
        detail,
        kind,
      ),
      open,
    );
    if (chosen !== open) return;
    const position = new vscode.Position(line - 1, 0);
    await vscode.window.showTextDocument(vscode.Uri.file(join(directory, segment)), {
      selection: new vscode.Range(position, position),
    });
  }
}

async function showIntact({ records, segments, head }: VerificationResult): Promise<void> {
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

/** Null when the person cancelled. */
function runVerification(
  { directory, mode }: LedgerLocation,
  progress: vscode.Progress<{ message?: string; increment?: number }>,
  token: vscode.CancellationToken,
): Promise<VerificationResult | null> {
  const total = globSync('*.journal', { cwd: directory }).reduce(
    (sum, name) => sum + statSync(join(directory, name)).size,
    0,
  );
  let reported = 0;
  return new Promise((resolve, reject) => {
    const workerData: VerifyWorkerData = { directory, mode };
    const worker = new Worker(new URL('./verifyWorker.js', import.meta.url), { workerData });
    token.onCancellationRequested(() => {
      resolve(null);
      void worker.terminate();
    });
    worker.on('error', reject);
    worker.on('message', (message: VerifyWorkerMessage) => {
      if (message.type === 'result') {
        resolve(message.result);
        return;
      }
      const percent = (message.bytes / Math.max(total, 1)) * 100;
      progress.report({ increment: percent - reported, message: `${Math.round(percent)} %` });
      reported = percent;
    });
  });
}

type CallItem = vscode.QuickPickItem & { call?: CallEntry };

async function loadCalls(directory: string): Promise<CallItem[]> {
  const { listCalls } = await import('../ledger/history.ts');
  const { calls } = await listCalls(directory, { limit: callsListed });
  if (calls.length === 0) return [{ label: vscode.l10n.t('Nothing was recorded yet.') }];
  const time = new Intl.DateTimeFormat(vscode.env.language, { dateStyle: 'short', timeStyle: 'medium' });
  return calls.map((call) => ({
    call,
    label: `#${call.sequence}  ${call.opening.model}`,
    description: [
      call.outcome,
      `${formatUsd(call.cost)}${call.costEstimated ? ` ${vscode.l10n.t('(estimated)')}` : ''}`,
      time.format(new Date(call.time)),
    ].join(' · '),
    detail: call.opening.reason || vscode.l10n.t('(no reason)'),
  }));
}

function recordDocument(directory: string, call: CallEntry, records: readonly PlacedRecord[]): string {
  const { opening } = call;
  const document = {
    call_id: call.callId,
    outcome: call.outcome,
    reason: opening.reason,
    user_id: opening.user_id,
    model: opening.model,
    model_id: opening.model_id,
    cost_usd: microToUsd(call.cost),
    cost_estimated: call.costEstimated,
    ledger: directory,
    records: records.map(({ record, hash, segment, line }) => ({
      place: `${segment}:${line}`,
      hash,
      record,
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
