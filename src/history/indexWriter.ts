import { randomUUID } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { JournalPosition, PlacedRecord } from '../ledger/readJournal.ts';
import type {
  CallDescription,
  ExpiredChargedRecord,
  HeaderRecord,
  LedgerRecord,
  NoteRecord,
  RefuseRecord,
  SettleRecord,
  VoidRecord,
} from '../ledger/records.ts';
import {
  blockCapacity,
  CallBlock,
  columnNames,
  columnOfReasons,
  dayNumber,
  type FilterValues,
  type StoredColumns,
} from './callBlock.ts';
import { callOutcomes, type CallInZone, type HistoryCall, type StoredPlace } from './calls.ts';
import { savedBy } from './recordedCalls.ts';
import { addRun, endRun, findingsIn, findingTable, runTable } from './runsAndFindings.ts';
import { hourOf, UsageTotals } from './usageTotals.ts';

/** Changing this number rebuilds every index. */
const schemaVersion = 7;

const columnsOfBlock = columnNames.filter((name) => name !== columnOfReasons);

const schema = `
CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL);
CREATE TABLE string (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
-- Calls that have ended, in the order of the records that ended them: n is 1, 2, 3, …
CREATE TABLE call (
  n INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, opened INTEGER NOT NULL, call_id TEXT NOT NULL,
  hash BLOB NOT NULL, time INTEGER NOT NULL, day TEXT NOT NULL, outcome INTEGER NOT NULL,
  user INTEGER NOT NULL, model INTEGER NOT NULL, model_id INTEGER NOT NULL, backend INTEGER NOT NULL,
  workspace INTEGER NOT NULL, branch INTEGER NOT NULL, command INTEGER NOT NULL, account INTEGER NOT NULL, caller_arn INTEGER NOT NULL, error_code INTEGER NOT NULL,
  cost INTEGER NOT NULL, estimated INTEGER NOT NULL, input INTEGER, output INTEGER, cache_read INTEGER,
  cache_write_5m INTEGER, cache_write_1h INTEGER, processing_ms INTEGER, first_token_ms INTEGER,
  reason TEXT NOT NULL, records TEXT NOT NULL, saved INTEGER, attempt INTEGER NOT NULL, run_id TEXT, comparison_id TEXT
);
CREATE INDEX call_by_sequence ON call (sequence);
CREATE INDEX call_of_comparison ON call (comparison_id) WHERE comparison_id IS NOT NULL;
-- What calls are filtered by, ${blockCapacity} of them in a row: block 0 has n 1 to ${blockCapacity}.
CREATE TABLE block (
  number INTEGER PRIMARY KEY, size INTEGER NOT NULL, ${columnsOfBlock.map((name) => `${name} BLOB NOT NULL`).join(', ')}
);
CREATE TABLE block_reasons (
  number INTEGER PRIMARY KEY, ${columnOfReasons} BLOB NOT NULL, reasons BLOB NOT NULL
);
CREATE TABLE open_call (call_id TEXT PRIMARY KEY, call TEXT NOT NULL) WITHOUT ROWID;
-- Records about the ledger, and those of calls that have more than an opening and an ending.
CREATE TABLE event (
  sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, call_id TEXT, time TEXT NOT NULL, place TEXT NOT NULL
);
${runTable}
${findingTable}
CREATE TABLE usage (
  day TEXT NOT NULL, dimension TEXT NOT NULL, key INTEGER NOT NULL, calls INTEGER NOT NULL, refusals INTEGER NOT NULL,
  input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL, spent INTEGER NOT NULL, estimated INTEGER NOT NULL, adjusted INTEGER NOT NULL,
  PRIMARY KEY (dimension, day, key)
) WITHOUT ROWID;
PRAGMA user_version = ${schemaVersion};`;

/** Numbers of the strings that many calls share; 0 is none. */
export class Dictionary {
  readonly #texts: (string | null)[] = [null];
  readonly #numbers = new Map<string, number>();

  text(number: number): string | null {
    return this.#texts[number] ?? null;
  }

  /** Undefined if no call has the text. */
  find(text: string): number | undefined {
    return this.#numbers.get(text);
  }

  get size(): number {
    return this.#texts.length;
  }

  add(text: string): number {
    const number = this.#texts.push(text) - 1;
    this.#numbers.set(text, number);
    return number;
  }
}

