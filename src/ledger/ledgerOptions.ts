import type { CapOf } from './capSettings.ts';
import type { OpenRun } from './budgetFold.ts';
import type { RunningTime } from './ledgerClock.ts';
import type { LedgerMode } from './records.ts';
import type { SigningKeyStore } from './signingKey.ts';

/** A run whose process is gone, and what its calls came to, micro-USD. */
export type OrphanedRun = Pick<OpenRun, 'runId' | 'agreement' | 'calls' | 'spent'>;

export interface LedgerOptions {
  directory: string;
  mode: LedgerMode;
  /** The user, for records that belong to no call. */
  user: string;
  /** IANA zone in which policy days begin. */
  timeZone: string;
  /** The daily caps of the settings, asked again for each call and run. */
  capOf: CapOf;
  /** Variables that govern more loosely than the files, as `NAME=value`. */
  overrides?: readonly string[];
  /** Where this installation's key is, which signs checkpoints and changes of policy. */
  signingKeys: SigningKeyStore;
  /** The least characters of a reason; at least one. */
  minReasonLength?: number;
  /** The key that the ledger must be of, as in `LedgerState`; null takes any. */
  pinnedKey?: string | null;
  /** Closed segments older than this are dropped when the next begins. */
  retentionDays: number;
  /** Called after segments were dropped, with the first policy day that is kept. */
  onRetention?: (firstDay: string) => void;
  /** Called before the ends of runs are written whose processes are gone; again if that fails. */
  onOrphanedRuns?: (runs: readonly OrphanedRun[]) => void;
  /** Compares the ledger with its anchors, before money is held. Throws `ledger_damaged`. */
  compareAnchors?: () => Promise<void>;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** How long the computer has been running; of the system where the clock is, too. */
  running?: () => RunningTime | null;
  /** How far another clock is ahead of this computer's, in milliseconds; null where none can be asked. Never rejects. */
  clockOffset?: () => Promise<number | null>;
}
