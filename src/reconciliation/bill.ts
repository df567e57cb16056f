import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { closest } from 'fastest-levenshtein';
import { GatewayError } from '../errors.ts';
import { dayOf, nextDayStart } from '../ledger/day.ts';
import type { TokenClass } from '../ledger/records.ts';
import { billedLine, type BilledLine } from './billedUsage.ts';
import { readCostExport, type Columns, type ExportSource } from './costExport.ts';
import type { ModelMatcher } from './modelNames.ts';
import { entryOf } from './recordedCost.ts';

/** Lines outside the comparison, by reason. */
export interface Unplaced {
  why: string;
  name: string;
  lines: number;
  /** Scaled to 10^-24 USD. */
  cost: bigint;
  /** Place of the first one: `file:line`. */
  first: string;
}

/** Billed amount for a model's tokens of one class on a day. */
export interface BilledClass {
  /** Scaled to 10^-24 USD. */
  cost: bigint;
  lines: number;
  first: string;
  /** Times of the usage, milliseconds since the epoch. */
  spans: { from: number; until: number }[];
}

/** Recorded figures to which an unassignable line may belong. */
interface Doubt {
  why: string;
  /** First and last policy day; null for any. */
  days: { first: string; last: string } | null;
  /** Null for any. */
  models: readonly string[] | null;
}

/** A Bedrock line. */
interface Line {
  place: string;
  billed: Exclude<BilledLine, { kind: 'other' }>;
  /** Null if it isn't a number. */
  cost: bigint | null;
  start: number | null;
  end: number | null;
  /** What the line charges for, and how much. */
  content: string;
  identity: string;
  columns: Columns;
}

/** Decimals of a US dollar in sums; AWS gives ten. */
const costDecimals = 24;
const costScale = 10n ** BigInt(costDecimals - 6);
/** Longer lines cover a month and don't show how far the export reaches. */
const longestLineMs = 25 * 3_600_000;
/** Maximum lag of this clock behind AWS's, in milliseconds; later usage is impossible. */
const mostAheadMs = 3 * 24 * 3_600_000;
/** Columns that don't describe what a line is for: its numbering and its cost. */
const figures =
  /^identity|^bill|cost|rate|amount|quantity|price|factor|discount|reservation|savings|_date$|^product$/;

/** Usage may be billed with this delay, so a day counts once the export reaches that far beyond it. */
const billingDelayMs = 24 * 3_600_000;

/** The AWS bill: each line once, summed by policy day, model and token class. */
export class Bill {
  readonly sources: ExportSource[] = [];
  /** By policy day, then model id. */
  readonly days = new Map<string, Map<string, Map<TokenClass, BilledClass>>>();
  readonly others = { lines: 0, cost: 0n };
  /** Number of duplicate lines, which count once. */
  copies = 0;
  readonly #timeZone: string;
  readonly #where: ReadonlyMap<string, string>;
  readonly #matcher: ModelMatcher;
  readonly #firstDay: string;
  readonly #lines = new Map<string, Line[]>();
  /** Columns common to all files. */
  #columns: Set<string> | null = null;
  readonly #unplaced = new Map<string, Unplaced>();
  readonly #doubts = new Map<string, Doubt>();
  /** Period of each file, milliseconds since the epoch. */
  readonly #covered: { from: number; until: number }[] = [];
  readonly #dayOfHour = new Map<number, { day: string; dayEnd: number }>();
  #invoiced = true;

  /** `firstDay`: policy day on which the ledger began. `where`: values in columns of the lines that count. */
  constructor(options: {
    timeZone: string;
    where: ReadonlyMap<string, string>;
    matcher: ModelMatcher;
    firstDay: string;
  }) {
    this.#timeZone = options.timeZone;
    this.#where = options.where;
    this.#matcher = options.matcher;
    this.#firstDay = options.firstDay;
  }