/** The progress of an index. */
export interface Progress {
  /** Identifies this build of the index: a rebuilt one has other numbers. */
  made: string;
  /** Null before the first record. */
  position: JournalPosition | null;
  /** File name of the oldest segment read; empty before the first record. */
  firstSegment: string;
  /** Offset of the last record in its segment, in bytes. */
  lastOffset: number;
}

type Ending = SettleRecord | VoidRecord | ExpiredChargedRecord;

/** Takes the journal's records, oldest first, and writes the resulting rows into the index's tables. */
export class IndexWriter {
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepare>;
  readonly strings = new Dictionary();
  readonly open = new Map<string, CallInZone>();
  /** Number of finished calls. */
  count = 0;
  progress: Progress;
  #block = new CallBlock();
  #usage = new UsageTotals();
  #changedOpen = new Set<string>();
  /** Of the calls in the table of open ones: most are opened and ended before the next writing. */
  readonly #storedOpen = new Set<string>();

  /** Continues from the tables' state. Throws the database's error, or another, if they aren't those of an index. */
  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepare(database);
    const strings = database.prepare('SELECT text FROM string ORDER BY id').all() as { text: string }[];
    for (const { text } of strings) this.strings.add(text);
    this.progress = IndexWriter.progress(database);
    this.count = countCalls(database);
    for (const { call } of database.prepare('SELECT call FROM open_call').all() as { call: string }[]) {
      const stored = JSON.parse(call) as StoredOpenCall;
      const saved = stored.saved === null ? null : BigInt(stored.saved);
      this.open.set(stored.callId, { ...stored, cost: BigInt(stored.cost), saved });
      this.#storedOpen.add(stored.callId);
    }
    this.#block = readBlock(database, Math.floor(this.count / blockCapacity)) ?? new CallBlock();
  }

  /** Empties an index, or creates one in an empty file. */
  static create(database: DatabaseSync): void {
    const tables = database
      .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
      .all() as { name: string }[];
    for (const { name } of tables) database.exec(`DROP TABLE "${name.replaceAll('"', '""')}"`);
    database.exec(schema);
    const progress: Progress = { made: randomUUID(), position: null, firstSegment: '', lastOffset: 0 };
    database.prepare('INSERT INTO progress VALUES (1, ?)').run(JSON.stringify(progress));
  }

  static progress(database: DatabaseSync): Progress {
    const { value } = database.prepare('SELECT value FROM progress').get() as { value: string };
    return JSON.parse(value) as Progress;
  }

  /** Whether the tables are of this version. */
  static fits(database: DatabaseSync): boolean {
    return database.prepare('PRAGMA user_version').get()?.['user_version'] === schemaVersion;
  }

  take(placed: PlacedRecord): void {
    const { record } = placed;
    this.progress.firstSegment ||= placed.segment;
    this.progress.lastOffset = placed.offset;
    switch (record.kind) {
      case 'header':
        this.#takeHeader(record, placed);
        return;
      case 'RESERVE':
        this.#setOpen({
          ...describe(record),
          ...endOf(placed),
          callId: record.call_id,
          outcome: 'pending',
          time: record.time,
          day: record.day,
          timeZone: record.timezone,
          cost: BigInt(record.reserved_micro_usd),
          costEstimated: true,
          saved: null,
          attempt: 1,
          errorCode: null,
          records: [placeOf(placed)],
          runId: record.flow?.run_id ?? null,
          comparisonId: null,
        });
        return;
      case 'DISPATCH': {
        const call = this.open.get(record.call_id);
        if (call) this.#changeOpen({ ...call, records: [...call.records, placeOf(placed)] });
        return;
      }
      case 'SETTLE':
      case 'VOID':
      case 'EXPIRED_CHARGED':
        this.#takeEnding(record, placed);
        return;
      case 'REFUSE':
        this.#takeRefusal(record, placed);
        return;
      case 'ADJUST':
        this.#usage.addAdjustment(
          record.day,
          this.#number(record.model_id),
          BigInt(record.difference_micro_usd),
        );
        this.#takeEvent(placed);
        return;
      case 'note':
        this.#takeNote(record, placed);
        return;
      case 'flow_start':
        addRun(this.#database, record);
        this.#takeEvent(placed);
        return;
      case 'flow_end':
        endRun(this.#database, record);
        this.#takeEvent(placed);
        return;
      default:
        this.#takeEvent(placed);
    }
  }

  /** Writes the taken records; the caller commits. */
  save(position: JournalPosition): void {
    const { setProgress, putOpen, dropOpen } = this.#statements;
    for (const callId of this.#changedOpen) {
      const call = this.open.get(callId);
      if (call) {
        putOpen.run(callId, storedOpenCall(call));
        this.#storedOpen.add(callId);
      } else if (this.#storedOpen.delete(callId)) dropOpen.run(callId);
    }
    this.#changedOpen.clear();
    this.#writeBlock();
    this.#usage.write(this.#database);
    this.#usage = new UsageTotals();
    this.progress.position = position;
    setProgress.run(JSON.stringify(this.progress));
  }

  #takeHeader(header: HeaderRecord, placed: PlacedRecord): void {
    const carried = placed.segment === this.progress.firstSegment ? (header.carried?.open ?? []) : [];
    this.#takeEvent(placed);
    // The first segments were deleted: nothing else is known about the calls that they opened.
    for (const call of carried) {
      this.#setOpen({
        ...endOf(placed),
        callId: call.call_id,
        outcome: 'pending',
        time: header.time,
        day: call.day,
        timeZone: 'UTC',
        userId: call.user_id,
        reason: '',
        model: call.model,
        modelId: call.model_id,
        backend: null,
        workspace: call.workspace,
        branch: null,
        command: null,
        account: call.account ?? null,
        callerArn: call.caller_arn ?? null,
        cost: BigInt(call.reserved_micro_usd),
        costEstimated: true,
        saved: null,
        attempt: 1,
        errorCode: null,
        records: [],
        runId: call.run_id ?? null,
        comparisonId: null,
      });
    }
    const runs = placed.segment === this.progress.firstSegment ? (header.carried?.runs ?? []) : [];
    for (const run of runs) addRun(this.#database, { ...run, seq: header.seq, time: header.time });
  }

  #takeEnding(record: Ending, placed: PlacedRecord): void {
    const call = this.open.get(record.call_id);
    if (!call) return;
    this.open.delete(record.call_id);
    this.#changedOpen.add(record.call_id);
    const settled = record.kind === 'SETTLE' ? record : null;
    this.#end(
      {
        ...call,
        ...endOf(placed),
        outcome: record.outcome,
        cost: record.kind === 'VOID' ? 0n : BigInt(record.cost_micro_usd),
        costEstimated: record.kind === 'VOID' ? false : record.estimated,
        tokens: settled?.tokens ?? null,
        processingTimeMs: record.kind === 'EXPIRED_CHARGED' ? null : record.processing_time_ms,
        timeToFirstTokenMs: settled?.time_to_first_token_ms ?? null,
        errorCode: record.kind === 'EXPIRED_CHARGED' ? null : record.error_code,
        records: [...call.records, placeOf(placed)],
      },
      false,
    );
  }

  #takeRefusal(record: RefuseRecord, placed: PlacedRecord): void {
    const call: CallInZone = {
      ...describe(record),
      ...endOf(placed),
      callId: record.call_id,
      outcome: record.outcome,
      time: record.time,
      day: record.day,
      timeZone: record.timezone,
      cost: 0n,
      costEstimated: false,
      saved: null,
      attempt: 1,
      errorCode: record.error_code,
      records: [placeOf(placed)],
      runId: record.flow?.run_id ?? null,
      comparisonId: null,
    };
    this.#end(call, true);
  }

  #takeNote(record: NoteRecord, placed: PlacedRecord): void {
    const call = this.open.get(record.call_id ?? '');
    if (call) {
      this.#changeOpen({
        ...call,
        records: [...call.records, placeOf(placed)],
        saved: savedBy(record) ?? call.saved,
        attempt: attemptOf(record) ?? call.attempt,
        comparisonId: comparisonOf(record) ?? call.comparisonId,
      });
    } else this.#takeEvent(placed);
    this.#takeFindings(record, call);
  }

  /** Records about the ledger; one that names a call is one of its records too. */
  #takeEvent(placed: PlacedRecord): void {
    const { record } = placed;
    const place = packPlaces([placeOf(placed)]);
    this.#statements.addEvent.run(record.seq, record.kind, record.call_id, record.time, place);
    if (record.call_id === null) return;
    const found = this.#statements.findCall.get(record.call_id) as { n: number; records: string } | undefined;
    if (!found) return;
    const records = [...unpackPlaces(found.records), placeOf(placed)];
    this.#statements.setRecords.run(packPlaces(records), found.n);
  }

  /** A call that was refused is finished before its notes. */
  #takeFindings(record: NoteRecord, open: CallInZone | undefined): void {
    const findings = findingsIn(record);
    if (findings.length === 0 || record.call_id === null) return;
    const { findSubject, addFinding } = this.#statements;
    const number = (text: string | null): number => (text === null ? 0 : this.#number(text));
    const subject = open
      ? {
          day: open.day,
          user: number(open.userId),
          model: number(open.modelId ?? open.model),
          workspace: number(open.workspace),
        }
      : (findSubject.get(record.call_id) as FindingSubject | undefined);
    // The call was in a segment that retention has deleted.
    if (!subject) return;
    const { day, user, model, workspace } = subject;
    for (const { part, rule, class: of, count, decision } of findings)
      addFinding.run(
        record.seq,
        record.call_id,
        record.time,
        day,
        user,
        model,
        workspace,
        part,
        rule,
        of,
        count,
        decision,
      );
  }

  #setOpen(call: CallInZone): void {
    // Filters of running calls need their numbers too.
    filterValues(call, this.#number);
    this.#changeOpen(call);
  }

  #changeOpen(call: CallInZone): void {
    this.open.set(call.callId, call);
    this.#changedOpen.add(call.callId);
  }

  #end(call: CallInZone, refused: boolean): void {
    const number = (text: string | null): number => (text === null ? 0 : this.#number(text));
    const { tokens } = call;
    const values = filterValues(call, this.#number);
    const { user, asked, workspace, branch, model } = values;
    this.count += 1;
    this.#statements.addCall.run(
      this.count,
      call.sequence,
      call.records[0]?.sequence ?? call.sequence,
      call.callId,
      Buffer.from(call.hash, 'hex'),
      values.time,
      call.day,
      values.outcome,
      user,
      asked,
      call.modelId === null ? 0 : model,
      number(call.backend),
      workspace,
      branch,
      number(call.command),
      number(call.account),
      number(call.callerArn),
      number(call.errorCode),
      call.cost,
      call.costEstimated ? 1 : 0,
      tokens?.input_tokens ?? null,
      tokens?.output_tokens ?? null,
      tokens?.cache_read_input_tokens ?? null,
      tokens?.cache_write_5m_input_tokens ?? null,
      tokens?.cache_write_1h_input_tokens ?? null,
      call.processingTimeMs,
      call.timeToFirstTokenMs,
      call.reason,
      packPlaces(call.records),
      call.saved,
      call.attempt,
      call.runId,
      call.comparisonId,
    );
    this.#block.add(values);
    const hour = this.#number(hourOf(call.time, call.timeZone));
    this.#usage.addCall(call, refused, { model, user, workspace, branch, hour });
    if (this.#block.size < blockCapacity) return;
    this.#writeBlock();
    this.#block = new CallBlock();
  }

  #writeBlock(): void {
    const { size, stored, reasonBytes } = this.#block;
    if (size === 0) return;
    const number = Math.floor((this.count - 1) / blockCapacity);
    this.#statements.putBlock.run(number, size, ...columnsOfBlock.map((name) => stored[name]));
    this.#statements.putReasons.run(number, stored[columnOfReasons], reasonBytes);
  }

  readonly #number = (text: string): number => {
    const known = this.strings.find(text);
    if (known !== undefined) return known;
    const number = this.strings.add(text);
    this.#statements.addString.run(number, text);
    return number;
  };
}

