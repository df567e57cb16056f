import { createHash } from 'node:crypto';
import { dayOf, nextDayStart } from '../ledger/day.ts';
import type { AdjustInput } from '../ledger/ledger.ts';
import { tokenClasses, type TokenClass } from '../ledger/records.ts';
import { pricedModelIds } from '../pricing/modelCatalogue.ts';
import { billedLine } from './billedUsage.ts';
import { readCostExport, type Columns, type ExportSource } from './costExport.ts';
import { ModelMatcher } from './modelNames.ts';
import { entryOf, readRecordedCosts, type RecordedCost, type RecordedCosts } from './recordedCost.ts';

export interface ReconcileOptions {
  /** The ledger's folder and the zone in which its days begin. */
  directory: string;
  timeZone: string;
  /** Parts of one export, or of several that follow each other. */
  files: readonly string[];
  /** The bill's name of a model to the id in the ledger. */
  mapping: ReadonlyMap<string, string>;
  /** Only lines with these values in these columns belong to this ledger. */
  where: ReadonlyMap<string, string>;
  /** Takes every day of the export as complete. */
  final: boolean;
}

/** A model's tokens of one class on one policy day: what was recorded and what was billed, in micro-USD. */
export interface Comparison {
  day: string;
  modelId: string;
  tokenClass: TokenClass;
  /** Exact calls, and earlier adjustments. */
  recorded: bigint;
  /** The part of upper bounds that stands for this class. */
  estimated: bigint;
  billed: bigint;
  /** Billed less recorded and estimated. */
  difference: bigint;
}

/** Lines that belong to no comparison, by why. */
export interface Unplaced {
  why: string;
  name: string;
  lines: number;
  billed: bigint;
  /** Where the first of them stands: `file:line`. */
  first: string;
}

export interface Reconciliation {
  source: ExportSource;
  comparisons: Comparison[];
  unplaced: Unplaced[];
  /** Lines of other services, and of Bedrock that `where` left out. */
  others: { lines: number; billed: bigint };
}

/** Usage may be billed this long after it, so a day counts once the export reaches that far beyond. */
const billingDelayMs = 24 * 3_600_000;
/** Costs are added up to this many decimals of a US dollar; AWS gives ten. */
const costDecimals = 24;
const costScale = 10n ** BigInt(costDecimals - 6);

/** Compares a ledger with what AWS billed. Throws `invalid_request` for a file that is no export. */
export async function reconcile(options: ReconcileOptions): Promise<Reconciliation> {
  const recorded = await readRecordedCosts(options.directory);
  const bill = new Bill(options, recorded);
  const sources: ExportSource[] = [];
  for (const file of options.files)
    sources.push(await readCostExport(file, (columns, line) => bill.take(columns, file, line)));
  return { source: oneSource(sources), ...bill.compare() };
}

/** What to record, so that each day's spend is what was billed. */
export function adjustments(
  { source, comparisons }: Reconciliation,
  by: { userId: string; reason: string },
): AdjustInput[] {
  return comparisons
    .filter(({ difference }) => difference !== 0n)
    .map(({ day, modelId, tokenClass, recorded, estimated, billed, difference }) => ({
      day,
      model_id: modelId,
      token_class: tokenClass,
      recorded_micro_usd: (recorded + estimated).toString(),
      billed_micro_usd: billed.toString(),
      difference_micro_usd: difference.toString(),
      source: source.name,
      source_sha256: source.sha256,
      user_id: by.userId,
      reason: by.reason,
    }));
}

function oneSource(sources: readonly ExportSource[]): ExportSource {
  const [first, ...others] = sources;
  if (first && others.length === 0) return first;
  const sha256 = createHash('sha256').update(sources.map((source) => source.sha256).join('\n'));
  return { name: sources.map(({ name }) => name).join(', '), sha256: sha256.digest('hex') };
}

/** Costs that were billed for a model on a day. Scaled to 10^-24 USD. */
type BilledClasses = Map<TokenClass, bigint>;

