import { tokenClasses, type TokenClass } from '../ledger/records.ts';
import { toMicro, type BilledClass } from './bill.ts';
import { entryOf, undated, type RecordedCost } from './recordedCost.ts';

/** A model's tokens of one class on one day: what was recorded and what was billed, in micro-USD. */
export interface ClassComparison {
  tokenClass: TokenClass;
  /** Exact calls, and earlier adjustments. */
  recorded: bigint;
  /** The part of upper bounds assigned to this class. */
  estimated: bigint;
  billed: bigint;
  /** Billed minus recorded and estimated. */
  difference: bigint;
  /** Why the record stays although the bill may differ; null if the bill proves the difference. */
  leftBecause: string | null;
  /** Times of the billed usage. */
  spans: BilledClass['spans'];
}

interface Row {
  recorded: bigint;
  calls: string[];
  cost: bigint;
  spans: BilledClass['spans'];
}

/**
 * Compares the classes of one model and day. Figures that the bill doesn't show stay: a class without a line, and
 * a lower amount if the bill has no line at the time of a call. `doubt`: why all figures stay, or null.
 */
export function compareModel(
  recorded: RecordedCost | undefined,
  billed: ReadonlyMap<TokenClass, BilledClass> | undefined,
  doubt: string | null,
): ClassComparison[] {
  const rows = rowsOf(recorded, billed);
  let open = 0n;
  let unseen = 0n;
  for (const [made, micro] of recorded?.bounds ?? []) {
    // Each billed call has input and output.
    const seen = isCovered(made, rows.get('input')?.spans) && isCovered(made, rows.get('output')?.spans);
    if (seen) open += micro;
    else unseen += micro;
  }
  const compared = tokenClasses.flatMap((tokenClass) => {
    const row = rows.get(tokenClass);
    if (!row) return [];
    // The bill's excess over the exact calls is assigned to upper bounds first.
    const gap = toMicro(row.cost) - row.recorded;
    const ofSeen = least(gap, open);
    const ofUnseen = least(gap - ofSeen, unseen);
    open -= ofSeen;
    unseen -= ofUnseen;
    return [{ tokenClass, row, estimated: ofSeen + ofUnseen }];
  });
  // The rest was never billed, unless the line of a call is missing.
  const rest = compared.find(({ tokenClass }) => tokenClass === 'output');
  if (rest && compared.every(({ row }) => unseenCall(row) === undefined)) rest.estimated += open;
  else unseen += open;
  const comparisons = compared.map(({ tokenClass, row, estimated }) => {
    const billedMicro = toMicro(row.cost);
    const difference = billedMicro - row.recorded - estimated;
    const { recorded: recordedMicro } = row;
    const leftBecause = doubt ?? missing(row, difference);
    const { spans } = row;
    return {
      tokenClass,
      recorded: recordedMicro,
      estimated,
      billed: billedMicro,
      difference,
      leftBecause,
      spans,
    };
  });
  return unseen === 0n ? comparisons : [...comparisons, unseenBound(unseen, doubt)];
}

/** The smaller of two amounts, at least zero. */
function least(one: bigint, other: bigint): bigint {
  const smaller = one < other ? one : other;
  return smaller > 0n ? smaller : 0n;
}

function rowsOf(
  recorded: RecordedCost | undefined,
  billed: ReadonlyMap<TokenClass, BilledClass> | undefined,
): Map<TokenClass, Row> {
  // A bill without lifetimes of cache writes is compared with all cache writes.
  const fold = (tokenClass: TokenClass): TokenClass =>
    billed?.has('cache_write') && tokenClass.startsWith('cache_write') ? 'cache_write' : tokenClass;
  const rows = new Map<TokenClass, Row>();
  const row = (tokenClass: TokenClass): Row =>
    entryOf(rows, fold(tokenClass), () => ({ recorded: 0n, calls: [], cost: 0n, spans: [] }));
  for (const [tokenClass, { micro, calls }] of recorded?.byClass ?? []) {
    row(tokenClass).recorded += micro;
    row(tokenClass).calls.push(...calls);
  }
  // An earlier bill has already moved upper bounds into the classes.
  if (recorded?.adjusted)
    for (const tokenClass of ['input', 'output'] as const)
      row(tokenClass).calls.push(...recorded.bounds.keys());
  for (const [tokenClass, { cost, spans }] of billed ?? []) {
    row(tokenClass).cost += cost;
    row(tokenClass).spans.push(...spans);
  }
  return rows;
}

/** What the bill lacks to prove a difference; null if nothing. */
function missing(row: Row, difference: bigint): string | null {
  if (difference === 0n) return null;
  if (row.spans.length === 0) return 'the bill has no line for it';
  if (difference > 0n) return null;
  const unseen = unseenCall(row);
  if (unseen === undefined) return null;
  return unseen === undated
    ? 'an earlier bill had more'
    : `the bill has no line for the usage at ${timeOf(unseen)}`;
}

/** An exact call, or usage on an earlier bill, without a line of this class at its time. */
function unseenCall({ calls, spans }: Row): string | undefined {
  return calls.find((made) => !isCovered(made, spans));
}

/** Upper bounds of calls that the bill doesn't show. */
function unseenBound(estimated: bigint, doubt: string | null): ClassComparison {
  const leftBecause = doubt ?? 'the bill does not show the calls behind these upper bounds';
  const nothing = { recorded: 0n, billed: 0n, spans: [] };
  return { ...nothing, tokenClass: 'output', estimated, difference: -estimated, leftBecause };
}

function isCovered(made: string, spans: BilledClass['spans'] = []): boolean {
  const [from = 0, until = 0] = made.split('-').map(Number);
  return spans.some((span) => span.from < until && from < span.until);
}

function timeOf(made: string): string {
  return `${new Date(Number(made.split('-')[0])).toISOString().slice(0, 'YYYY-MM-DDThh:mm'.length)}Z`;
}
