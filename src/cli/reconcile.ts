import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { requireReason } from '../ledger/reason.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { columnName } from '../reconciliation/costExport.ts';
import {
  adjustments,
  reconcile,
  type Comparison,
  type Reconciliation,
  type UnplacedLines,
} from '../reconciliation/reconcile.ts';
import { errorJson, printError, printJson, printLine, table, type Terminal } from './terminal.ts';

export interface ReconcileCommandOptions {
  reason?: string;
  map: string[];
  where: string[];
  final?: boolean;
  dryRun?: boolean;
}

/** `tidyllm reconcile`: compares the ledger with the AWS bill and records the differences. */
export async function reconcileCommand(
  core: Core,
  files: readonly string[],
  options: ReconcileCommandOptions,
  terminal: Terminal,
): Promise<number> {
  if (core.ledger.mode === 'simulated') {
    throw new GatewayError('invalid_request', 'Simulated calls don’t appear on a bill.', {
      hint: 'Select the ledger of real calls with --backend bedrock.',
    });
  }
  const reason = options.dryRun
    ? ''
    : requireReason(options.reason ?? '', {
        minReasonLength: core.loaded.settings.audit.min_reason_length,
      });
  await core.catalogue.learnAll();
  const before = await core.ledger.head();
  const result = await reconcile({
    directory: core.journal.directory,
    timeZone: core.ledger.timeZone,
    files,
    baseOf: (modelId) => core.catalogue.baseIdOf(modelId),
    mapping: pairs(options.map, '--map', (modelId) => modelIdOf(core, modelId)),
    where: new Map(
      [...pairs(options.where, '--where')].map(([column, value]) => [columnName(column), value]),
    ),
    final: options.final ?? false,
  });
  const adjust = adjustments(result, { userId: core.user, reason });
  const seen =
    result.comparisons.some(({ billed }) => billed !== 0n) ||
    (result.comparisons.length > 0 && result.unplaced.length > 0);
  const error = seen ? null : nothingBilled();
  const receipt =
    options.dryRun || error || adjust.length === 0
      ? null
      : await core.ledger.adjust(adjust, before?.sequence ?? 0);
  if (terminal.json) {
    printJson({
      source: result.source.name,
      source_sha256: result.source.sha256,
      timezone: core.ledger.timeZone,
      dry_run: options.dryRun ?? false,
      comparisons: result.comparisons.map(comparisonJson),
      unplaced: result.unplaced.map(unplacedJson),
      copies: result.copies,
      others: { lines: result.others.lines, billed_usd: microToUsd(result.others.billed) },
      adjustments: receipt ? adjust.length : 0,
      audit_trail: receipt && { sequence: receipt.sequence, hash: receipt.hash },
      error: error && errorJson(error),
    });
  } else {
    printResult(result);
    printLine(
      receipt
        ? `${adjust.length} differences recorded up to #${receipt.sequence}; these figures now match the bill.`
        : `Nothing was recorded${adjust.length > 0 ? `; ${adjust.length} differences remain` : ''}.`,
    );
  }
  if (error && !terminal.json) printError(error);
  return error?.exitCode ?? 0;
}

/** An unrelated export would set every day's spend to zero. */
function nothingBilled(): GatewayError {
  return new GatewayError('invalid_request', 'The export bills no tokens on any comparable day.', {
    hint: 'Use an export that ends at least a day after the calls, or --final if it is complete.',
  });
}

const columns = ['day', 'model', 'class'];
const money = ['recorded', 'estimated', 'billed', 'difference'];

function comparisonCells(comparison: Comparison): string[] {
  const { day, modelId, tokenClass, recorded, estimated, billed, difference } = comparison;
  const amounts = [recorded, estimated, billed, difference];
  return [
    ...[day, modelId, tokenClass],
    ...amounts.map((micro) => `$${microToUsd(micro)}`.replace('$-', '-$')),
  ];
}

function printResult({ source, comparisons, unplaced, others, copies }: Reconciliation): void {
  const different = comparisons.filter(({ difference }) => difference !== 0n);
  const proven = different.filter(({ leftBecause }) => leftBecause === null);
  const left = different.filter(({ leftBecause }) => leftBecause !== null);
  if (proven.length > 0) {
    printLine(table([...columns, ...money], proven.map(comparisonCells), money));
    printLine();
  }
  if (left.length > 0) {
    const rows = left.map((comparison) => [...comparisonCells(comparison), comparison.leftBecause ?? '']);
    printLine('Left as recorded, because the bill does not prove the difference:');
    printLine(table([...columns, ...money, 'why'], rows, money));
    printLine();
  }
  if (unplaced.length > 0) {
    const rows = unplaced.map(({ why, name, lines, billed, first }) => [
      why,
      name,
      String(lines),
      formatUsd(billed),
      first,
    ]);
    printLine('Not compared:');
    printLine(table(['why', 'billed as', 'lines', 'billed', 'first'], rows, ['lines', 'billed']));
    printLine();
  }
  const sum = (pick: (comparison: Comparison) => bigint): string =>
    formatUsd(comparisons.reduce((total, comparison) => total + pick(comparison), 0n));
  const agree = comparisons.length - different.length;
  printLine(
    `${source.name}: ${sum(({ billed }) => billed)} billed, ${sum(({ recorded, estimated }) => recorded + estimated)} recorded; ${agree} of ${comparisons.length} agree to the micro-dollar.`,
  );
  if (copies > 0) printLine(`${copies} duplicate lines were counted once.`);
  if (others.lines > 0)
    printLine(
      `${others.lines} lines (${formatUsd(others.billed)}) are of other services or left out by --where.`,
    );
}

/** `NAME=VALUE` options; a model's name may hold anything but `=`. */
function pairs(
  texts: readonly string[],
  option: string,
  read: (value: string) => string = (value) => value,
): Map<string, string> {
  return new Map(
    texts.map((text) => {
      const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
      if (name !== undefined && value !== undefined) return [name, read(value)];
      throw new GatewayError('invalid_request', `${option} takes NAME=VALUE, not "${text}".`);
    }),
  );
}

function modelIdOf({ catalogue }: Core, name: string): string {
  return catalogue.names().includes(name) ? catalogue.resolve(name).modelId : name;
}

function comparisonJson({
  day,
  modelId,
  tokenClass,
  recorded,
  estimated,
  billed,
  difference,
  leftBecause,
}: Comparison): object {
  return {
    day,
    model_id: modelId,
    token_class: tokenClass,
    recorded_usd: microToUsd(recorded),
    estimated_usd: microToUsd(estimated),
    billed_usd: microToUsd(billed),
    difference_usd: microToUsd(difference),
    left_because: leftBecause,
  };
}

function unplacedJson({ why, name, lines, billed, first }: UnplacedLines): object {
  return { why, name, lines, billed_usd: microToUsd(billed), first };
}
