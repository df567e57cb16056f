/**
 * The journal's records, in the names they are stored under. Money is integer micro-USD in strings.
 * Readers that meet an unknown `v` must stop, never skip.
 */
export const recordVersion = 1;

interface RecordBase {
  v: number;
  /** 1 for the first record of the ledger, then one more each. */
  seq: number;
  /** ISO 8601, UTC; never before the record that precedes it. */
  time: string;
  call_id: string | null;
}

export type LedgerMode = 'live' | 'simulated';

/** First record of a segment. */
export interface HeaderRecord extends RecordBase {
  kind: 'header';
  call_id: null;
  ledger_id: string;
  /** Hash of the record before, 64 zeros at the start of the ledger. */
  prev: string;
  segment: number;
  mode: LedgerMode;
}

/** Who asks, why, for what, from where: the part every call's first record has. */
export interface CallDescription {
  user_id: string;
  reason: string;
  /** The name that was asked for. */
  model: string;
  /** What it stands for; null when it could not be resolved. */
  model_id: string | null;
  backend: string | null;
  priority: string;
  workspace: string | null;
  branch: string | null;
  /** The front door: chat, cli, … */
  command: string | null;
}

/** Money is held for the worst case. Durable before the first network byte. */
export interface ReserveRecord extends RecordBase, CallDescription {
  kind: 'RESERVE';
  call_id: string;
  /** The process that holds the call; its liveness lock is `alive-<instance>.db`. */
  instance: string;
  /** Policy day the money belongs to, YYYY-MM-DD, and the IANA zone in which it begins. */
  day: string;
  timezone: string;
  reserved_micro_usd: string;
  /** The ledger's daily limit that admitted the call. */
  limit_micro_usd: string;
  region: string | null;
  price_key: string;
  input_tokens_bound: number;
  max_tokens: number;
  temperature: number | null;
  /** HMAC-SHA256 of the request under the subject's key, or null by policy. */
  request_hmac: string | null;
}

/** From here on the provider may bill. */
export interface DispatchRecord extends RecordBase {
  kind: 'DISPATCH';
  call_id: string;
}

export interface TokenCounts {
  input_tokens: number;
  output_tokens: number;
  cache_read_input_tokens: number;
  cache_write_5m_input_tokens: number;
  cache_write_1h_input_tokens: number;
}

/** USD per 1,000,000 tokens, decimal strings, as they were applied. */
export interface UnitPrices {
  above_input_tokens: number;
  input: string | null;
  output: string | null;
  cache_read: string | null;
  cache_write_5m: string | null;
  cache_write_1h: string | null;
}

/** What ends a call repeats the hash of its RESERVE: reason, prompt hash, cost and outcome are one proof. */
interface EndingBase extends RecordBase {
  call_id: string;
  day: string;
  opening_hash: string;
}

export type SettledOutcome = 'success' | 'failed' | 'cancelled' | 'incomplete';

/** The call ended and this is what it cost. Durable before the caller is told so. */
export interface SettleRecord extends EndingBase {
  kind: 'SETTLE';
  outcome: SettledOutcome;
  cost_micro_usd: string;
  /** True when the provider never said what was used, and the cost is an upper bound. */
  estimated: boolean;
  tokens: TokenCounts;
  /** Null when the cost is an upper bound. */
  unit_prices: UnitPrices | null;
  processing_time_ms: number;
  time_to_first_token_ms: number | null;
  stop_reason: string | null;
  error_code: string | null;
  response_hmac: string | null;
}

/** The reservation is released; nothing was spent. */
export interface VoidRecord extends EndingBase {
  kind: 'VOID';
  outcome: 'failed' | 'cancelled' | 'orphaned';
  processing_time_ms: number;
  error_code: string | null;
}

/** The process died after DISPATCH: the worst case is charged until a bill says otherwise. */
export interface ExpiredChargedRecord extends EndingBase {
  kind: 'EXPIRED_CHARGED';
  outcome: 'orphaned';
  cost_micro_usd: string;
  estimated: true;
}

/** A call that was refused before any reservation. */
export interface RefuseRecord extends RecordBase, CallDescription {
  kind: 'REFUSE';
  call_id: string;
  day: string;
  timezone: string;
  outcome: 'refused' | 'failed' | 'cancelled';
  error_code: string;
}

/** Bytes of a torn write that were set aside in a quarantine file. */
export interface RecoveryRecord extends RecordBase {
  kind: 'recovery';
  call_id: null;
  bytes: number;
  sha256: string;
  quarantine: string;
}

export type LedgerRecord =
  | HeaderRecord
  | ReserveRecord
  | DispatchRecord
  | SettleRecord
  | VoidRecord
  | ExpiredChargedRecord
  | RefuseRecord
  | RecoveryRecord;

/** A record before the journal gives it its place. */
export type RecordDraft = LedgerRecord extends infer Kind
  ? Kind extends LedgerRecord
    ? Omit<Kind, 'v' | 'seq' | 'time'>
    : never
  : never;

/** How a call ended, as `audit list` names it; `pending` while it runs. */
export type CallOutcome = SettledOutcome | 'refused' | 'orphaned' | 'pending';
