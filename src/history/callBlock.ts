import { searchForm } from './calls.ts';

/** Calls in a block. */
export const blockCapacity = 1024;

/** A filter with its strings as numbers of the index's dictionary. */
export interface CompiledFilter {
  from: number;
  until: number;
  fromDay: number;
  untilDay: number;
  /** 0 where any will do; a number that no call has where nothing matches. */
  user: number;
  model: number;
  workspace: number;
  branch: number;
  /** By number of the outcome; null where any will do. */
  outcomes: readonly boolean[] | null;
  /** UTF-8 of what is searched for in its search form; null where nothing is. */
  text: Buffer | null;
}

/** What of a call can be filtered by, strings as numbers of the dictionary; 0 is none. */
export interface FilterValues {
  time: number;
  /** YYYYMMDD. */
  day: number;
  outcome: number;
  user: number;
  /** The model id, or the name that was asked for where it could not be resolved. */
  model: number;
  /** The name that was asked for. */
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
  /** Where each reason ends among all of them, in bytes. */
  reason_end: Uint32Array,
};

export type ColumnName = keyof typeof columnTypes;
type Column = Uint8Array | Uint32Array | Float64Array;

/** In the order in which they are stored: what is read most comes first. */
export const columnNames = Object.keys(columnTypes) as ColumnName[];

/** What of a block is stored; a reader may leave out what its filter doesn't need. */
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
 * Up to 1024 calls in a row by what they are filtered by, each property in an array of its own. A filter
 * reads every block of a ledger, so that it costs the same whatever it asks for and however little matches.
 */
export class CallBlock {
  size: number;
  readonly #columns: Readonly<Record<ColumnName, Column>>;
  /** Search forms of the reasons, one after the other. */
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

  /** Calls back with each call from `first` on that matches all of the filter but its outcomes. */
  eachMatch(filter: CompiledFilter, first: number, found: (at: number) => void): void {
    let at = first;
    if (filter.text === null) {
      for (; at < this.size; at += 1) if (this.#matches(filter, at)) found(at);
      return;
    }
    // Texts are dear: none is looked at before the first call that all else fits.
    while (at < this.size && !this.#matches(filter, at)) at += 1;
    if (at === this.size) return;
    this.#eachWithText(filter.text, at, (hit) => {
      if (this.#matches(filter, hit)) found(hit);
    });
  }

  /** Whether any call matches all of the filter but its outcomes. */
  matches(filter: CompiledFilter): boolean {
    const found: number[] = [];
    this.eachMatch(filter, 0, (at) => found.push(at));
    return found.length > 0;
  }

  #eachWithText(text: Buffer, first: number, found: (at: number) => void): void {
    const { reason_end: reasonEnd } = this.#columns;
    const length = this.#reasonsLength();
    let at = first;
    for (let from = first === 0 ? 0 : (reasonEnd[first - 1] as number); at < this.size;) {
      const hit = this.#reasons.indexOf(text, from);
      if (hit === -1 || hit + text.length > length) return;
      while ((reasonEnd[at] as number) <= hit) at += 1;
      const end = reasonEnd[at] as number;
      if (hit + text.length > end) {
        // It begins in one reason and ends in the next.
        from = hit + 1;
        continue;
      }
      found(at);
      from = end;
      at += 1;
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

/** An array over stored bytes; an empty one where a reader left it out, a new one in a new block. */
function columnOf(name: ColumnName, stored: StoredColumns | undefined): Column {
  const Type = columnTypes[name];
  const bytes = stored?.[name];
  if (!bytes) return new Type(stored ? 0 : blockCapacity);
  if (bytes.length !== Type.BYTES_PER_ELEMENT * blockCapacity)
    throw new RangeError('this is no block of calls');
  // Where the bytes begin in the middle of a buffer, the array can't lie over them.
  const { buffer } = bytes.byteOffset === 0 ? bytes : Uint8Array.from(bytes);
  return new Type(buffer as ArrayBuffer, 0, blockCapacity);
}

/** YYYY-MM-DD as a number that sorts the same. */
export function dayNumber(day: string): number {
  return Number(day.replaceAll('-', ''));
}
