import type { ContentStore } from '../content/contentStore.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import type { Anchor, Anchoring } from '../ledger/anchors.ts';
import type { Cap } from '../ledger/budgetFold.ts';
import type { LedgerAdministration, LedgerReader, Receipt, ReopeningReceipt } from '../ledger/contract.ts';
import type { LedgerLocation } from '../ledger/readJournal.ts';
import type { Caller } from '../ledger/records.ts';
import type { Signer } from '../ledger/signing.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import type { LoadedSettings, SettingsOverrides } from '../settings/loadSettings.ts';
import type { FlowAgreementManager } from '../flow/flowAgreementManager.ts';
import type { ReportStore } from '../flow/reportStore.ts';
import type { BackendInfo } from '../gateways/ports.ts';
import type { UnifiedChatManager } from '../chat/unifiedChatManager.ts';
import type { GatewayRegistry } from '../gateways/registry.ts';
import type { Sessions } from '../gateways/services.ts';

/** What the command line's global options, or VS Code's settings of the same names, say. */
export interface ComposeOptions extends SettingsOverrides {
  environment: Readonly<Record<string, string | undefined>>;
  backend?: string | undefined;
  user?: string | undefined;
  /** Proxy and certificates, beyond what the environment says. */
  network?:
    { proxy?: string | undefined; noProxy?: readonly string[]; strictCertificates?: boolean } | undefined;
  /** Asks a person for the code of an MFA device. */
  mfaCode?: ((serial: string) => Promise<string>) | undefined;
  /** Folders whose agreements and files count. */
  folders?: readonly string[] | undefined;
  /** Folders whose agreements are known, so that running one can be refused for trust; `folders` when it isn't said. */
  flowFolders?: readonly string[] | undefined;
  /** Signing keys that this installation had besides the one in its file. */
  olderSigningKeys?: (() => Promise<Signer[]>) | undefined;
}

/** The assembled product: what every front door works with. */
export interface Core {
  readonly loaded: LoadedSettings;
  readonly catalogue: ModelCatalogue;
  /** What is known of the back-end; only the corporate gateway can call it. */
  readonly backend: BackendInfo;
  /** Why answers are simulated; null when they are real. */
  readonly simulatedBecause: string | null;
  /** The outside services. */
  readonly sessions: Sessions;
  readonly ledger: LedgerReader & Pick<LedgerAdministration, 'adjust' | 'recover' | 'rotateKey'>;
  /** Where the ledger's records lie, for whoever reads them there. */
  readonly journal: LedgerLocation;
  readonly registry: GatewayRegistry;
  /** Answers in the modes of the chat. */
  readonly chat: UnifiedChatManager;
  /** Whose agreements and files count. */
  readonly folders: readonly string[];
  readonly flow: FlowAgreementManager;
  /** What runs of agreements have found out. */
  readonly reports: Pick<ReportStore, 'read'>;
  /** Who calls are recorded for when a request doesn't say: as told, as AWS knows them, or as this machine does. */
  readonly user: string;
  /** What stands beside that name in records: the account, and the ARN where AWS could be asked. */
  readonly caller: Caller;
  readonly anchoring: Anchoring;
  /** The anchor at a path: the notes of a repository's folder, otherwise a file. */
  anchorAt(path: string): Anchor;
  /** Of today, or of a day YYYY-MM-DD against the caps of today. */
  budget(day?: string): Promise<BudgetStatus>;
  /** Sets a higher cap for today. Throws `audit_reason_missing`, `invalid_request` or what the ledger throws. */
  raiseCap(cap: Cap, reason: string): Promise<Receipt>;
  /** Lets today take calls again after an overrun. Throws as `raiseCap` does. */
  acknowledgeOverruns(reason: string): Promise<Receipt>;
  /**
   * Lets a ledger that was closed take calls again, as it is or with a new one in its place. Throws as `raiseCap`
   * does, and `ledger_damaged` while it doesn't verify.
   */
  reopenLedger(reason: string, options: { newLedger: boolean }): Promise<ReopeningReceipt>;
  /** What policy keeps of prompts and answers. */
  readonly content: Pick<ContentStore, 'read'>;
  /** Erases what was kept of a subject, and records that. Throws as `raiseCap` does, and `content_unavailable`. */
  eraseContent(subject: string, reason: string): Promise<{ items: number; receipt: Receipt }>;
  dispose(): Promise<void>;
}