class Bill {
  readonly #options: ReconcileOptions;
  readonly #recorded: RecordedCosts;
  readonly #matcher: ModelMatcher;
  readonly #days = new Map<string, Map<string, BilledClasses>>();
  readonly #unplaced = new Map<
    string,
    { why: string; name: string; lines: number; cost: bigint; first: string }
  >();
  readonly #others = { lines: 0, cost: 0n };
  readonly #dayOfHour = new Map<number, { day: string; dayEnd: number }>();
  readonly #firstDay: string;
  /** First line and cost of each day and model, for days that turn out to be incomplete. */
  readonly #placedLines = new Map<string, { lines: number; first: string }>();
  /** Time that each file covers, milliseconds since the epoch. */
  readonly #covered = new Map<string, { from: number; until: number }>();
  #invoiced = true;

  constructor(options: ReconcileOptions, recorded: RecordedCosts) {
    this.#options = options;
    this.#recorded = recorded;
    this.#firstDay = [...recorded.days.keys()].reduce((a, b) => (a < b ? a : b), '9999');
    this.#matcher = new ModelMatcher(options.mapping, recorded.modelIds, pricedModelIds());
  }

  take(columns: Columns, file: string, line: number): void {
    const place = `${file}:${line}`;
    const cost = parseCost(columns('line_item_unblended_cost'));
    const start = instantOf(columns('line_item_usage_start_date'));
    const end = instantOf(columns('line_item_usage_end_date'));
    if (start !== null && end !== null) {
      const covered = entryOf(this.#covered, file, () => ({ from: start, until: end }));
      covered.from = Math.min(covered.from, start);
      covered.until = Math.max(covered.until, end);
    }
    const billed = billedLine(columns);
    if (billed.kind === 'other' || !this.#isOurs(columns)) {
      this.#others.lines += 1;
      this.#others.cost += cost ?? 0n;
      return;
    }
    if (!columns('bill_invoice_id')) this.#invoiced = false;
    const name = billed.kind === 'tokens' ? billed.names.join(' · ') : billed.name;
    const leaveOut = (why: string): void => {
      this.#leaveOut(why, name, cost ?? 0n, place);
    };
    if (billed.kind === 'unplaceable') leaveOut(billed.why);
    else if (cost === null) leaveOut('its cost is not a number');
    else if (start === null || end === null) leaveOut('its time is not a date');
    else {
      const match = this.#matcher.find(billed.names, billed.route);
      const { day, dayEnd } = this.#dayAt(start);
      if ('why' in match) leaveOut(match.why);
      else if (end > dayEnd) leaveOut(`it spans days of ${this.#options.timeZone}: export by the hour`);
      else if (day < this.#firstDay) leaveOut('it is from before this ledger began');
      else this.#place(day, match.modelId, billed.tokenClass, cost, place);
    }
  }

  compare(): Omit<Reconciliation, 'source'> {
    const comparisons: Comparison[] = [];
    for (const day of new Set([...this.#recorded.days.keys(), ...this.#days.keys()])) {
      const billed = this.#days.get(day) ?? new Map<string, BilledClasses>();
      if (!this.#isComplete(day)) {
        for (const [modelId, classes] of billed) this.#setAside(day, modelId, classes);
        continue;
      }
      const recorded = this.#recorded.days.get(day) ?? new Map<string, RecordedCost>();
      for (const modelId of new Set([...recorded.keys(), ...billed.keys()])) {
        const classes = compareModel(recorded.get(modelId), billed.get(modelId));
        for (const comparison of classes) comparisons.push({ day, modelId, ...comparison });
      }
    }
    const order = ({ day, modelId, tokenClass }: Comparison): string =>
      [day, modelId, tokenClasses.indexOf(tokenClass)].join('\0');
    return {
      comparisons: comparisons.toSorted((a, b) => (order(a) < order(b) ? -1 : 1)),
      unplaced: [...this.#unplaced.values()]
        .map(({ cost, ...unplaced }) => ({ ...unplaced, billed: toMicro(cost) }))
        .toSorted((a, b) => (a.billed > b.billed ? -1 : 1)),
      others: { lines: this.#others.lines, billed: toMicro(this.#others.cost) },
    };
  }

  /** Bills have few hours and many lines. */
  #dayAt(time: number): { day: string; dayEnd: number } {
    const { timeZone } = this.#options;
    return entryOf(this.#dayOfHour, time, () => ({
      day: dayOf(new Date(time), timeZone),
      dayEnd: nextDayStart(new Date(time), timeZone).getTime(),
    }));
  }

  #isOurs(columns: Columns): boolean {
    return [...this.#options.where].every(([column, value]) => columns(column) === value);
  }

  #place(day: string, modelId: string, tokenClass: TokenClass, cost: bigint, place: string): void {
    const models = entryOf(this.#days, day, () => new Map<string, BilledClasses>());
    const classes = entryOf(models, modelId, () => new Map<TokenClass, bigint>());
    classes.set(tokenClass, (classes.get(tokenClass) ?? 0n) + cost);
    entryOf(this.#placedLines, `${day} ${modelId}`, () => ({ lines: 0, first: place })).lines += 1;
  }

  #leaveOut(why: string, name: string, cost: bigint, first: string, lines = 1): void {
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

  #setAside(day: string, modelId: string, classes: BilledClasses): void {
    const { lines, first } = this.#placedLines.get(`${day} ${modelId}`) ?? { lines: 0, first: '' };
    const cost = [...classes.values()].reduce((sum, value) => sum + value, 0n);
    this.#leaveOut(`${day} is not complete in this export`, modelId, cost, first, lines);
  }

  /** Whether the export has all that AWS bills for a day. */
  #isComplete(day: string): boolean {
    if (this.#options.final) return this.#days.has(day);
    const { timeZone } = this.#options;
    const start = startOf(day, timeZone);
    const end = nextDayStart(new Date(start), timeZone).getTime();
    const needed = this.#invoiced ? end : end + billingDelayMs;
    let reached = start;
    for (const { from, until } of [...this.#covered.values()].toSorted((a, b) => a.from - b.from))
      if (from <= reached) reached = Math.max(reached, until);
    return reached >= needed;
  }
}

/** The classes of one model and day. */
function compareModel(
  recorded: RecordedCost | undefined,
  billed: BilledClasses | undefined,
): Omit<Comparison, 'day' | 'modelId'>[] {
  // A bill that doesn't tell the lifetimes of cache writes apart is compared with all of them.
  const fold = (tokenClass: TokenClass): TokenClass =>
    billed?.has('cache_write') && tokenClass.startsWith('cache_write') ? 'cache_write' : tokenClass;
  const rows = new Map<TokenClass, { recorded: bigint; billedScaled: bigint }>();
  const row = (tokenClass: TokenClass): { recorded: bigint; billedScaled: bigint } =>
    entryOf(rows, fold(tokenClass), () => ({ recorded: 0n, billedScaled: 0n }));
  for (const [tokenClass, micro] of recorded?.byClass ?? []) row(tokenClass).recorded += micro;
  for (const [tokenClass, cost] of billed ?? []) row(tokenClass).billedScaled += cost;
  let estimated = recorded?.estimated ?? 0n;
  if (estimated > 0n) row('output');
  const compared = tokenClasses.flatMap((tokenClass) => {
    const found = rows.get(tokenClass);
    if (!found) return [];
    const billedMicro = toMicro(found.billedScaled);
    // An upper bound stands first for what the bill has beyond the exact calls.
    const gap = billedMicro - found.recorded;
    const covered = gap <= 0n ? 0n : gap < estimated ? gap : estimated;
    estimated -= covered;
    return [{ tokenClass, recorded: found.recorded, estimated: covered, billed: billedMicro }];
  });
  return compared.map((comparison) => {
    // The rest of it was never billed.
    const share =
      comparison.tokenClass === 'output' ? comparison.estimated + estimated : comparison.estimated;
    const { recorded: known, billed: charged } = comparison;
    return { ...comparison, estimated: share, difference: charged - known - share };
  });
}

/** The first instant of a policy day. */
function startOf(day: string, timeZone: string): number {
  const noon = Date.parse(`${day}T12:00:00Z`);
  // No zone is further than a day from UTC; days of a zone follow each other without a gap.
  let start = new Date(noon - 48 * 3_600_000);
  while (dayOf(start, timeZone) < day) start = nextDayStart(start, timeZone);
  return start.getTime();
}

/** Milliseconds since the epoch; a time without a zone is in UTC, as AWS means it. */
function instantOf(text: string): number | null {
  const iso = text.trim().replace(' ', 'T');
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

/** To the nearest micro-dollar. */
function toMicro(cost: bigint): bigint {
  const half = cost < 0n ? -costScale / 2n : costScale / 2n;
  return (cost + half) / costScale;
}
