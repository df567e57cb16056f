import type { ReopeningFinding } from './fault.ts';

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

/** A record about the ledger, not about one call. */
interface LedgerEvent extends RecordBase {
  call_id: null;
}

export type LedgerMode = 'live' | 'simulated';

export const budgetScopes = ['ledger', 'user', 'model', 'workspace'] as const;
export type BudgetScope = (typeof budgetScopes)[number];

/** Whose money a cap holds: everybody's (key ""), or that of a user, a model id or a workspace folder. */
export interface ScopeKey {
  scope: BudgetScope;
  key: string;
}

export interface CapRecord extends ScopeKey {
  limit_micro_usd: string;
}

/** First record of a segment. */
export interface HeaderRecord extends LedgerEvent {
  kind: 'header';
  ledger_id: string;
  /** Hash of the record before, 64 zeros at the start of the ledger. */
  prev: string;
  /** From 1. */
  segment: number;
  mode: LedgerMode;
  /** Left out where the running time can't be known. */
  clock?: ClockReading;
  /** What the records before come to, so that a reader may begin here; null in the first segment. */
  carried: CarriedState | null;
  /** C2SP checkpoint of all records before, signed by an enrolled key; null in the first segment. */
  checkpoint: string | null;
  /** From here on a key is enrolled only as the successor of one that endorses it; left out by earlier versions. */
  endorsed_keys?: true;
}

/** A ledger's state between two segments. Lists are in the order of their first field. */
export interface CarriedState {
  /** Roots of the complete subtrees of the RFC 6962 tree over all records before, largest first. */
  tree: string[];
  days: CarriedDay[];
  open: CarriedCall[];
  /** Left out where there is none. */
  runs?: CarriedRun[];
  /** The last policy day on which a call was reserved, and its zone. */
  last_day: { day: string; timezone: string } | null;
  /** The oldest segment that retention has left. */
  first_segment: number;
  enrolled: CarriedKey[];
  /** Standing caps. */
  policy: CapRecord[];
}

export interface CarriedDay {
  day: string;
  spent_micro_usd: string;
  scopes: CarriedScope[];
  /** Caps that hold for this day instead of those of the settings. */
  raised: CapRecord[];
  /** Unacknowledged calls that cost more than they reserved. */
  overruns: string[];
}

/** A run of a FLOW agreement that has not ended. */
export interface CarriedRun extends Caller {
  run_id: string;
  opening_hash: string;
  agreement: string;
  instance: string;
  day: string;
  user_id: string;
  workspace: string | null;
  /** Of what it holds, what no call of it has taken. */
  left_micro_usd: string;
  spent_micro_usd: string;
  calls: number;
}

export interface CarriedScope extends ScopeKey {
  name: string;
  calls: number;
  tokens: number;
  spent_micro_usd: string;
}

export interface CarriedCall extends Caller {
  call_id: string;
  opening_hash: string;
  dispatched: boolean;
  instance: string;
  day: string;
  reserved_micro_usd: string;
  user_id: string;
  model: string;
  model_id: string | null;
  /** As in its RESERVE. */
  model_key?: string;
  workspace: string | null;
  /** Of the run that it is a part of. */
  run_id?: string;
}

export interface CarriedKey {
  key_id: string;
  /** Null for a key that was replaced, which is never enrolled again. */
  public_key: string | null;
}

/** Who acted, beyond the claimed name; left out where it isn't known, and by earlier versions. */
export interface Caller {
  /** The operating system's account of the process. */
  account?: string;
  /** The ARN of the credentials, as AWS says. */
  caller_arn?: string;
}

/** Who asks, why, for what, from where: the part every call's first record has. */
export interface CallDescription extends Caller {
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
  /** Path inside the workspace of the file that the call is about; left out where there is none. */
  file?: string;
  /** The FLOW run that the call belongs to; left out where there is none. */
  flow?: CallOfRun;
}

/** The agreement under which a call is made. */
export interface CallOfRun {
  run_id: string;
  /** Id of the agreement. */
  agreement: string;
  /** What the run as a whole holds. */
  cost_limit_micro_usd: string;
}

/**
 * Money is held for the worst case, under every cap that policy_change records have set for its ledger,
 * user, model and workspace. Durable before the first network byte.
 */
export interface ReserveRecord extends RecordBase, CallDescription {
  kind: 'RESERVE';
  call_id: string;
  /** The key of its model's cap and totals; left out where that is `model_id`. */
  model_key?: string;
  /** The process that holds the call; its liveness lock is `alive-<instance>.db`. */
  instance: string;
  /** Policy day the money belongs to, YYYY-MM-DD, and the IANA zone in which it begins. */
  day: string;
  timezone: string;
  reserved_micro_usd: string;
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

/** The record that ends a call repeats its RESERVE's hash: reason, prompt hash, cost and outcome are one proof. */
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
  /** Why, in one phrase; left out where the cost is exact, and by versions before it was known. */
  estimated_because?: string;
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
  /** The cap that refused it, if one did. */
  cap: CapRecord | null;
}

