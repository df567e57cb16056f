import { tokenClasses, type TokenClass } from '../ledger/records.ts';
import { toMicro, type BilledClass } from './bill.ts';
import { entryOf, undated, type RecordedCost } from './recordedCost.ts';

/** A model's tokens of one class on one day: what was recorded and what was billed, in micro-USD. */
export interface ClassComparison {
  tokenClass: TokenClass;
  /** Exact calls, and earlier adjustments. */
  recorded: bigint;
  /** The part of upper bounds that stands for this class. */
  estimated: bigint;
  billed: bigint;
  /** Billed less recorded and estimated. */
  difference: bigint;
  /** Why the record stays as it is although the bill may say otherwise; null where the bill proves the difference. */
  leftBecause: string | null;
  /** When the billed usage was. */
  spans: BilledClass['spans'];
}

interface Row {
  recorded: bigint;
  calls: string[];
  cost: bigint;
  spans: BilledClass['spans'];
}

/**
 * Compares the classes of one model and day. What the bill doesn't show stays as it is: a class without a line, and
 * less money where the bill has no line at the time of a call. `doubt`: why all of it stays, or null.
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
    // An upper bound stands first for what the bill has beyond the exact calls.
    const gap = toMicro(row.cost) - row.recorded;
    const ofSeen = least(gap, open);
    const ofUnseen = least(gap - ofSeen, unseen);
    open -= ofSeen;
    unseen -= ofUnseen;
    return [{ tokenClass, row, estimated: ofSeen + ofUnseen }];
  });
  // The rest was never billed, unless what the bill has for it stands for a call whose line is missing.
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

/** The smaller of two amounts, and nothing for what is below zero. */
function least(one: bigint, other: bigint): bigint {
  const smaller = one < other ? one : other;
  return smaller > 0n ? smaller : 0n;
}

function rowsOf(
  recorded: RecordedCost | undefined,
  billed: ReadonlyMap<TokenClass, BilledClass> | undefined,
): Map<TokenClass, Row> {
  // A bill that doesn't tell the lifetimes of cache writes apart is compared with all of them.
  const fold = (tokenClass: TokenClass): TokenClass =>
    billed?.has('cache_write') && tokenClass.startsWith('cache_write') ? 'cache_write' : tokenClass;
  const rows = new Map<TokenClass, Row>();
  const row = (tokenClass: TokenClass): Row =>
    entryOf(rows, fold(tokenClass), () => ({ recorded: 0n, calls: [], cost: 0n, spans: [] }));
  for (const [tokenClass, { micro, calls }] of recorded?.byClass ?? []) {
    row(tokenClass).recorded += micro;
    row(tokenClass).calls.push(...calls);
  }
  // What an earlier bill made of upper bounds is in the classes since.
  if (recorded?.adjusted)
    for (const tokenClass of ['input', 'output'] as const)
      row(tokenClass).calls.push(...recorded.bounds.keys());
  for (const [tokenClass, { cost, spans }] of billed ?? []) {
    row(tokenClass).cost += cost;
    row(tokenClass).spans.push(...spans);
  }
  return rows;
}

/** What the bill lacks to prove a difference; null where it lacks nothing. */
function missing(row: Row, difference: bigint): string | null {
  if (difference === 0n) return null;
  if (row.spans.length === 0) return 'the bill has no line of it';
  if (difference > 0n) return null;
  const unseen = unseenCall(row);
  if (unseen === undefined) return null;
  return unseen === undated
    ? 'an earlier bill had more'
    : `the bill has no line for the usage at ${timeOf(unseen)}`;
}

/** An exact call, or usage of an earlier bill, at whose time this bill has no line of this class. */
function unseenCall({ calls, spans }: Row): string | undefined {
  return calls.find((made) => !isCovered(made, spans));
}

/** Upper bounds of calls that the bill doesn't show. */
function unseenBound(estimated: bigint, doubt: string | null): ClassComparison {
  const leftBecause = doubt ?? 'the bill does not show what these upper bounds stand for';
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
