/** Where simulated files are; every other path goes to the real file system. */
export const simulatedRoot = '/simulated-disk';

type RealFs = typeof import('node:fs');

export type Fault = 'ENOSPC' | 'EIO' | 'EMFILE' | 'short write';

/** A change of a file that no sync has made durable yet. */
type Change = { kind: 'write'; position: number; bytes: Buffer } | { kind: 'truncate'; length: number };

class SimulatedFile {
  readonly inode: number;
  /** What survives a power loss for certain. */
  durable: Buffer = Buffer.alloc(0);
  /** What a reader sees. */
  content: Buffer = Buffer.alloc(0);
  changes: Change[] = [];

  constructor(inode: number) {
    this.inode = inode;
  }
}

/**
 * Files in memory that behave as a disk does: what was not synced may be lost, in any order and sector by
 * sector, when the power goes; operations fail where a test says so. Names of new files are lost too until
 * their folder was synced.
 */
class SimulatedDisk {
  /** Operations since the last reset. */
  operations = 0;
  /** Whether the operation of this number fails, and how. */
  fault: (operation: number, name: string) => Fault | null = () => null;
  readonly #files = new Map<string, SimulatedFile>();
  readonly #durableNames = new Set<string>();
  readonly #open = new Map<number, { path: string; file: SimulatedFile }>();
  #nextDescriptor = 1_000_000;
  #nextInode = 1;

