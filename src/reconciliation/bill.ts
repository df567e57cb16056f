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

/** Lines that belong to no comparison, by why. */
export interface Unplaced {
  why: string;
  name: string;
  lines: number;
  /** Scaled to 10^-24 USD. */
  cost: bigint;
  /** Where the first of them stands: `file:line`. */
  first: string;
}

/** What was billed for a model's tokens of one class on a day. */
export interface BilledClass {
  /** Scaled to 10^-24 USD. */
  cost: bigint;
  lines: number;
  first: string;
  /** When the usage was, milliseconds since the epoch. */
  spans: { from: number; until: number }[];
}

/** Which recorded figures a line that can't be placed may belong to. */
interface Doubt {
  why: string;
  /** First and last policy day; null for any. */
  days: { first: string; last: string } | null;
  /** Null for any. */
  models: readonly string[] | null;
}

/** A line of Bedrock. */
interface Line {
  place: string;
  billed: Exclude<BilledLine, { kind: 'other' }>;
  /** Null where it is no number. */
  cost: bigint | null;
  start: number | null;
  end: number | null;
  /** What it charges for, and how much. */
  content: string;
  identity: string;
  columns: Columns;
}

/** Costs are added up to this many decimals of a US dollar; AWS gives ten. */
const costDecimals = 24;
const costScale = 10n ** BigInt(costDecimals - 6);
/** Longer lines are of a month, and don't say how far the export reaches. */
const longestLineMs = 25 * 3_600_000;
/** No clock is this far behind AWS's: usage after it can't be. */
const mostAheadMs = 3 * 24 * 3_600_000;
/** Columns that tell nothing of what a line is about: how it is numbered, and what it comes to. */
const figures =
  /^identity|^bill|cost|rate|amount|quantity|price|factor|discount|reservation|savings|_date$|^product$/;

/** Usage may be billed this long after it, so a day counts once the export reaches that far beyond. */
const billingDelayMs = 24 * 3_600_000;

/** What AWS billed: each line once, added up by policy day, model and token class. */
export class Bill {
  readonly sources: ExportSource[] = [];
  /** By policy day, then model id. */
  readonly days = new Map<string, Map<string, Map<TokenClass, BilledClass>>>();
  readonly others = { lines: 0, cost: 0n };
  /** Lines that stand in the export again, and were counted once. */
  copies = 0;
  readonly #timeZone: string;
  readonly #where: ReadonlyMap<string, string>;
  readonly #matcher: ModelMatcher;
  readonly #firstDay: string;
  readonly #lines = new Map<string, Line[]>();
  /** Columns that every file has. */
  #columns: Set<string> | null = null;
  readonly #unplaced = new Map<string, Unplaced>();
  readonly #doubts = new Map<string, Doubt>();
  /** Time that each file covers, milliseconds since the epoch. */
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

  /** Reads the files of a bill. Throws `invalid_request` for one that is no export. */
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

  /** Why a day's figure of a model must stay as it is: lines that may belong to it. Null where none may. */
  doubtOf(day: string, modelId: string): string | null {
    for (const { why, days, models } of this.#doubts.values())
      if ((days === null || (days.first <= day && day <= days.last)) && (models?.includes(modelId) ?? true))
        return why;
    return null;
  }

  /** Whether the export has all that AWS bills for a day. */
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
   * Leaves out what stands in several files for the same usage under other ids: AWS numbers the lines of each
   * delivery anew, so that two versions of a report, or two kinds of it, can't be told from its parts.
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
        this.#leaveOut('the same usage stands in two files under other ids', line, this.#modelsOf(line));
      }
    }
  }

  #isOurs(columns: Columns, file: string): boolean {
    for (const column of this.#where.keys())
      if (!columns.all.has(column)) throw missingColumn(column, columns, file);
    return [...this.#where].every(([column, value]) => columns(column) === value);
  }

  /** Places what stands under one identity: a line, or its copies. */
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
      : 'the line stands there again, and has no identity_line_item_id to tell whether it is a copy';
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
      else if (start > Date.now() + mostAheadMs) this.#leaveOut('its time is yet to come', line, models);
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

  /** The recorded models that a line may be of; null for any. */
  #modelsOf({ billed }: Line): readonly string[] | null {
    if (billed.kind === 'aside') return [];
    const match = this.#matcher.find(billed.model);
    return 'why' in match ? match.candidates : [match.modelId];
  }

  /** Lists a line that can't be placed, and casts doubt on the figures that it may belong to. */
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

  /** Adds lines to those that belong to no comparison. */
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

/** How the identity of a line with an id begins. */
const identified = 'id ';

/**
 * What tells a line from all others: its id, which is unique within one partition of a report, with what it is
 * about; where the export has no ids, all that it says of the line.
 */
function identityOf(columns: Columns): string {
  const id = columns('identity_line_item_id');
  if (id === '') return createHash('sha256').update(JSON.stringify(columns.values)).digest('base64');
  const about = ['line_item_usage_start_date', 'line_item_usage_end_date', 'line_item_usage_type'];
  return `${identified}${[id, ...about.map(columns)].join('\0')}`;
}

/** Null for times that are no dates, and for a line that ends before it begins. */
function timesOf(columns: Columns): { start: number | null; end: number | null } {
  const start = instantOf(columns('line_item_usage_start_date'));
  const end = instantOf(columns('line_item_usage_end_date'));
  return start !== null && end !== null && start <= end ? { start, end } : { start: null, end: null };
}

/** The first instant of a policy day. */
function startOf(day: string, timeZone: string): number {
  const noon = Date.parse(`${day}T12:00:00Z`);
  // No zone is further than a day from UTC; days of a zone follow each other without a gap.
  let start = new Date(noon - 48 * 3_600_000);
  while (dayOf(start, timeZone) < day) start = nextDayStart(start, timeZone);
  return start.getTime();
}

/** Milliseconds since the epoch; a time without a zone is in UTC, as AWS means it. Null for what is no date. */
function instantOf(text: string): number | null {
  const iso = text.trim().replace(' ', 'T');
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso)) return null;
  // JavaScript takes the 31st of November for the 1st of December.
  const [day = ''] = iso.split('T');
  const date = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(day)) return null;
  const time = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`);
  return Number.isNaN(time) ? null : time;
}

/** A decimal of USD, also as `1.2E-7`, in units of 10^-24 USD; null when it is none. */
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

/** Without the column, every line would be left out in silence. */
function missingColumn(column: string, { all }: Columns, file: string): GatewayError {
  return new GatewayError(
    'invalid_request',
    `The export ${file} has no column "${column}", which --where names.`,
    {
      hint: `Nearest: ${closest(column, [...all])}. Or export it again with that column.`,
    },
  );
}
