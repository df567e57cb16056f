import * as vscode from 'vscode';
import type { Core } from '../../core/core.ts';
import type { AuditTrail, Verification } from '../../host/auditTrail.ts';
import { certainFault } from '../../ledger/closure.ts';
import type { Fault } from '../../ledger/fault.ts';
import type { Chain, HostMessage } from './protocol.ts';

export interface AuditChainDependencies {
  /** Folder of the shown ledger; null while there is none. */
  directory: () => string | null;
  /** The core, if the shown ledger is the one in use. */
  coreInUse: () => Core | null;
  auditTrail: AuditTrail;
  post: (message: HostMessage) => void;
}

/** The banner above all tabs: whether the shown ledger's chain is intact, and its verification. */
export class AuditChain {
  readonly #dependencies: AuditChainDependencies;
  #verifying: { stop: AbortController; share: number } | null = null;
  /** The fault that the index found in the ledger. */
  #fault: string | null = null;

  constructor(dependencies: AuditChainDependencies) {
    this.#dependencies = dependencies;
  }

  /** Takes the fault that reading the ledger found; null if there was none. */
  found(fault: string | null): void {
    this.#fault = fault;
  }

  stop(): void {
    this.#verifying?.stop.abort();
  }

  async verify(): Promise<void> {
    const directory = this.#dependencies.directory();
    if (directory === null || this.#verifying) return;
    const verifying = { stop: new AbortController(), share: 0 };
    this.#verifying = verifying;
    this.show();
    try {
      const { auditTrail } = this.#dependencies;
      await auditTrail.check({ directory, mode: null }, verifying.stop.signal, (share) => {
        // Often enough for the eye.
        if (share - verifying.share < 0.01) return;
        verifying.share = share;
        this.show();
      });
    } finally {
      this.#verifying = null;
      this.show();
    }
  }

  async openFault(): Promise<void> {
    const fault = this.#found();
    if (fault) await this.openRecord(fault.segment, fault.line);
  }

  async openRecord(segment: string, line: number): Promise<void> {
    const directory = this.#dependencies.directory();
    if (directory !== null) await this.#dependencies.auditTrail.openRecord(directory, segment, line);
  }

  /** Tells the view the state of the chain. */
  show(): void {
    const anchors = (this.#dependencies.coreInUse()?.anchoring.status ?? []).flatMap(({ location, last }) =>
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
    );
    this.#dependencies.post({ type: 'chain', chain: this.#chain(), anchors });
  }

  #chain(): Chain {
    if (this.#verifying) return { state: 'verifying', share: this.#verifying.share };
    const last = this.lastVerification();
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
    const directory = this.#dependencies.directory();
    if (directory === null) return null;
    return this.lastVerification()?.result.firstFault ?? certainFault(directory);
  }

  /** The last verification of the shown ledger. */
  lastVerification(): Verification | null {
    const directory = this.#dependencies.directory();
    return directory === null ? null : this.#dependencies.auditTrail.lastVerification(directory);
  }
}
