import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createFile } from '../createFile.ts';
import { systemCodeOf } from '../errors.ts';
import { readFileTextSync } from '../readFile.ts';
import { faultKinds, type Fault, type FaultKind } from './fault.ts';

/**
 * What some part of the product has found wrong with a ledger. It lies beside the journal, so that every front door
 * of every process refuses, and says the same, until a person has decided.
 */
export interface Closure {
  /** ISO 8601, UTC. */
  found: string;
  fault: Fault;
  /**
   * Whether it was seen under the ledger's lock, or in an anchor. What was read while others wrote may be half a
   * write: the next process to hold the lock looks again.
   */
  certain: boolean;
}

const fileName = 'closed.json';
const mostBytes = 10_000;

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
  if (!isThere(path)) return null;
  try {
    return closureIn(readFileTextSync(path, mostBytes));
  } catch (error) {
    // Another process may have forgotten it just now.
    if (systemCodeOf(error) === 'ENOENT' && !isThere(path)) return null;
    const detail = `${fileName}, which says what was found, can't be read`;
    const fault: Fault = { segment: fileName, line: 1, sequence: 0, kind: 'unreadable', detail };
    return { found: '', fault, certain: true };
  }
}

/** Closes a ledger for every process. What was found first stays, unless this is certain and that was not. */
export function closeLedger(directory: string, fault: Fault, certain: boolean): void {
  // Any file may be given as an anchor; only a configured one closes the ledger.
  if (passing.has(fault.kind) || (!certain && fault.kind === 'anchor_mismatch')) return;
  if (certain && closureOf(directory)?.certain === false) forgetClosure(directory);
  if (isThere(join(directory, fileName))) return;
  const closure: Closure = { found: new Date().toISOString(), fault, certain };
  try {
    createFile(join(directory, fileName), `${JSON.stringify(closure)}\n`);
  } catch (error) {
    // An auditor's copy can't be written; each process sees its faults for itself.
    if (systemCodeOf(error) === undefined) throw error;
  }
}

/** Lets the ledger of a folder take calls again. */
export function forgetClosure(directory: string): void {
  rmSync(join(directory, fileName), { force: true, recursive: true });
}

/** Throws what JSON does, and `TypeError` for another document. */
function closureIn(text: string): Closure {
  const { found, fault, certain } = JSON.parse(text) as Closure;
  const { segment, line, sequence, kind, detail } = fault;
  const isClosure =
    [found, segment, detail].every((one) => typeof one === 'string') &&
    [line, sequence].every((one) => Number.isSafeInteger(one)) &&
    faultKinds.includes(kind);
  if (!isClosure) throw new TypeError('it is no closure');
  return { found, fault: { segment, line, sequence, kind, detail }, certain };
}

/** Also what is no file, and a link that leads nowhere. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
