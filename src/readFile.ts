import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { systemCodeOf } from './errors.ts';
import { utf8Text } from './utf8Text.ts';

/** Text that people write: settings, agreements, the AWS files. */
export const mostTextBytes = 1_000_000;
/** A file that doesn't come in this time, as on a drive that is away, is given up, in milliseconds. */
const deadlineMs = 10_000;
const chunkBytes = 65_536;
/** Opening a pipe would wait for who writes to it. */
const withoutWaiting = (constants as { O_NONBLOCK?: number }).O_NONBLOCK ?? 0;
const flags = constants.O_RDONLY | withoutWaiting;
/** A folder that is opened for writing, and a socket. */
const noFileCodes: ReadonlySet<string> = new Set(['EISDIR', 'ENXIO', 'EOPNOTSUPP']);

/** Why something that is there can't be read as a file: it is a pipe, a device or a folder, or it is too large. */
export class NoOrdinaryFile extends Error {
  override readonly name = 'NoOrdinaryFile';
  readonly isTooLarge: boolean;

  constructor(message: string, { isTooLarge = false } = {}) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}

/**
 * The one way to read what others may have put there: an ordinary file of at most `mostBytes`, within 10 seconds.
 * Throws the system error or `NoOrdinaryFile`.
 */
export async function readFileBytes(path: string, mostBytes = mostTextBytes): Promise<Buffer> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new NoOrdinaryFile(`it did not come within ${deadlineMs / 1000} s`)),
    deadlineMs,
  );
  try {
    return await Promise.race([readWhole(path, mostBytes), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function readWhole(path: string, mostBytes: number): Promise<Buffer> {
  await using file = await openFile(path, mostBytes);
  return await readUpTo(file, mostBytes);
}

/** The same for UTF-8. Throws `NotUtf8` besides. */
export async function readFileText(path: string, mostBytes = mostTextBytes): Promise<string> {
  return utf8Text(await readFileBytes(path, mostBytes));
}

/** The same at once, where nothing can be waited for. */
export function readFileBytesSync(path: string, mostBytes = mostTextBytes): Buffer {
  const descriptor = openFileSync(path, { mostBytes });
  try {
    const chunks: Buffer[] = [];
    for (let size = 0; ;) {
      const chunk = Buffer.alloc(chunkBytes);
      const read = readSync(descriptor, chunk, 0, chunkBytes, null);
      if (read === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, read));
      size += read;
      if (size > mostBytes) throw tooLarge(mostBytes);
    }
  } finally {
    closeSync(descriptor);
  }
}

export function readFileTextSync(path: string, mostBytes = mostTextBytes): string {
  return utf8Text(readFileBytesSync(path, mostBytes));
}

/** An ordinary file for reading, for one that is read in parts. Throws as `readFileBytes`. */
export async function openFile(path: string, mostBytes = Infinity): Promise<FileHandle> {
  const file = await open(path, flags).catch((error: unknown) => {
    throw noFileCodes.has(systemCodeOf(error) ?? '') ? notAFile() : error;
  });
  try {
    requireOrdinary(await file.stat(), mostBytes);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * The same at once, with another access than reading where `access` says so. Throws the system error or
 * `NoOrdinaryFile`.
 */
export function openFileSync(
  path: string,
  { access = constants.O_RDONLY, mostBytes = Infinity }: { access?: number; mostBytes?: number } = {},
): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, access | withoutWaiting);
  } catch (error) {
    throw noFileCodes.has(systemCodeOf(error) ?? '') ? notAFile() : error;
  }
  try {
    requireOrdinary(fstatSync(descriptor), mostBytes);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Throws `NoOrdinaryFile` for what another library will open by its name; what isn't there is none of its faults. */
export function requireFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile()) throw notAFile();
}

/** Of what a command line names, also a pipe or a terminal: as much as there is, up to `mostBytes`. */
export async function readAny(path: string, mostBytes: number): Promise<Buffer> {
  await using file = await open(path, 'r');
  return await readUpTo(file, mostBytes);
}

/** Throws as `readFileBytes` for what a library will read itself; a file that isn't there is none of its faults. */
export function requireReadable(path: string, mostBytes = mostTextBytes): void {
  try {
    closeSync(openFileSync(path, { mostBytes }));
  } catch (error) {
    if (error instanceof NoOrdinaryFile) throw error;
  }
}

function requireOrdinary(found: Stats, mostBytes: number): void {
  if (!found.isFile()) throw notAFile();
  if (found.size > mostBytes) throw tooLarge(mostBytes);
}

/** What a file says of its size need not hold: some of /proc say 0, and others grow. */
async function readUpTo(file: FileHandle, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let size = 0; ;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, null);
    if (bytesRead === 0) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, bytesRead));
    size += bytesRead;
    if (size > mostBytes) throw tooLarge(mostBytes);
  }
}

function notAFile(): NoOrdinaryFile {
  return new NoOrdinaryFile('it is not a file');
}

function tooLarge(mostBytes: number): NoOrdinaryFile {
  return new NoOrdinaryFile(`it is larger than ${mostBytes} bytes`, { isTooLarge: true });
}
