import { recordsSince } from '../history/recordedCalls.ts';
import type { LedgerRecord, NoteRecord } from '../ledger/records.ts';
import type { RunLine } from './runLine.ts';

/** What a run cost, micro-USD. */
export interface RunCosts {
  total: bigint;
  /** By full id; steps without a call are left out. */
  steps: ReadonlyMap<string, bigint>;
}

/**
 * What a run and its steps cost by the ledger's records, under all ids that it ran under. Calls that are still under way
 * don't count. Throws what reading the journal throws.
 */
export async function runCosts(directory: string, lines: readonly RunLine[]): Promise<RunCosts> {
  const runs = new Set(lines.flatMap((line) => (line.kind === 'opened' ? line.ledger_run : [])));
  const agreements = new Map(
    lines.flatMap((line) => (line.kind === 'agreement' ? [[line.ledger_run, line.step] as const] : [])),
  );
  const first = lines.find((line) => line.kind === 'opened');
  const costs = new Costs(runs, agreements);
  costs.elsewhere(lines);
  if (!first) return costs;
  for await (const records of recordsSince(directory, first.at.slice(0, 10)))
    for (const record of records) costs.take(record);
  return costs;
}

/** Sums up the records of a run in their order. */
class Costs implements RunCosts {
  total = 0n;
  readonly steps = new Map<string, bigint>();
  readonly #runs: ReadonlySet<string>;
  /** Steps by the id under which their agreement ran. */
  readonly #agreements: ReadonlyMap<string, string>;
  /** The steps of calls of the run, by call. */
  readonly #calls = new Map<string, string>();

  constructor(runs: ReadonlySet<string>, agreements: ReadonlyMap<string, string>) {
    this.#runs = runs;
    this.#agreements = agreements;
  }

  take(record: LedgerRecord): void {
    switch (record.kind) {
      case 'RESERVE':
        if (this.#runs.has(record.flow?.run_id ?? '')) this.#calls.set(record.call_id, '');
        break;
      case 'note':
        this.#note(record);
        break;
      case 'SETTLE':
      case 'EXPIRED_CHARGED':
        this.#add(this.#calls.get(record.call_id), record.cost_micro_usd);
        break;
      case 'flow_end':
        this.#add(this.#agreements.get(record.run_id), record.cost_micro_usd);
        break;
      default:
    }
  }

  /** Calls that other machines made: by their records, or the most that one without an answer can cost. */
  elsewhere(lines: readonly RunLine[]): void {
    const returned = new Map(
      lines.flatMap((line) => (line.kind === 'returned' ? [[line.call, line.cost]] : [])),
    );
    for (const line of lines)
      if (line.kind === 'sent') this.#add(line.step, returned.get(line.call) ?? line.most);
  }

  #note({ topic, call_id: call, data: { step } }: NoteRecord): void {
    if (topic === 'call.step' && call !== null && this.#calls.has(call) && typeof step === 'string')
      this.#calls.set(call, step);
  }

  #add(step: string | undefined, cost: string): void {
    if (step === undefined) return;
    this.total += BigInt(cost);
    this.steps.set(step, (this.steps.get(step) ?? 0n) + BigInt(cost));
  }
}