/** A call cost more than it had reserved. Its day takes no more calls until someone acknowledges that. */
export interface OverrunRecord extends RecordBase {
  kind: 'OVERRUN';
  call_id: string;
  day: string;
  reserved_micro_usd: string;
  cost_micro_usd: string;
}

/** Someone has seen the overruns of a day and lets it take calls again. */
export interface AcknowledgementRecord extends LedgerEvent {
  kind: 'acknowledgement';
  day: string;
  user_id: string;
  reason: string;
}

/** A cap was set. With a day it holds for that day only, otherwise it is what the settings say from now on. */
export interface PolicyChangeRecord extends LedgerEvent, ScopeKey {
  kind: 'policy_change';
  day: string | null;
  /** Null where there was, or is, no cap. */
  from_micro_usd: string | null;
  to_micro_usd: string | null;
  user_id: string;
  reason: string;
  /** Key that signed, and its Ed25519 signature of the record's canonical form without v, seq, time and signature. */
  key_id: string;
  signature: string;
}

export const tokenClasses = [
  'input',
  'output',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'cache_write',
] as const;
/** `cache_write` where a bill doesn't tell 5 minutes from 1 hour. */
export type TokenClass = (typeof tokenClasses)[number];

/** Corrects a day's spend where a bill differs from the records of a model, day and token class. */
export interface AdjustRecord extends LedgerEvent {
  kind: 'ADJUST';
  day: string;
  model_id: string;
  /** As in the RESERVE records of its calls. */
  model_key?: string;
  token_class: TokenClass;
  /** Settled and adjusted before. */
  recorded_micro_usd: string;
  billed_micro_usd: string;
  /** Billed less recorded; may begin with "-". */
  difference_micro_usd: string;
  /** When the billed usage was: `from-until` in milliseconds since the epoch, with commas between them. */
  billed_spans?: string;
  /** Name and SHA-256 of the cost export. */
  source: string;
  source_sha256: string;
  user_id: string;
  reason: string;
}

/**
 * The clock went back: records keep the later time, and the later day, until it has caught up. Or it is ahead of what
 * the running time allows, and is held.
 */
export interface ClockAnomalyRecord extends LedgerEvent {
  kind: 'clock_anomaly';
  wall_time: string;
}

/** What the clock, the record's time, is measured by from here on: a day that begins too soon is held. */
export interface ClockReading {
  /** Which start of the computer, and how long it had been running, asleep or not. */
  boot: string;
  running_ms: number;
}

/** The computer was started again since the header, or its clock was confirmed. */
export interface ClockReadingRecord extends LedgerEvent, ClockReading {
  kind: 'clock_reading';
}

/** A key that may sign checkpoints and policy changes of this ledger. */
export interface KeyRecord extends LedgerEvent {
  kind: 'key';
  /** Eight hex digits: the C2SP key id of the key's name and bytes. */
  key_id: string;
  /** 32 raw bytes of the Ed25519 key, base64. */
  public_key: string;
  user_id: string;
  /** Signature of the ledger's id and this key's id by the key itself: proof that its holder enrolled it. */
  proof: string;
  /**
   * The key it follows, which signs nothing from here on, and that key's signature of the same. Null for the
   * ledger's first, and for others that earlier versions enrolled without asking one that was there.
   */
  replaces: string | null;
  endorsement: string | null;
}

/** A subject's kept prompts and answers, and the key of their hashes, were erased. */
export interface TombstoneRecord extends LedgerEvent {
  kind: 'tombstone';
  /** SHA-256 of the subject's name, lower-case hex. */
  subject_sha256: string;
  items: number;
  user_id: string;
  reason: string;
}

/** Whole segments older than the policy keeps were dropped; the next header and its checkpoint vouch for them. */
export interface RetentionRecord extends LedgerEvent {
  kind: 'retention';
  /** The oldest segment that is kept. */
  first_segment: number;
  retention_days: number;
}

/**
 * A FLOW agreement begins to run. What it may cost is held until it ends, and its calls take what they
 * reserve from that.
 */
