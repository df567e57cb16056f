import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { complianceLevels, levelsOf } from '../../compliance/policy.ts';
import type { Core } from '../../core/core.ts';
import { GatewayError, messageOf } from '../../errors.ts';
import { reportCsv, reportJson, reportMarkdown, type ReportContext } from '../../history/complianceFiles.ts';
import { complianceReport, type ComplianceReport } from '../../history/complianceReport.ts';
import type { HostMessage, ViewMessage } from './protocol.ts';

type ComplianceMessage = Extract<
  ViewMessage,
  { type: 'complianceLevels' | 'complianceReport' | 'saveCompliance' }
>;

interface ComplianceDependencies {
  /** The folder of the shown ledger. Throws `gateway_unavailable` if there is none. */
  directory: () => string;
  core: () => Promise<Core>;
  /** The last verification of the shown ledger. */
  chain: () => ReportContext['chain'];
  post: (message: HostMessage) => void;
}

/** The extension side of the compliance tab: one report at a time, which is kept for files. */
export class AuditCompliance {
  readonly #dependencies: ComplianceDependencies;
  #running: AbortController | null = null;
  #last: ComplianceReport | null = null;

  constructor(dependencies: ComplianceDependencies) {
    this.#dependencies = dependencies;
  }

  /** Ends the report that is made. */
  cancel(): void {
    this.#running?.abort();
    this.#running = null;
  }

  async handle(message: ComplianceMessage): Promise<void> {
    switch (message.type) {
      case 'complianceLevels':
        return this.#showLevels();
      case 'complianceReport':
        return this.#report(message);
      case 'saveCompliance':
        return this.#save(message.format);
    }
  }

  async #showLevels(): Promise<void> {
    const { loaded, ledger } = await this.#dependencies.core();
    const { day } = await ledger.budget();
    this.#dependencies.post({
      type: 'complianceLevels',
      levels: [...complianceLevels],
      inForce: levelsOf(loaded.settings.compliance),
      since: `${day.slice(0, 8)}01`,
      until: day,
    });
  }

  async #report(message: Extract<ComplianceMessage, { type: 'complianceReport' }>): Promise<void> {
    const { run, since, until } = message;
    const { directory, post } = this.#dependencies;
    this.cancel();
    const running = new AbortController();
    this.#running = running;
    try {
      const level = complianceLevels.find((one) => one === message.level) ?? 'enterprise';
      const { signal } = running;
      const report = await complianceReport(directory(), { level, since, until }, { signal });
      this.#last = report;
      post({ type: 'complianceReport', run, report: shown(report) });
    } catch (error) {
      // Another one was asked for.
      if (running.signal.aborted) return;
      const hint = GatewayError.is(error) ? error.hint : '';
      post({ type: 'complianceFailed', run, failure: { message: messageOf(error), hint } });
    } finally {
      if (this.#running === running) this.#running = null;
    }
  }

  async #save(format: 'md' | 'csv' | 'json'): Promise<void> {
    const report = this.#last;
    if (!report) return;
    const { directory, core, chain } = this.#dependencies;
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(directory());
    const name = `tidyllm-compliance-${report.level}-${report.until}.${format}`;
    const filters = { md: { Markdown: ['md'] }, csv: { CSV: ['csv'] }, json: { JSON: ['json'] } };
    const target = await vscode.window.showSaveDialog({
      title: vscode.l10n.t('Save Report'),
      defaultUri: vscode.Uri.joinPath(folder, name),
      filters: filters[format],
    });
    if (!target) return;
    const { ledger } = await core();
    // A ledger that was set aside keeps its old name as a prefix.
    const mode = basename(directory()).startsWith('simulated') ? ('simulated' as const) : ('live' as const);
    const context = { chain: chain(), timeZone: ledger.timeZone, mode };
    const texts = {
      md: () => reportMarkdown(report, context),
      csv: () => reportCsv(report),
      json: () => `${JSON.stringify(reportJson(report, context), null, 2)}\n`,
    };
    await writeFile(target.fsPath, texts[format]());
    const open = vscode.l10n.t('Open');
    const told = vscode.l10n.t('The report was saved to {0}.', target.fsPath);
    if ((await vscode.window.showInformationMessage(told, open)) === open)
      await vscode.commands.executeCommand('vscode.open', target);
  }
}

/** As plain data that can be sent. */
function shown({ controls, rules, blockedRecords, ...counts }: ComplianceReport) {
  const { calls, checkedCalls, blockedCalls, redactedCalls, lateCalls } = counts;
  return {
    calls,
    checkedCalls,
    blockedCalls,
    blockedRecords: [...blockedRecords],
    redactedCalls,
    lateCalls,
    controls: controls.map((control) => ({ ...control, failedRecords: [...control.failedRecords] })),
    rules: rules.map((rule) => ({ ...rule, records: [...rule.records] })),
  };
}
