import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayError, systemCodeOf } from '../../errors.ts';
import { KernelLock } from '../../ledger/kernelLock.ts';
import { systemFailureOf } from '../../ledger/ledgerFailure.ts';

/** A process that waits says so at least this often, in milliseconds. */
const sayAgainMs = 300;
/** One that hasn't said so for this long, in milliseconds, has died or hangs: nobody waits for it. */
const silentMs = 1_500;

/** Places for calls that run at once. */
export interface Slots {
  /**
   * Takes a free slot, unless somebody else waits whose turn is earlier, and returns what frees it. Otherwise null: then
   * the caller waits, which others respect until `leaveQueue`. Turns are in milliseconds since the epoch.
   */
  tryTake(turn: number): (() => void) | null;
  /** Nobody here waits any longer. */
  leaveQueue(): void;
}

/**
 * Slots that all windows and commands of one state folder share: one lock each, which the kernel frees when its process
 * dies. Each process that waits has a file that says when its earliest call would have its turn.
 */
export class MachineSlots implements Slots {
  readonly #folder: string;
  readonly #queue: string;
  readonly #most: number;
  readonly #locks = new Map<number, KernelLock>();
  readonly #taken = new Set<number>();
  readonly #name = randomUUID();
  /** What this process has said of itself; null if it doesn't wait. */
  #said: { turn: number; at: number } | null = null;

  constructor(folder: string, most: number) {
    this.#folder = folder;
    this.#queue = join(folder, 'queue');
    this.#most = most;
  }

  /** Throws `ledger_unavailable` if the folder can't be used. */
  tryTake(turn: number): (() => void) | null {
    try {
      return this.#tryTake(turn);
    } catch (error) {
      throw unusable(this.#folder, error);
    }
  }

  #tryTake(turn: number): (() => void) | null {
    const slot = this.#earlierElsewhere(turn) ? null : this.#freeSlot();
    if (slot === null) {
      this.#wait(turn);
      return null;
    }
    this.leaveQueue();
    this.#taken.add(slot);
    return () => {
      this.#taken.delete(slot);
      this.#lock(slot).release();
    };
  }

  leaveQueue(): void {
    if (this.#said) rmSync(join(this.#queue, this.#name), { force: true });
    this.#said = null;
  }

  #freeSlot(): number | null {
    // From the end, so that windows with a lower limit find theirs free.
    for (let slot = this.#most - 1; slot >= 0; slot -= 1)
      if (!this.#taken.has(slot) && this.#lock(slot).tryAcquire()) return slot;
    return null;
  }

  #lock(slot: number): KernelLock {
    let lock = this.#locks.get(slot);
    if (!lock) {
      mkdirSync(this.#queue, { recursive: true, mode: 0o700 });
      lock = new KernelLock(join(this.#folder, String(slot)));
      this.#locks.set(slot, lock);
    }
    return lock;
  }

  #wait(turn: number): void {
    const now = Date.now();
    if (this.#said?.turn === turn && now - this.#said.at < sayAgainMs) return;
    mkdirSync(this.#queue, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.#queue, this.#name), String(turn), { mode: 0o600 });
    this.#said = { turn, at: now };
  }

  #earlierElsewhere(turn: number): boolean {
    return namesIn(this.#queue).some((name) => {
      if (name === this.#name) return false;
      const path = join(this.#queue, name);
      const other = turnIn(path);
      if (other === null) rmSync(path, { force: true });
      return other !== null && other < turn;
    });
  }

  dispose(): void {
    this.leaveQueue();
    for (const lock of this.#locks.values()) lock.close();
    this.#locks.clear();
  }
}

function unusable(folder: string, error: unknown): GatewayError {
  if (GatewayError.is(error)) return error;
  const [what, hint] = systemFailureOf(error);
  return new GatewayError('ledger_unavailable', `The slots for calls in ${folder} can't be used: ${what}.`, {
    hint,
    cause: error,
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The turn of a process that waits; never earlier than any if it is just being written; null if nobody waits there. */
function turnIn(path: string): number | null {
  try {
    if (Date.now() - statSync(path).mtimeMs > silentMs) return null;
    return Number(readFileSync(path, 'utf8') || Infinity);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
