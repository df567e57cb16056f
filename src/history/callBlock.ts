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

const columnNames = ['day', 'user', 'model', 'asked', 'workspace', 'branch', 'reasonEnd'] as const;
type ColumnName = (typeof columnNames)[number];

const timesLength = 8 * blockCapacity;
const columnLength = 4 * blockCapacity;
export const columnsLength = timesLength + columnNames.length * columnLength + blockCapacity;

/**
 * Up to 1024 calls in a row by what they are filtered by, each property in an array of its own. A filter
 * reads every block of a ledger, so that it costs the same whatever it asks for and however little matches.
 */
export class CallBlock {
  size: number;
  readonly outcome: Uint8Array;
  readonly #time: Float64Array;
  readonly #columns: Readonly<Record<ColumnName, Uint32Array>>;
  readonly #bytes: Uint8Array;
  /** Search forms of the reasons, one after the other; `reasonEnd` says where each ends. */
  #reasons: Buffer;

  /** `columns` and `reasons` are what `columnBytes` and `reasonBytes` gave. Throws `RangeError` for others. */
  constructor(size = 0, columns?: Uint8Array, reasons?: Uint8Array) {
    if (columns && columns.length !== columnsLength) throw new RangeError('this is no block of calls');
    // A copy, so that the arrays are aligned.
    this.#bytes = new Uint8Array(columnsLength);
    if (columns) this.#bytes.set(columns);
    const { buffer } = this.#bytes;
    this.size = size;
    this.#time = new Float64Array(buffer, 0, blockCapacity);
    const column = (name: ColumnName): Uint32Array =>
      new Uint32Array(buffer, timesLength + columnNames.indexOf(name) * columnLength, blockCapacity);
    this.#columns = {
      day: column('day'),
      user: column('user'),
      model: column('model'),
      asked: column('asked'),
      workspace: column('workspace'),
      branch: column('branch'),
      reasonEnd: column('reasonEnd'),
    };
    this.outcome = new Uint8Array(buffer, columnsLength - blockCapacity, blockCapacity);
    this.#reasons = reasons
      ? Buffer.from(reasons.buffer, reasons.byteOffset, reasons.byteLength)
      : Buffer.alloc(0);
  }

  get columnBytes(): Uint8Array {
    return this.#bytes;
  }

  get reasonBytes(): Uint8Array {
    return this.#reasons.subarray(0, this.#reasonsLength());
  }

  add({ time, outcome, reason, ...columns }: FilterValues): void {
    const at = this.size;
    const start = this.#reasonsLength();
    const form = Buffer.from(searchForm(reason), 'utf8');
    if (start + form.length > this.#reasons.length) {
      const larger = Buffer.alloc(Math.max(4096, 2 * this.#reasons.length, start + form.length));
      this.#reasons.copy(larger);
      this.#reasons = larger;
    }
    form.copy(this.#reasons, start);
    this.#time[at] = time;
    this.outcome[at] = outcome;
    for (const [name, value] of Object.entries(columns)) this.#columns[name as ColumnName][at] = value;
    this.#columns.reasonEnd[at] = start + form.length;
    this.size += 1;
  }

  /** Calls back with each call from `first` on that matches all of the filter but its outcomes. */
  eachMatch(filter: CompiledFilter, first: number, found: (at: number) => void): void {
    if (filter.text !== null) {
      this.#eachWithText(filter.text, first, (at) => {
        if (this.#matches(filter, at)) found(at);
      });
      return;
    }
    for (let at = first; at < this.size; at += 1) if (this.#matches(filter, at)) found(at);
  }

  /** Whether any call matches all of the filter but its outcomes. */
  matches(filter: CompiledFilter): boolean {
    const found: number[] = [];
    this.eachMatch(filter, 0, (at) => found.push(at));
    return found.length > 0;
  }

  #eachWithText(text: Buffer, first: number, found: (at: number) => void): void {
    const { reasonEnd } = this.#columns;
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
    const { day, user, model, asked, workspace, branch } = this.#columns;
    return (
      (filter.user === 0 || user[at] === filter.user) &&
      (filter.model === 0 || model[at] === filter.model || asked[at] === filter.model) &&
      (filter.workspace === 0 || workspace[at] === filter.workspace) &&
      (filter.branch === 0 || branch[at] === filter.branch) &&
      (day[at] as number) >= filter.fromDay &&
      (day[at] as number) <= filter.untilDay &&
      (this.#time[at] as number) >= filter.from &&
      (this.#time[at] as number) < filter.until
    );
  }

  #reasonsLength(): number {
    return this.size === 0 ? 0 : (this.#columns.reasonEnd[this.size - 1] as number);
  }
}

/** YYYY-MM-DD as a number that sorts the same. */
export function dayNumber(day: string): number {
  return Number(day.replaceAll('-', ''));
}
