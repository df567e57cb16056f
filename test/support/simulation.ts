import { expect } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { ChainFault } from '../../src/ledger/fault.ts';
import type { Receipt } from '../../src/ledger/contract.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { LedgerOptions } from '../../src/ledger/ledgerOptions.ts';
import { LedgerState } from '../../src/ledger/ledgerState.ts';
import type { LedgerRecord } from '../../src/ledger/records.ts';
import { endRunInput, reserveInput, settleInput, startRunInput } from './inputs.ts';
import { ledgerDefaults } from './ledgers.ts';
import { disk, simulatedRoot, type Fault } from './simulatedDisk.ts';
import { releaseAll } from './simulatedLock.ts';

export const directory = `${simulatedRoot}/ledger`;

/** Records of a simulated disk's ledger, every one checked. Throws what is wrong and where. */
export function verifiedRecords(): LedgerRecord[] {
  const segments = [...disk.files()].filter(([path]) => path.endsWith('.journal')).sort();
  const state = new LedgerState('live');
  const records: LedgerRecord[] = [];
  for (const [path, content] of segments) {
    let start = 0;
    for (let end = content.indexOf(0x0a); end !== -1; end = content.indexOf(0x0a, start)) {
      const line = content.subarray(start, end);
      try {
        state.take(line, start === 0);
      } catch (error) {
        if (!(error instanceof ChainFault)) throw error;
        throw new Error(`${path} at byte ${start}: ${error.kind}: ${error.message}`, { cause: error });
      }
      records.push(JSON.parse(line.toString('utf8', 65)) as LedgerRecord);
      start = end + 1;
    }
    if (start < content.length) throw new Error(`${path} ends in half a record`);
  }
  return records;
}

/** Hashes of the records as they are stored, by sequence. */
function storedHashes(): Map<number, string> {
  const hashes = new Map<number, string>();
  for (const [path, content] of disk.files()) {
    if (!path.endsWith('.journal')) continue;
    for (const line of content.toString('utf8').split('\n').slice(0, -1))
      hashes.set((JSON.parse(line.slice(65)) as LedgerRecord).seq, line.slice(0, 64));
  }
  return hashes;
}

/** Of every call: what stands beside a record is there with it or not at all. */
const notes = [{ topic: 'of.the.test', data: { kind: 'SETTLE', cost_micro_usd: '9' } }];

export interface CallsMade {
  /** Receipts of everything that was acknowledged. */
  receipts: Receipt[];
  /** Calls whose ending was acknowledged, with what they cost. */
  settled: Map<string, bigint>;
  granted: Set<string>;
  /** Runs of agreements whose start was acknowledged. */
  runs: Set<string>;
}

export function noCalls(): CallsMade {
  return { receipts: [], settled: new Map(), granted: new Set(), runs: new Set() };
}

/** Settles to null when the ledger refuses; anything but a refusal is a fault of the program. */
export async function refusedOr<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    if (error.code === 'ledger_damaged' && !error.message.includes('has no open reservation'))
      throw new Error(`the ledger says it is damaged: ${error.message}`, { cause: error });
    return null;
  }
}

export function openSimulated(options: Partial<LedgerOptions> = {}): Ledger {
  // Nothing may be missing at the end, so nothing is dropped.
  return new Ledger({ ...ledgerDefaults, directory, retentionDays: 1_000_000, ...options });
}

export async function reserve(
  made: CallsMade,
  ledger: Ledger,
  id: string,
  amount: bigint,
  { run }: { run?: string } = {},
): Promise<void> {
  const flow = run && { run_id: run, agreement: 'cost_check', cost_limit_micro_usd: '1' };
  const input = { ...reserveInput(amount), ...(flow && { flow }) };
  const reservation = await refusedOr(ledger.reserve(id, input, notes));
  if (reservation) made.receipts.push(reservation.receipt);
  if (reservation?.granted) made.granted.add(id);
}