/** Of the call that a finding is about: its policy day, and numbers of the dictionary. */
interface FindingSubject {
  day: string;
  user: number;
  model: number;
  workspace: number;
}

function prepare(database: DatabaseSync) {
  const one = (sql: string): StatementSync => database.prepare(sql);
  return {
    setProgress: one('UPDATE progress SET value = ?'),
    addString: one('INSERT INTO string VALUES (?, ?)'),
    addCall: one(`INSERT INTO call VALUES (${Array<string>(33).fill('?').join(', ')})`),
    findCall: one('SELECT n, records FROM call WHERE call_id = ? ORDER BY n DESC LIMIT 1'),
    findSubject: one(
      `SELECT day, user, CASE model_id WHEN 0 THEN model ELSE model_id END AS model, workspace
       FROM call WHERE call_id = ? ORDER BY n DESC LIMIT 1`,
    ),
    addFinding: one(`INSERT INTO finding VALUES (${Array<string>(12).fill('?').join(', ')})`),
    setRecords: one('UPDATE call SET records = ? WHERE n = ?'),
    putBlock: one(`INSERT OR REPLACE INTO block VALUES (?, ?, ${columnsOfBlock.map(() => '?').join(', ')})`),
    putReasons: one('INSERT OR REPLACE INTO block_reasons VALUES (?, ?, ?)'),
    putOpen: one('INSERT OR REPLACE INTO open_call VALUES (?, ?)'),
    dropOpen: one('DELETE FROM open_call WHERE call_id = ?'),
    addEvent: one('INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?)'),
  };
}

