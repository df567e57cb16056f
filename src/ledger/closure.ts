import { existsSync, lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createFile } from '../createFile.ts';
import { systemCodeOf } from '../errors.ts';
import { readFileTextSync } from '../readFile.ts';
import { faultKinds, type Fault, type FaultKind } from './fault.ts';

/**
 * What any part of the product found wrong with a ledger. The file is next to the journal, so that every front door
 * of every process refuses with the same message until a person has decided.
 */
export interface Closure {
  /** ISO 8601, UTC. */
  found: string;
  fault: Fault;
  /**
   * Whether it was seen under the ledger's lock, or in an anchor. What was read while others wrote may be half a
   * write: the next process to hold the lock checks again.
   */
  certain: boolean;
}

const fileName = 'closed.json';
/** Of what is written there; a detail is a sentence. */
const mostBytes = 65_536;

/**
 * Faults that close nothing: a write under way, a record that a later version of this program can read, and another
 * key than is asked for, which each process with a pinned key refuses by itself.
 */
const passing: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'unterminated_tail',
  'unknown_version',
  'wrong_key',
]);

/** Why the ledger of a folder takes no calls; null when it does. */
export function closureOf(directory: string): Closure | null {
  const path = join(directory, fileName);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there) return null;
  try {
    // With a dangling link the ledger could not be closed.
    if (!there.isFile()) throw new TypeError(`${fileName} is not a file`);
    return requireClosure(JSON.parse(readFileTextSync(path, mostBytes)) as Partial<Closure>);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    const detail = `${fileName}, which says what was found, can't be read`;
    const fault: Fault = { segment: fileName, line: 1, sequence: 0, kind: 'unreadable', detail };
    return { found: '', fault, certain: true };
  }
}

/** The certain fault; null where there is none, or it may have been half a write. */
export function certainFault(directory: string): Fault | null {
  const closure = closureOf(directory);
  return closure?.certain ? closure.fault : null;
}

/** A file in another form closes the ledger too: its text goes into a record. */
function requireClosure({ found, fault, certain }: Partial<Closure>): Closure {
  const { segment, line, sequence, kind, detail }: Partial<Fault> = fault ?? {};
  const texts = [found, segment, detail].every((text) => typeof text === 'string');
  const numbers = [line, sequence].every((number) => Number.isSafeInteger(number));
  if (!texts || !numbers || typeof certain !== 'boolean' || !faultKinds.includes(kind as FaultKind))
    throw new TypeError(`${fileName} has another form`);
  return { found, fault: { segment, line, sequence, kind, detail }, certain } as Closure;
}

/** Closes a ledger for every process. The first fault stays, unless only the new one is certain. */
export function closeLedger(directory: string, fault: Fault, certain: boolean): void {
  // Any file may be given as an anchor; only a configured one closes the ledger.
  if (passing.has(fault.kind) || (!certain && fault.kind === 'anchor_mismatch')) return;
  if (certain && closureOf(directory)?.certain === false) forgetClosure(directory);
  if (existsSync(join(directory, fileName))) return;
  const closure: Closure = { found: new Date().toISOString(), fault, certain };
  try {
    createFile(join(directory, fileName), `${JSON.stringify(closure)}\n`);
  } catch (error) {
    // An auditor's copy may be read-only; each process finds its faults itself.
    if (systemCodeOf(error) === undefined) throw error;
  }
}

/** Lets the ledger of a folder take calls again. */
export function forgetClosure(directory: string): void {
  rmSync(join(directory, fileName), { force: true, recursive: true });
}
