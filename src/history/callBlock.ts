import { searchForm } from './calls.ts';

/** Calls in a block. */
export const blockCapacity = 1024;

/** A filter with its strings as dictionary numbers of the index. */
export interface CompiledFilter {
  from: number;
  until: number;
  fromDay: number;
  untilDay: number;
  /** 0 for any; a number that no call has if nothing matches. */
  user: number;
  model: number;
  workspace: number;
  branch: number;
  /** By number of the outcome; null for any. */
  outcomes: readonly boolean[] | null;
  /** UTF-8 of the search text in its search form; null for none. */
  text: Buffer | null;
}

/** The filterable properties of a call, strings as dictionary numbers; 0 is none. */
export interface FilterValues {
  time: number;
  /** YYYYMMDD. */
  day: number;
  outcome: number;
  user: number;
  /** The model id, or the requested name if it could not be resolved. */
  model: number;
  /** The requested name. */
  asked: number;
  workspace: number;
  branch: number;
  reason: string;
}

const columnTypes = {
  outcome: Uint8Array,
  user: Uint32Array,
  model: Uint32Array,
  asked: Uint32Array,
  workspace: Uint32Array,
  branch: Uint32Array,
  day: Uint32Array,
  time: Float64Array,
  /** End of each reason in the concatenated reasons, in bytes. */
  reason_end: Uint32Array,
};

export type ColumnName = keyof typeof columnTypes;
type Column = Uint8Array | Uint32Array | Float64Array;

/** In storage order: most frequently read first. */
export const columnNames = Object.keys(columnTypes) as ColumnName[];

/** Stored with the reasons, apart from the others: a search for a text reads little else. */
export const columnOfReasons = 'reason_end' satisfies ColumnName;

/** The stored columns of a block; a reader may omit columns that its filter doesn't need. */
export type StoredColumns = Partial<Record<ColumnName, Uint8Array>>;

/** The columns that a filter needs. */
export function columnsFor(filter: CompiledFilter): ColumnName[] {
  const { from, until, fromDay, untilDay, user, model, workspace, branch, text } = filter;
  const needed: Record<ColumnName, boolean> = {
    outcome: true,
    user: user !== 0,
    model: model !== 0,
    asked: model !== 0,
    workspace: workspace !== 0,
    branch: branch !== 0,
    day: fromDay > 0 || untilDay < Infinity,
    time: from > -Infinity || until < Infinity,
    reason_end: text !== null,
  };
  return columnNames.filter((name) => needed[name]);
}

/**
 * The filterable properties of up to 1024 consecutive calls, one array per property. A filter
 * reads every block of a ledger, so its cost doesn't depend on the filter or the number of matches.
 */
export class CallBlock {
  size: number;
  readonly #columns: Readonly<Record<ColumnName, Column>>;
  /** Search forms of the reasons, concatenated. */
  #reasons: Buffer;