/** The number of calls. Throws `RangeError` if the blocks differ. */
function countCalls(database: DatabaseSync): number {
  // One statement, so that another process can't add calls between the two.
  const { calls, inBlocks } = database
    .prepare(
      `SELECT coalesce((SELECT max(n) FROM call), 0) AS calls,
         coalesce((SELECT sum(size) FROM block WHERE number IN (SELECT number FROM block_reasons)), 0) AS inBlocks`,
    )
    .get() as { calls: number; inBlocks: number };
  if (calls !== inBlocks) throw new RangeError(`the blocks have ${inBlocks} of ${calls} calls`);
  return calls;
}

/** A stored block; null if missing. Throws `RangeError` for anything but a block. */
export function readBlock(database: DatabaseSync, number: number): CallBlock | null {
  const row = database
    .prepare('SELECT * FROM block JOIN block_reasons USING (number) WHERE number = ?')
    .get(number) as (StoredColumns & { size: number; reasons: Uint8Array }) | undefined;
  return row ? new CallBlock(row.size, row, row.reasons) : null;
}

/** The filterable properties of a call. */
export function filterValues(call: HistoryCall, number: (text: string) => number): FilterValues {
  return {
    time: Date.parse(call.time),
    day: dayNumber(call.day),
    outcome: callOutcomes.indexOf(call.outcome),
    user: number(call.userId),
    model: number(call.modelId ?? call.model),
    asked: number(call.model),
    workspace: call.workspace === null ? 0 : number(call.workspace),
    branch: call.branch === null ? 0 : number(call.branch),
    reason: call.reason,
  };
}

