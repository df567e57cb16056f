import { join } from 'node:path';

/** The ledgers of an account: for real and for simulated money. */
export type LedgerKind = 'live' | 'simulated';

/** Places in the state folder. */
export const statePlaces = {
  ledger: (state: string, kind: LedgerKind) => join(state, 'ledger', kind),
  /** Reports of FLOW runs. */
  reports: (state: string, kind: LedgerKind) => join(state, 'flow', kind),
  /** Stored prompts and answers. */
  content: (state: string) => join(state, 'content'),
  /** The chat's conversations. */
  conversations: (state: string) => join(state, 'conversations'),
  /** Runs of workflows. */
  workflowRuns: (state: string, kind: LedgerKind) => join(state, 'workflows', kind),
  /** Keys of users, for all that is kept of them. */
  contentKeys: (state: string) => join(state, 'content', 'keys'),
  /** Slots for calls that run at once. */
  slots: (state: string, kind: LedgerKind) => join(state, 'slots', kind),
  /** Calls that wait to be sent to MLflow and OpenTelemetry. */
  spool: (state: string, kind: LedgerKind) => join(state, 'spool', kind),
  /** Saved queries of the audit history. */
  queries: (state: string) => join(state, 'queries'),
  /** The key with which this user signs requests for approval, and decisions about others'. */
  personalKey: (state: string) => join(state, 'approver.pem'),
  /** Requests for approval, as files for their approvers. */
  requests: (state: string) => join(state, 'requests'),
  signingKey: (state: string) => join(state, 'signing.pem'),
  /** List of all state folders of the account. */
  homes: (state: string) => join(state, 'homes'),
} as const;