  /** `stored` and `reasons` are as `stored` and `reasonBytes` gave them. Throws `RangeError` for others. */
  constructor(size = 0, stored?: StoredColumns, reasons?: Uint8Array) {
    this.size = size;
    this.#columns = Object.fromEntries(
      columnNames.map((name) => [name, columnOf(name, stored)]),
    ) as unknown as Record<ColumnName, Column>;
    this.#reasons = reasons
      ? Buffer.from(reasons.buffer, reasons.byteOffset, reasons.byteLength)
      : Buffer.alloc(0);
  }

  /** By number, of each call. */
  get outcome(): Column {
    return this.#columns.outcome;
  }

  get stored(): Record<ColumnName, Uint8Array> {
    const bytes = ({ buffer }: Column): Uint8Array => new Uint8Array(buffer);
    return Object.fromEntries(columnNames.map((name) => [name, bytes(this.#columns[name])])) as Record<
      ColumnName,
      Uint8Array
    >;
  }

  get reasonBytes(): Uint8Array {
    return this.#reasons.subarray(0, this.#reasonsLength());
  }

  add({ reason, ...values }: FilterValues): void {
    const at = this.size;
    const start = this.#reasonsLength();
    const form = Buffer.from(searchForm(reason), 'utf8');
    if (start + form.length > this.#reasons.length) {
      const larger = Buffer.alloc(Math.max(4096, 2 * this.#reasons.length, start + form.length));
      this.#reasons.copy(larger);
      this.#reasons = larger;
    }
    form.copy(this.#reasons, start);
    const all: Record<ColumnName, number> = { ...values, reason_end: start + form.length };
    for (const name of columnNames) this.#columns[name][at] = all[name];
    this.size += 1;
  }

  /** Calls back for each call from `first` on that matches the filter except its outcomes. */
  eachMatch(filter: CompiledFilter, first: number, found: (at: number) => void): void {
    if (filter.text !== null) {
      this.#eachWithText(filter, filter.text, first, found);
      return;
    }
    for (let at = first; at < this.size; at += 1) if (this.#matches(filter, at)) found(at);
  }

  /** Whether any call matches the filter except its outcomes. */
  matches(filter: CompiledFilter): boolean {
    const found: number[] = [];
    this.eachMatch(filter, 0, (at) => found.push(at));
    return found.length > 0;
  }

  /** The text is looked for from one call that matches all else to the next, since that takes longest. */
  #eachWithText(filter: CompiledFilter, text: Buffer, first: number, found: (at: number) => void): void {
    const { reason_end: reasonEnd } = this.#columns;
    const length = this.#reasonsLength();
    let hit = -1;
    for (let at = first; at < this.size; at += 1) {
      const end = reasonEnd[at] as number;
      // What was found is in a later reason.
      if (hit >= end || !this.#matches(filter, at)) continue;
      const start = at === 0 ? 0 : (reasonEnd[at - 1] as number);
      if (hit < start) hit = this.#reasons.indexOf(text, start);
      if (hit === -1 || hit + text.length > length) return;
      // One that goes on in the next reason is none.
      if (hit + text.length <= end) found(at);
    }
  }

  #matches(filter: CompiledFilter, at: number): boolean {
    const { day, time, user, model, asked, workspace, branch } = this.#columns;
    const { from, until, fromDay, untilDay } = filter;
    return (
      (filter.user === 0 || user[at] === filter.user) &&
      (filter.model === 0 || model[at] === filter.model || asked[at] === filter.model) &&
      (filter.workspace === 0 || workspace[at] === filter.workspace) &&
      (filter.branch === 0 || branch[at] === filter.branch) &&
      (fromDay === 0 || (day[at] as number) >= fromDay) &&
      (untilDay === Infinity || (day[at] as number) <= untilDay) &&
      (from === -Infinity || (time[at] as number) >= from) &&
      (until === Infinity || (time[at] as number) < until)
    );
  }

  #reasonsLength(): number {
    return this.size === 0 ? 0 : (this.#columns.reason_end[this.size - 1] as number);
  }
}

/** An array over stored bytes; empty if a reader omitted it, new in a new block. */
function columnOf(name: ColumnName, stored: StoredColumns | undefined): Column {
  const Type = columnTypes[name];
  const bytes = stored?.[name];
  if (!bytes) return new Type(stored ? 0 : blockCapacity);
  if (bytes.length !== Type.BYTES_PER_ELEMENT * blockCapacity)
    throw new RangeError('this is not a block of calls');
  // Unaligned bytes in a buffer can't back the array.
  const { buffer } = bytes.byteOffset === 0 ? bytes : Uint8Array.from(bytes);
  return new Type(buffer as ArrayBuffer, 0, blockCapacity);
}

/** YYYY-MM-DD as a number that sorts the same. */
export function dayNumber(day: string): number {
  return 10_000 * Number(day.slice(0, 4)) + 100 * Number(day.slice(5, 7)) + Number(day.slice(8));
}