  /** Files as a reader sees them. */
  files(): Map<string, Buffer> {
    return new Map([...this.#files].map(([path, { content }]) => [path, content]));
  }

  /** Replaces all files; nothing stays open. */
  load(files: ReadonlyMap<string, Buffer>): void {
    this.#files.clear();
    this.#durableNames.clear();
    this.#open.clear();
    for (const [path, content] of files) {
      const file = new SimulatedFile(this.#nextInode++);
      file.durable = content;
      file.content = content;
      this.#files.set(path, file);
      this.#durableNames.add(path);
    }
  }

  /**
   * The power goes: of each file stays what was synced, and of the later changes whatever `random` lets
   * through, writes torn at sectors of `sector` bytes.
   */
  losePower(random: () => number, sector: number): void {
    this.#open.clear();
    for (const [path, file] of this.#files) {
      if (!this.#durableNames.has(path) && random() < 0.5) {
        this.#files.delete(path);
        continue;
      }
      this.#durableNames.add(path);
      let content = file.durable;
      for (const change of file.changes) {
        if (random() < 0.3) continue;
        content =
          change.kind === 'truncate'
            ? content.subarray(0, change.length)
            : sectorsOf(change, sector)
                .filter(() => random() < 0.7)
                .reduce(written, content);
      }
      Object.assign(file, { durable: content, content, changes: [] });
    }
  }

  /** The functions of `node:fs` that the ledger uses, on this disk under `simulatedRoot`. */
  over(real: RealFs): Partial<RealFs> {
    const isOurs = (path: unknown): path is string =>
      typeof path === 'string' && path.startsWith(simulatedRoot);
    const fileOf = (descriptor: number): { path: string; file: SimulatedFile } | undefined =>
      this.#open.get(descriptor);
    const failing = (name: string): Fault | null => this.fault((this.operations += 1), name);
    const orThrow = (name: string): Fault | null => {
      const fault = failing(name);
      if (fault && fault !== 'short write') throw systemError(fault, name);
      return fault;
    };
    const notFound = (path: string): Error => systemError('ENOENT', path);
    const overrides = {
      existsSync: (path: string) => (isOurs(path) ? this.#exists(path) : real.existsSync(path)),
      mkdirSync: (path: string, options: object) =>
        isOurs(path) ? undefined : real.mkdirSync(path, options),
      readdirSync: (path: string) =>
        isOurs(path)
          ? [...this.#files.keys()]
              .filter((file) => file.startsWith(`${path}/`))
              .map((file) => file.slice(path.length + 1))
          : real.readdirSync(path),
      rmSync: (path: string, options: object) => {
        if (isOurs(path)) this.#files.delete(path);
        else real.rmSync(path, options);
      },
      watch: (path: string, ...rest: never[]) => real.watch(path, ...rest),
      statSync: (path: string, options?: { throwIfNoEntry?: boolean }) => {
        if (!isOurs(path)) return real.statSync(path, options as never);
        const file = this.#files.get(path);
        if (file) return { ino: file.inode, size: file.content.length };
        if (path.endsWith('.db')) return { ino: 1, size: 0 };
        if (options?.throwIfNoEntry === false) return undefined;
        throw notFound(path);
      },
      lstatSync: (path: string, options: object) => {
        if (!isOurs(path)) return real.lstatSync(path, options);
        return this.#files.has(path) ? { isFile: () => true } : undefined;
      },
      openSync: (path: string, flags: string | number, mode?: number) => {
        if (!isOurs(path)) return real.openSync(path, flags, mode);
        orThrow('open');
        let file = this.#files.get(path);
        const isFolder = !path.includes('.');
        if (!file && (String(flags).startsWith('w') || isFolder)) {
          file = new SimulatedFile(this.#nextInode++);
          if (!isFolder) this.#files.set(path, file);
        }
        if (!file) throw notFound(path);
        const descriptor = this.#nextDescriptor++;
        this.#open.set(descriptor, { path, file });
        return descriptor;
      },
      closeSync: (descriptor: number) => {
        if (!this.#open.delete(descriptor) && descriptor < 1_000_000) real.closeSync(descriptor);
      },
      fstatSync: (descriptor: number) => {
        const open = fileOf(descriptor);
        if (!open) return real.fstatSync(descriptor);
        return { ino: open.file.inode, size: open.file.content.length, isFile: () => true };
      },
      readSync: (descriptor: number, buffer: Buffer, offset: number, length: number, position: number) => {
        const open = fileOf(descriptor);
        if (!open) return real.readSync(descriptor, buffer, offset, length, position);
        orThrow('read');
        return open.file.content.copy(buffer, offset, position, position + length);
      },
      writeSync: (descriptor: number, buffer: Buffer, offset: number, length: number, position: number) => {
        const open = fileOf(descriptor);
        if (!open) return real.writeSync(descriptor, buffer, offset, length, position);
        const short = orThrow('write') === 'short write' && length > 1;
        const bytes = Buffer.from(
          buffer.subarray(offset, offset + (short ? Math.floor(length / 2) : length)),
        );
        const change = { kind: 'write' as const, position, bytes };
        open.file.content = written(open.file.content, change);
        open.file.changes.push(change);
        return bytes.length;
      },
      ftruncateSync: (descriptor: number, length: number) => {
        const open = fileOf(descriptor);
        if (!open) {
          real.ftruncateSync(descriptor, length);
          return;
        }
        orThrow('truncate');
        open.file.content = open.file.content.subarray(0, length);
        open.file.changes.push({ kind: 'truncate', length });
      },
      fsyncSync: (descriptor: number) => {
        const open = fileOf(descriptor);
        if (!open) {
          real.fsyncSync(descriptor);
          return;
        }
        orThrow('sync');
        this.#sync(open);
      },
      fdatasync: (descriptor: number, done: (error: Error | null) => void) => {
        const open = fileOf(descriptor);
        if (!open) {
          real.fdatasync(descriptor, done);
          return;
        }
        const fault = failing('sync');
        if (fault === null || fault === 'short write') this.#sync(open);
        // An error leaves it open what reached the disk.
        queueMicrotask(() => done(fault && fault !== 'short write' ? systemError(fault, 'sync') : null));
      },
    };
    return overrides as unknown as Partial<RealFs>;
  }

  #exists(path: string): boolean {
    return (
      this.#files.has(path) ||
      path.endsWith('.db') ||
      [...this.#files.keys()].some((file) => file.startsWith(`${path}/`))
    );
  }

  #sync({ path, file }: { path: string; file: SimulatedFile }): void {
    if (!path.includes('.')) {
      for (const name of this.#files.keys()) if (name.startsWith(`${path}/`)) this.#durableNames.add(name);
      return;
    }
    file.durable = file.content;
    file.changes = [];
  }
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

type Write = Extract<Change, { kind: 'write' }>;

function written(content: Buffer, { position, bytes }: Write): Buffer {
  const result = Buffer.alloc(Math.max(content.length, position + bytes.length));
  content.copy(result);
  bytes.copy(result, position);
  return result;
}

/** The pieces of a write that reach the disk, or don't, each as a whole. */
function sectorsOf({ position, bytes }: Write, sector: number): Write[] {
  const pieces: Write[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + sector - ((position + start) % sector));
    pieces.push({ kind: 'write', position: position + start, bytes: bytes.subarray(start, end) });
    start = end;
  }
  return pieces;
}

/** The disk that the mocked `node:fs` of a test works on. */
export const disk = new SimulatedDisk();
