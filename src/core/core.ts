import type { Approvals, ListedRequest } from '../approvals/approvals.ts';
import type { SignedDecision, SignedRequest } from '../approvals/request.ts';
import type { KeyedService } from '../apiKeys.ts';
import type { Screening } from '../compliance/screening.ts';
import type { ContentStore } from '../content/contentStore.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import type { Anchor, Anchoring } from '../ledger/anchors.ts';
import type { Cap } from '../ledger/budgetFold.ts';
import type { LedgerAdministration, LedgerReader, Receipt, ReopeningReceipt } from '../ledger/contract.ts';
import type { LedgerLocation } from '../ledger/readJournal.ts';
import type { Caller } from '../ledger/records.ts';
import type { Signer } from '../ledger/signing.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import type { InfrastructureDelegate } from './infrastructureDelegate.ts';
import type { LoadedSettings, SettingsOverrides } from '../settings/loadSettings.ts';
import type { FlowAgreementManager } from '../flow/flowAgreementManager.ts';
import type { ReportStore } from '../flow/reportStore.ts';
import type { BackendInfo, Pacing } from '../gateways/ports.ts';
import type { UnifiedChatManager } from '../chat/unifiedChatManager.ts';
import type { GatewayRegistry } from '../gateways/registry.ts';
import type { Sessions, TeamDatabase } from '../gateways/services.ts';
import type { Tracker } from '../tracking/tracker.ts';
import type { WorkflowOptimizer } from '../workflowRuns/workflowOptimizer.ts';

/** The command line's global options, or VS Code's settings of the same names. */
export interface ComposeOptions extends SettingsOverrides {
  environment: Readonly<Record<string, string | undefined>>;
  backend?: string | undefined;
  user?: string | undefined;
  /** Proxy and certificates, in addition to those of the environment. */
  network?:
    { proxy?: string | undefined; noProxy?: readonly string[]; strictCertificates?: boolean } | undefined;
  /** Asks a person for the code of an MFA device. */
  mfaCode?: ((serial: string) => Promise<string>) | undefined;
  /** The key that is kept for a service, if the environment has none. */
  apiKey?: ((service: KeyedService) => Promise<string | undefined>) | undefined;
  /** Folders whose agreements and settings apply. */
  folders?: readonly string[] | undefined;
  /** Folders whose agreements are known, so that running one can be refused for trust; default `folders`. */
  flowFolders?: readonly string[] | undefined;
  /** Time and chance of retries, pauses and turns; by default the system's. */
  pacing?: Pacing | undefined;
  /** Further signing keys of this installation, besides the one in its file. */
  olderSigningKeys?: (() => Promise<Signer[]>) | undefined;
}

/** The cache as people see it. */
export interface CacheFiles {
  readonly directory: string;
  /** The files of each model, most bytes first. */
  models(): Promise<{ model: string; files: number; bytes: number }[]>;
  /** Deletes the answers of one model, or all. */
  clear(model?: string): Promise<{ files: number; bytes: number }>;
}

/** A call, by the id of its first attempt, or a FLOW run or comparison. */
export type TrackedPage = { call: string } | { run: string };

/** Tracking of calls in MLflow and OpenTelemetry. */
export interface Tracking {
  readonly tracker: Tracker;
  /** Whether MLflow has calls of this ledger, so that it can show them. */
  hasPages(): boolean;
  /** The address at which MLflow shows a call or run. Throws `service_failed` if it isn't there, or can't be asked. */
  pageOf(page: TrackedPage): Promise<string>;
}

/** The assembled product that every front door works with. */
export interface Core {
  readonly loaded: LoadedSettings;
  readonly catalogue: ModelCatalogue;
  /** Facts about the back-end; only the corporate gateway can call it. */
  readonly backend: BackendInfo;
  /** Why answers are simulated; null when they are real. */
  readonly simulatedBecause: string | null;
  /** The outside services. */
  readonly sessions: Sessions;
  readonly ledger: LedgerReader & Pick<LedgerAdministration, 'adjust' | 'note' | 'recover' | 'rotateKey'>;
  /** The ledger's folder, for code that reads its records as files. */
  readonly journal: LedgerLocation;
  readonly registry: GatewayRegistry;
  /** Cached answers. */
  readonly cache: CacheFiles;
  readonly tracking: Tracking;
  /** What compliance policy finds in texts. */
  readonly compliance: Pick<Screening, 'check' | 'find' | 'ruleIds'>;
  /** Model calls for code outside the chat, such as other extensions. */
  readonly infrastructure: InfrastructureDelegate;
  /** Answers questions in the chat's modes. */
  readonly chat: UnifiedChatManager;
  /** Folders whose agreements and settings apply. */
  readonly folders: readonly string[];
  readonly flow: FlowAgreementManager;
  /** Workflows and their runs. */
  readonly workflows: WorkflowOptimizer;
  /** The team's database. Throws `invalid_request` if the settings name none, and `service_failed`. */
  teamDatabase(): Promise<TeamDatabase>;
  /** The reports of FLOW runs. */
  readonly reports: Pick<ReportStore, 'read'>;
  /** The default user of calls: from the options, from AWS, or from this machine. */
  readonly user: string;
  /** Recorded next to that name: the account, and the ARN if AWS could be asked. */
  readonly caller: Caller;
  readonly anchoring: Anchoring;
  /** The anchor at a path: the notes of a repository's folder, otherwise a file. */
  anchorAt(path: string): Anchor;
  /** The budget of today, or of a day YYYY-MM-DD against today's caps. */
  budget(day?: string): Promise<BudgetStatus>;
  /** What needs a second person. */
  readonly approvals: Omit<Approvals, 'take' | 'covering' | 'waitingForAgreement'>;
  /**
   * Records a decision about a request of this ledger, and carries out what it approves. Repeated for a raised cap that was
   * approved and not yet raised. Throws `invalid_request` and what the ledger throws.
   */
  takeDecision(decision: SignedDecision, about?: SignedRequest): Promise<ListedRequest>;
  /**
   * Raises a cap for today, or where duties are separated records a request for that, which is returned. Throws
   * `audit_reason_missing`, `invalid_request` or what the ledger throws.
   */
  raiseCap(cap: Cap, reason: string): Promise<{ receipt: Receipt; request: ListedRequest | null }>;
  /** Unblocks today's calls after an overrun. Throws what `raiseCap` throws. */
  acknowledgeOverruns(reason: string): Promise<Receipt>;
  /**
   * Reopens a closed ledger, or replaces it with a new one. Throws what `raiseCap` throws, and `ledger_damaged`
   * while verification fails.
   */
  reopenLedger(reason: string, options: { newLedger: boolean }): Promise<ReopeningReceipt>;
  /** What policy allows to keep of prompts and answers. */
  readonly content: Pick<ContentStore, 'read'>;
  /** Erases a subject's kept content, and records that. Throws what `raiseCap` throws, and `content_unavailable`. */
  eraseContent(subject: string, reason: string): Promise<{ items: number; receipt: Receipt }>;
  dispose(): Promise<void>;
}
