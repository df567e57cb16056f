import { join } from 'node:path';

/** The ledgers of an account: of real money, and of simulated. */
export type LedgerKind = 'live' | 'simulated';

/** Where everything lies below the state folder. */
export const statePlaces = {
  ledger: (state: string, kind: LedgerKind) => join(state, 'ledger', kind),
  /** Reports of FLOW runs. */
  reports: (state: string, kind: LedgerKind) => join(state, 'flow', kind),
  /** What policy keeps of prompts and answers. */
  content: (state: string) => join(state, 'content'),
  signingKey: (state: string) => join(state, 'signing.pem'),
  /** Names every state folder of the account. */
  homes: (state: string) => join(state, 'homes'),
} as const;