type StoredOpenCall = Omit<CallInZone, 'cost' | 'saved'> & { cost: string; saved: string | null };

function storedOpenCall(call: CallInZone): string {
  const { cost, saved } = call;
  return JSON.stringify({ ...call, cost: cost.toString(), saved: saved?.toString() ?? null });
}

/** The number of a repeated attempt, from 2; null for notes on anything else. */
function attemptOf({ topic, data }: NoteRecord): number | null {
  const number = topic === 'call.attempt' ? data['number'] : null;
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 1 ? number : null;
}

/** The comparison that a call is part of; null for notes on anything else. */
function comparisonOf({ topic, data }: NoteRecord): string | null {
  const id = topic === 'call.compared' ? data['comparison_id'] : null;
  return typeof id === 'string' ? id : null;
}

type PackedPlace = [sequence: number, segment: string, line: number, offset: number, length: number];

/** As JSON, which a segment's name needs no escapes in. */
function packPlaces(places: readonly StoredPlace[]): string {
  const packed = places.map(
    ({ sequence, segment, line, offset, length }) => `[${sequence},"${segment}",${line},${offset},${length}]`,
  );
  return `[${packed.join(',')}]`;
}

export function unpackPlaces(text: string): StoredPlace[] {
  return (JSON.parse(text) as PackedPlace[]).map(([sequence, segment, line, offset, length]) => ({
    sequence,
    segment,
    line,
    offset,
    length,
  }));
}

function placeOf({ record, segment, line, offset, length }: PlacedRecord): StoredPlace {
  return { sequence: record.seq, segment, line, offset, length };
}

function describe(record: LedgerRecord & CallDescription) {
  return {
    userId: record.user_id,
    reason: record.reason,
    model: record.model,
    modelId: record.model_id,
    backend: record.backend,
    workspace: record.workspace,
    branch: record.branch,
    command: record.command,
    account: record.account ?? null,
    callerArn: record.caller_arn ?? null,
  };
}

/** A call's properties from its last record, before anything was counted. */
function endOf({ record, hash }: PlacedRecord) {
  return {
    sequence: record.seq,
    hash,
    tokens: null,
    processingTimeMs: null,
    timeToFirstTokenMs: null,
  };
}