export async function settle(made: CallsMade, ledger: Ledger, id: string, cost: bigint): Promise<void> {
  const receipt = await refusedOr(ledger.settle(id, settleInput(cost), notes));
  if (!receipt) return;
  made.receipts.push(receipt);
  if (!made.settled.has(id)) made.settled.set(id, cost);
}

export async function startRun(
  made: CallsMade,
  ledger: Ledger,
  run: string,
  amount: bigint,
): Promise<boolean> {
  const started = await refusedOr(ledger.startRun(run, { ...startRunInput(amount), concurrent: true }));
  if (!started) return false;
  made.receipts.push(started.receipt);
  made.runs.add(run);
  return true;
}

export async function endRun(made: CallsMade, ledger: Ledger, run: string): Promise<void> {
  const receipt = await refusedOr(ledger.endRun(run, endRunInput()));
  if (receipt) made.receipts.push(receipt);
}

/** Two calls from beginning to end, one of them on the next day: every operation a ledger does. */
export async function twoDays(made: CallsMade): Promise<void> {
  let now = Date.parse('2026-01-31T10:00:00Z');
  const ledger = openSimulated({ now: () => now });
  await reserve(made, ledger, 'a', 600n);
  await settle(made, ledger, 'a', 250n);
  await reserve(made, ledger, 'b', 600n);
  now += 86_400_000;
  await reserve(made, ledger, 'c', 600n);
  await Promise.all([settle(made, ledger, 'b', 300n), settle(made, ledger, 'c', 300n)]);
  await ledger.dispose();
}

/** Every process dies; the kernel goes on. */
export function killAll(): void {
  disk.load(disk.files());
  releaseAll();
}

export function losePower(random: () => number, sector: number): void {
  disk.losePower(random, sector);
  releaseAll();
}

/** Lets operation `first` fail, and with `sticky` all after it. */
export function failFrom(first: number, fault: Fault, sticky: boolean): void {
  disk.operations = 0;
  disk.fault = (operation) => ((sticky ? operation >= first : operation === first) ? fault : null);
}

export function noFaults(): void {
  disk.operations = 0;
  disk.fault = () => null;
}

/**
 * What must hold after any trouble, once a new process has opened the ledger: it verifies, it has
 * everything that was acknowledged, no reservation is left over, and its budget is what its records say.
 */
export async function expectIntact(made: CallsMade, options: Partial<LedgerOptions> = {}): Promise<void> {
  noFaults();
  const ledger = openSimulated(options);
  await ledger.recover();
  const { day, spent, reserved } = await ledger.budget();
  await ledger.dispose();
  const records = verifiedRecords();
  const hashes = storedHashes();
  for (const { sequence, hash } of made.receipts) expect(hashes.get(sequence)).toBe(hash);
  const costs = new Map<string, bigint>();
  const runOf = new Map<string, string>();
  const costsOfRuns = new Map<string, bigint>();
  const ended = new Map<string, string>();
  let ofDay = 0n;
  for (const record of records) {
    if (record.kind === 'RESERVE' && record.flow) runOf.set(record.call_id, record.flow.run_id);
    if (record.kind === 'flow_end') ended.set(record.run_id, record.cost_micro_usd);
    if (record.kind === 'ADJUST' && record.day === day) ofDay += BigInt(record.difference_micro_usd);
    if (record.kind !== 'SETTLE' && record.kind !== 'VOID' && record.kind !== 'EXPIRED_CHARGED') continue;
    const cost = record.kind === 'VOID' ? 0n : BigInt(record.cost_micro_usd);
    costs.set(record.call_id, cost);
    const run = runOf.get(record.call_id);
    if (run !== undefined) costsOfRuns.set(run, (costsOfRuns.get(run) ?? 0n) + cost);
    if (record.day === day) ofDay += cost;
  }
  for (const run of made.runs) expect(ended.get(run)).toBe((costsOfRuns.get(run) ?? 0n).toString());
  for (const [id, cost] of made.settled) expect(costs.get(id)).toBe(cost);
  for (const id of made.granted) expect(costs.has(id)).toBe(true);
  expect({ spent, reserved }).toEqual({ spent: ofDay, reserved: 0n });
}