export interface FlowStartRecord extends LedgerEvent, Caller {
  kind: 'flow_start';
  run_id: string;
  agreement: string;
  trigger: string;
  flow_encoding: string;
  /** What is to run: `cost_analysis`, `prompt`, … */
  implementation: string;
  /** Which wording of the agreement: SHA-256 of its definition. */
  definition_sha256: string;
  /** The file it is defined in; null for what is built in. */
  source: string | null;
  /** How well the command matched the trigger. */
  confidence: number;
  /** Whether a person approved the command line that it is; null for what needs no approval. */
  approved: boolean | null;
  user_id: string;
  /** Trigger and expanded meaning. */
  reason: string;
  backend: string | null;
  workspace: string | null;
  branch: string | null;
  command: string | null;
  /** As in `CallDescription`. */
  file?: string;
  /** The process that runs it. */
  instance: string;
  day: string;
  timezone: string;
  reserved_micro_usd: string;
}

export const executionModes = ['real', 'simulated', 'failed'] as const;
export type ExecutionMode = (typeof executionModes)[number];

/** The front door of calls that the security test makes so that they are refused. */
export const attemptsCommand = 'security_test';

export const runOutcomes = ['success', 'failed', 'cancelled', 'refused', 'orphaned'] as const;
export type RunOutcome = (typeof runOutcomes)[number];

/** A run ended; what it still held is released. */
export interface FlowEndRecord extends LedgerEvent {
  kind: 'flow_end';
  run_id: string;
  opening_hash: string;
  day: string;
  /** `real` only when the implementation itself ran to its end on a real back-end. */
  execution_mode: ExecutionMode;
  outcome: RunOutcome;
  error_code: string | null;
  /** The fallback that ran, and its result; null where none did. */
  fallback: string | null;
  fallback_outcome: 'success' | 'failed' | null;
  /** The gateways that validated the agreement, lowest level first. */
  validated_by: string[];
  duration_ms: number;
  /** Calls that ended, and what they cost together. */
  calls: number;
  cost_micro_usd: string;
  /** The main result in a sentence, without prompts and answers. */
  summary: string | null;
  problems: number;
  warnings: number;
  /** Of the stored report; null where there is none. */
  report_sha256: string | null;
}

/** From here on this program's variables govern more loosely than its files; none do where the list is empty. */
export interface OverrideRecord extends LedgerEvent {
  kind: 'override';
  /** `NAME=value`, in the order of their names. */
  variables: string[];
  user_id: string;
}

/** A person has reviewed the fault of the ledger or its anchors, and reopens the ledger. */
export interface ReopeningRecord extends LedgerEvent {
  kind: 'reopening';
  /** What was found. */
  finding: ReopeningFinding;
  detail: string;
  /** Folder in which the old ledger was set aside, and its id; null when this one continues. */
  set_aside: string | null;
  replaces: string | null;
  /** The last checkpoint of each ledger that the anchors had: these, and no others, were accepted. */
  anchored: string[];
  user_id: string;
  reason: string;
}

/** Bytes of a torn write that were set aside in a quarantine file. */
export interface RecoveryRecord extends LedgerEvent {
  kind: 'recovery';
  bytes: number;
  sha256: string;
  quarantine: string;
}

/** What a note may hold: integers are those that a JavaScript number holds exactly. */
export type NoteValue = string | number | boolean | null | readonly NoteValue[] | NoteData;
export interface NoteData {
  readonly [name: string]: NoteValue;
}

/**
 * Something worth recording that moves no money: by its kind it counts towards no budget, cap, key or run, whatever
 * it holds. Readers check its form and pass over topics that they don't know, so new ones need no new version.
 */
export interface NoteRecord extends RecordBase {
  kind: 'note';
  /** What it is about, in dotted names: `request.content`. */
  topic: string;
  /** Bounded in size and depth, as `isNoteData` says. */
  data: NoteData;
}

/** A note before the ledger gives it its call and its place. */
export type Note = Pick<NoteRecord, 'topic' | 'data'>;

export type LedgerRecord =
  | HeaderRecord
  | ReserveRecord
  | DispatchRecord
  | SettleRecord
  | VoidRecord
  | ExpiredChargedRecord
  | RefuseRecord
  | OverrunRecord
  | AcknowledgementRecord
  | PolicyChangeRecord
  | AdjustRecord
  | ClockAnomalyRecord
  | KeyRecord
  | TombstoneRecord
  | RetentionRecord
  | FlowStartRecord
  | FlowEndRecord
  | ClockReadingRecord
  | OverrideRecord
  | ReopeningRecord
  | RecoveryRecord
  | NoteRecord;

export type RecordKind = LedgerRecord['kind'];
export type RecordOf<Kind extends RecordKind> = Extract<LedgerRecord, { kind: Kind }>;

/** A record before the journal gives it its place. */
export type RecordDraft = LedgerRecord extends infer Kind
  ? Kind extends LedgerRecord
    ? Omit<Kind, 'v' | 'seq' | 'time'>
    : never
  : never;

/** How a call ended, as `audit list` names it; `pending` while it runs. */
export type CallOutcome = SettledOutcome | 'refused' | 'orphaned' | 'pending';