  /** Reads the files of a bill. Throws `invalid_request` for anything but an export. */
  static async read(files: readonly string[], options: ConstructorParameters<typeof Bill>[0]): Promise<Bill> {
    const bill = new Bill(options);
    for (const file of files) await bill.#readFile(file);
    bill.#leaveRepeated();
    for (const [identity, lines] of bill.#lines) bill.#placeOnce(lines, identity.startsWith(identified));
    bill.#lines.clear();
    return bill;
  }

  get unplaced(): Unplaced[] {
    return [...this.#unplaced.values()];
  }

  /** Why a model's figure of a day must stay: lines that may belong to it. Null if there are none. */
  doubtOf(day: string, modelId: string): string | null {
    for (const { why, days, models } of this.#doubts.values())
      if ((days === null || (days.first <= day && day <= days.last)) && (models?.includes(modelId) ?? true))
        return why;
    return null;
  }

  /** Whether the export is complete for a day. */
  isComplete(day: string): boolean {
    const start = startOf(day, this.#timeZone);
    const end = nextDayStart(new Date(start), this.#timeZone).getTime();
    const needed = this.#invoiced ? end : end + billingDelayMs;
    let reached = start;
    for (const { from, until } of this.#covered.toSorted((a, b) => a.from - b.from))
      if (from <= reached) reached = Math.max(reached, until);
    return reached >= needed;
  }

  async #readFile(file: string): Promise<void> {
    const lines: Line[] = [];
    const header = new Set<string>();
    const covered = { from: Infinity, until: -Infinity };
    const others = { lines: 0, cost: 0n };
    const source = await readCostExport(file, (columns, number) => {
      if (header.size === 0) for (const name of columns.all) header.add(name);
      const { start, end } = timesOf(columns);
      if (start !== null && end !== null && end - start <= longestLineMs) {
        covered.from = Math.min(covered.from, start);
        covered.until = Math.max(covered.until, end);
      }
      const cost = parseCost(columns('line_item_unblended_cost'));
      const billed = billedLine(columns);
      if (billed.kind === 'other' || !this.#isOurs(columns, file)) {
        others.lines += 1;
        others.cost += cost ?? 0n;
        return;
      }
      if (!columns('bill_invoice_id')) this.#invoiced = false;
      const content = JSON.stringify([billed, String(cost), start, end]);
      const identity = identityOf(columns);
      lines.push({ place: `${file}:${number}`, billed, cost, start, end, content, identity, columns });
    });
    if (this.sources.some(({ textSha256 }) => textSha256 === source.textSha256)) {
      this.copies += lines.length + others.lines;
      return;
    }
    this.sources.push(source);
    this.#covered.push(covered);
    this.others.lines += others.lines;
    this.others.cost += others.cost;
    this.#columns = new Set([...(this.#columns ?? header)].filter((name) => header.has(name)));
    for (const line of lines) entryOf(this.#lines, line.identity, () => []).push(line);
  }

  /**
   * Leaves out usage that appears in several files under different ids: AWS renumbers the lines of each
   * delivery, so two versions or kinds of a report look like its parts.
   */
  #leaveRepeated(): void {
    if (this.sources.length < 2) return;
    const names = [...(this.#columns ?? [])].filter((name) => !figures.test(name)).sort();
    const groups = Map.groupBy(
      [...this.#lines.values()].flatMap(([line]) => (line && line.cost !== 0n ? [line] : [])),
      ({ start, end, columns }) => JSON.stringify([start, end, ...names.map(columns)]),
    );
    for (const lines of groups.values()) {
      if (new Set(lines.map(({ place }) => fileOf(place))).size < 2) continue;
      for (const line of lines) {
        this.#lines.delete(line.identity);
        this.#leaveOut('the same usage is in two files under different ids', line, this.#modelsOf(line));
      }
    }
  }

  #isOurs(columns: Columns, file: string): boolean {
    for (const column of this.#where.keys())
      if (!columns.all.has(column)) throw missingColumn(column, columns, file);
    return [...this.#where].every(([column, value]) => columns(column) === value);
  }

  /** Assigns the lines of one identity: a line or its copies. */
  #placeOnce(lines: readonly Line[], hasId: boolean): void {
    const [line, ...again] = lines;
    if (!line) return;
    const same = again.every(({ content }) => content === line.content);
    if (again.length === 0 || (same && (hasId || line.cost === 0n))) {
      this.copies += again.length;
      this.#place(line);
      return;
    }
    const why = hasId
      ? 'lines of one identity_line_item_id differ'
      : 'the line is repeated without an identity_line_item_id, so it may be a copy';
    for (const one of lines) this.#leaveOut(why, one, this.#modelsOf(one));
  }

  #place(line: Line): void {
    const { billed, cost, start, end, place } = line;
    const models = this.#modelsOf(line);
    if (billed.kind === 'aside') this.#list(billed.why, line);
    else if (billed.kind === 'unreadable' && billed.foreign && models === null) this.#countOther(line);
    else if (billed.kind === 'unreadable') this.#leaveOut(billed.why, line, models);
    else if (cost === null) this.#leaveOut('its cost is not a number', line, models);
    else if (start === null || end === null) this.#leaveOut('its time is not a date', line, models);
    else {
      const match = this.#matcher.find(billed.model);
      const { day, dayEnd } = this.#dayAt(start);
      if ('why' in match) this.#leaveOut(match.why, line, models);
      else if (start > Date.now() + mostAheadMs) this.#leaveOut('its time is in the future', line, models);
      else if (end > dayEnd)
        this.#leaveOut(`it spans days of ${this.#timeZone}: export by the hour`, line, models);
      else if (day < this.#firstDay) this.#list('it is from before this ledger began', line);
      else {
        const found = this.#classOf(day, match.modelId, billed.tokenClass, place);
        found.cost += cost;
        found.lines += 1;
        found.spans.push({ from: start, until: end });
      }
    }
  }

  #classOf(day: string, modelId: string, tokenClass: TokenClass, first: string): BilledClass {
    const models = entryOf(this.days, day, () => new Map<string, Map<TokenClass, BilledClass>>());
    const classes = entryOf(models, modelId, () => new Map<TokenClass, BilledClass>());
    return entryOf(classes, tokenClass, () => ({ cost: 0n, lines: 0, first, spans: [] }));
  }

  /** The recorded models that a line may belong to; null for any. */
  #modelsOf({ billed }: Line): readonly string[] | null {
    if (billed.kind === 'aside') return [];
    const match = this.#matcher.find(billed.model);
    return 'why' in match ? match.candidates : [match.modelId];
  }

  /** Lists an unassignable line and puts the figures that it may belong to in doubt. */
  #leaveOut(why: string, line: Line, models: readonly string[] | null): void {
    this.#list(why, line);
    if (models?.length === 0) return;
    const { start, end } = line;
    const days =
      start === null || end === null
        ? null
        : { first: this.#dayAt(start).day, last: dayOf(new Date(Math.max(start, end - 1)), this.#timeZone) };
    const because = `${why}: ${basename(line.place)}`;
    const key = [why, days?.first, days?.last, models?.join()].join('\0');
    entryOf(this.#doubts, key, () => ({ why: because, days, models }));
  }

  #list(why: string, { billed, cost, place }: Line): void {
    this.list({ why, name: billed.name, lines: 1, cost: cost ?? 0n, first: place });
  }

  #countOther({ cost }: Line): void {
    this.others.lines += 1;
    this.others.cost += cost ?? 0n;
  }

  /** Adds lines to those outside the comparison. */
  list({ why, name, lines, cost, first }: Unplaced): void {
    const group = entryOf(this.#unplaced, `${why}\0${name}`, () => ({
      why,
      name,
      lines: 0,
      cost: 0n,
      first,
    }));
    group.lines += lines;
    group.cost += cost;
  }

  /** Bills have few hours and many lines. */
  #dayAt(time: number): { day: string; dayEnd: number } {
    return entryOf(this.#dayOfHour, time, () => ({
      day: dayOf(new Date(time), this.#timeZone),
      dayEnd: nextDayStart(new Date(time), this.#timeZone).getTime(),
    }));
  }
}

function fileOf(place: string): string {
  return place.slice(0, place.lastIndexOf(':'));
}

/** Prefix of the identity of a line with an id. */
const identified = 'id ';

/**
 * The identity of a line: its id, which is unique within one partition of a report, with what it is
 * for; without ids, all its columns.
 */
function identityOf(columns: Columns): string {
  const id = columns('identity_line_item_id');
  if (id === '') return createHash('sha256').update(JSON.stringify(columns.values)).digest('base64');
  const about = ['line_item_usage_start_date', 'line_item_usage_end_date', 'line_item_usage_type'];
  return `${identified}${[id, ...about.map(columns)].join('\0')}`;
}

/** Null for invalid dates, and for a line that ends before it begins. */
function timesOf(columns: Columns): { start: number | null; end: number | null } {
  const start = instantOf(columns('line_item_usage_start_date'));
  const end = instantOf(columns('line_item_usage_end_date'));
  return start !== null && end !== null && start <= end ? { start, end } : { start: null, end: null };
}

/** The first instant of a policy day. */
function startOf(day: string, timeZone: string): number {
  const noon = Date.parse(`${day}T12:00:00Z`);
  // No zone is more than a day from UTC; days of a zone have no gaps between them.
  let start = new Date(noon - 48 * 3_600_000);
  while (dayOf(start, timeZone) < day) start = nextDayStart(start, timeZone);
  return start.getTime();
}

/** Milliseconds since the epoch; a time without a zone is UTC, as in AWS exports. Null for an invalid date. */
function instantOf(text: string): number | null {
  const iso = text.trim().replace(' ', 'T');
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso)) return null;
  // JavaScript reads the 31st of November as the 1st of December.
  const [day = ''] = iso.split('T');
  const date = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(day)) return null;
  const time = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`);
  return Number.isNaN(time) ? null : time;
}

/** A decimal of USD, also as `1.2E-7`, in units of 10^-24 USD; null if it isn't one. */
function parseCost(text: string): bigint | null {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim());
  const [, sign, whole = '', fraction = '', exponent = '0'] = match ?? [];
  if (!match || whole + fraction === '') return null;
  const shift = costDecimals - fraction.length + Number(exponent);
  if (shift < 0) return null;
  const value = BigInt(whole + fraction) * 10n ** BigInt(shift);
  return sign === '-' ? -value : value;
}

/** A cost in units of 10^-24 USD to the nearest micro-dollar. */
export function toMicro(cost: bigint): bigint {
  const half = cost < 0n ? -costScale / 2n : costScale / 2n;
  return (cost + half) / costScale;
}

/** Without this error, a missing column would silently exclude every line. */
function missingColumn(column: string, { all }: Columns, file: string): GatewayError {
  return new GatewayError(
    'invalid_request',
    `The export ${file} has no column "${column}", which --where uses.`,
    {
      hint: `Nearest: ${closest(column, [...all])}. Or export the report again with that column.`,
    },
  );
}
