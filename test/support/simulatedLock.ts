/** Locks between the simulated processes of one test, in the place of the kernel's. */
const held = new Map<string, KernelLock>();

export class KernelLock {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  tryAcquire(): boolean {
    const holder = held.get(this.#path);
    if (holder && holder !== this) return false;
    held.set(this.#path, this);
    return true;
  }

  async acquire(): Promise<void> {
    while (!this.tryAcquire()) await new Promise(setImmediate);
  }

  release(): void {
    if (held.get(this.#path) === this) held.delete(this.#path);
  }

  close(): void {
    this.release();
  }
}

export function isReleased(path: string): boolean {
  return !held.has(path);
}

/** What the kernel does when every process dies. */
export function releaseAll(): void {
  held.clear();
}
