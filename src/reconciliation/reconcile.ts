import { createHash } from 'node:crypto';
import type { AdjustInput } from '../ledger/contract.ts';
import { pricedModelIds } from '../pricing/priceTable.ts';
import { Bill, toMicro, type Unplaced } from './bill.ts';
import { compareModel, type ClassComparison } from './compareModel.ts';
import type { ExportSource } from './costExport.ts';
import { ModelMatcher } from './modelNames.ts';
import { readRecordedCosts } from './recordedCost.ts';

export interface ReconcileOptions {
  /** The ledger's folder and the zone in which its days begin. */
  directory: string;
  timeZone: string;
  /** Parts of one export, or of consecutive exports. */
  files: readonly string[];
  /** Maps a model's name on the bill to its id in the ledger. */
  mapping: ReadonlyMap<string, string>;
  /** The model or profile behind an id or ARN; an unknown ARN is its own base. */
  baseOf: (modelId: string) => string;
  /** Only lines with these values in these columns belong to this ledger. */
  where: ReadonlyMap<string, string>;
  /** Treats every day of the export as complete. */
  final: boolean;
}

/** A model's tokens of one class on one policy day: recorded and billed amounts. */
export interface Comparison extends ClassComparison {
  day: string;
  modelId: string;
}

/** Lines outside the comparison, by reason; `billed` in micro-USD. */
export type UnplacedLines = Omit<Unplaced, 'cost'> & { billed: bigint };

export interface Reconciliation {
  source: ExportSource;
  comparisons: Comparison[];
  /** The key of a model's cap, if it isn't its id. */
  modelKeys: ReadonlyMap<string, string>;
  unplaced: UnplacedLines[];
  /** Lines of other services, and Bedrock lines excluded by `where`. */
  others: { lines: number; billed: bigint };
  /** Number of duplicate lines, which count once. */
  copies: number;
}

/** Compares a ledger with the AWS bill. Throws `invalid_request` for a file that isn't an export. */
export async function reconcile(options: ReconcileOptions): Promise<Reconciliation> {
  const recorded = await readRecordedCosts(options.directory);
  const bill = await Bill.read(options.files, {
    timeZone: options.timeZone,
    where: options.where,
    matcher: new ModelMatcher({
      mapping: options.mapping,
      recorded: recorded.modelIds,
      known: pricedModelIds(),
      baseOf: options.baseOf,
    }),
    firstDay: [...recorded.days.keys()].reduce((a, b) => (a < b ? a : b), '9999'),
  });
  const comparisons: Comparison[] = [];
  for (const day of new Set([...recorded.days.keys(), ...bill.days.keys()].toSorted())) {
    const billed = bill.days.get(day) ?? new Map<string, never>();
    if (options.final ? billed.size === 0 : !bill.isComplete(day)) {
      setAside(bill, day);
      continue;
    }
    const models = recorded.days.get(day) ?? new Map<string, never>();
    for (const modelId of [...new Set([...models.keys(), ...billed.keys()])].toSorted()) {
      const doubt = bill.doubtOf(day, modelId);
      const classes = compareModel(models.get(modelId), billed.get(modelId), doubt);
      for (const comparison of classes) comparisons.push({ day, modelId, ...comparison });
    }
  }
  return {
    source: oneSource(bill.sources),
    comparisons,
    modelKeys: recorded.modelKeys,
    unplaced: bill.unplaced
      .map(({ cost, ...unplaced }) => ({ ...unplaced, billed: toMicro(cost) }))
      .toSorted((a, b) => (a.billed > b.billed ? -1 : 1)),
    others: { lines: bill.others.lines, billed: toMicro(bill.others.cost) },
    copies: bill.copies,
  };
}

/** Lists the billed amounts of an incomplete day. */
function setAside(bill: Bill, day: string): void {
  for (const [modelId, classes] of bill.days.get(day) ?? [])
    for (const { cost, lines, first } of classes.values())
      bill.list({ why: `${day} is not complete in this export`, name: modelId, lines, cost, first });
}

/** The adjustments that correct each day's spend to what the bill proves. */
export function adjustments(
  { source, comparisons, modelKeys }: Reconciliation,
  by: { userId: string; reason: string },
): AdjustInput[] {
  return comparisons
    .filter(({ difference, leftBecause }) => difference !== 0n && leftBecause === null)
    .map(({ day, modelId, tokenClass, recorded, estimated, billed, difference, spans }) => ({
      day,
      model_id: modelId,
      ...keyOf(modelKeys.get(modelId)),
      token_class: tokenClass,
      recorded_micro_usd: (recorded + estimated).toString(),
      billed_micro_usd: billed.toString(),
      difference_micro_usd: difference.toString(),
      billed_spans: [...new Set(spans.map(({ from, until }) => `${from}-${until}`))].join(),
      source: source.name,
      source_sha256: source.sha256,
      user_id: by.userId,
      reason: by.reason,
    }));
}

function keyOf(modelKey: string | undefined): { model_key?: string } {
  return modelKey === undefined ? {} : { model_key: modelKey };
}

function oneSource(sources: readonly ExportSource[]): ExportSource {
  const [first, ...others] = sources;
  if (first && others.length === 0) return first;
  const sha256 = createHash('sha256').update(sources.map((source) => source.sha256).join('\n'));
  const name = sources.map((source) => source.name).join(', ');
  const hex = sha256.digest('hex');
  return { name, sha256: hex, textSha256: hex };
}
