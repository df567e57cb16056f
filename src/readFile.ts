import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { systemCodeOf } from './errors.ts';
import { utf8Text } from './utf8Text.ts';

/** Maximum size of files that people write: settings, agreements, the AWS files. */
export const mostTextBytes = 1_000_000;
/** Milliseconds after which reading is abandoned, for example on an unreachable drive. */
const deadlineMs = 10_000;
const chunkBytes = 65_536;
/** Opening a pipe would wait for its writer. */
const withoutWaiting = (constants as { O_NONBLOCK?: number }).O_NONBLOCK ?? 0;
const flags = constants.O_RDONLY | withoutWaiting;
/** Errors of opening a folder for writing, and of a socket. */
const noFileCodes: ReadonlySet<string> = new Set(['EISDIR', 'ENXIO', 'EOPNOTSUPP']);

/** Something that can't be read as a file: a pipe, a device, a folder, or too large. */
export class NoOrdinaryFile extends Error {
  override readonly name = 'NoOrdinaryFile';
  readonly isTooLarge: boolean;

  constructor(message: string, { isTooLarge = false } = {}) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}

/**
 * The only way to read files that others may have made: a regular file of at most `mostBytes`, within 10 seconds.
 * Throws the system error or `NoOrdinaryFile`.
 */
export async function readFileBytes(path: string, mostBytes = mostTextBytes): Promise<Buffer> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new NoOrdinaryFile(`it could not be read within ${deadlineMs / 1000} s`)),
    deadlineMs,
  );
  try {
    return await Promise.race([readWhole(path, mostBytes), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function readWhole(path: string, mostBytes: number): Promise<Buffer> {
  const { file, size } = await openWithSize(path, mostBytes);
  await using opened = file;
  // One byte more than it says shows in the same reading that the file ends there.
  const first = Math.min(size + 1, chunkBytes);
  const { bytesRead, buffer } = await opened.read(Buffer.allocUnsafeSlow(first), 0, first, null);
  const bytes = buffer.subarray(0, bytesRead);
  return bytesRead === size && size > 0 ? bytes : await readUpTo(opened, mostBytes, bytes);
}

/** The same for UTF-8. Also throws `NotUtf8`. */
export async function readFileText(path: string, mostBytes = mostTextBytes): Promise<string> {
  return utf8Text(await readFileBytes(path, mostBytes));
}

/** The same, synchronously. */
export function readFileBytesSync(path: string, mostBytes = mostTextBytes): Buffer {
  const descriptor = openFileSync(path, { mostBytes });
  try {
    const chunks: Buffer[] = [];
    for (let size = 0; ;) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
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

/** Opens a regular file for reading in parts. Throws like `readFileBytes`. */
export async function openFile(path: string, mostBytes = Infinity): Promise<FileHandle> {
  return (await openWithSize(path, mostBytes)).file;
}

async function openWithSize(path: string, mostBytes: number): Promise<{ file: FileHandle; size: number }> {
  const file = await open(path, flags).catch((error: unknown) => {
    throw noFileCodes.has(systemCodeOf(error) ?? '') ? notAFile() : error;
  });
  try {
    const found = await file.stat();
    requireOrdinary(found, mostBytes);
    return { file, size: found.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * The same, synchronously, with the given access instead of reading. Throws the system error or
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

/** Throws `NoOrdinaryFile` for anything but a file that a library will open by its name; a missing file is no fault. */
export function requireFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile()) throw notAFile();
}

/** Reads a command-line argument, also a pipe or a terminal: all of it, up to `mostBytes`. */
export async function readAny(path: string, mostBytes: number): Promise<Buffer> {
  await using file = await open(path, 'r');
  return await readUpTo(file, mostBytes, Buffer.alloc(0));
}

/** Throws like `readFileBytes` for a file that a library will read itself; a missing file is no fault. */
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

/** The rest of a file after what was read. The reported size is unreliable: some files of /proc report 0, others grow. */
async function readUpTo(file: FileHandle, mostBytes: number, before: Buffer): Promise<Buffer> {
  const chunks = [before];
  for (let size = before.length; ;) {
    if (size > mostBytes) throw tooLarge(mostBytes);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, null);
    if (bytesRead === 0) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, bytesRead));
    size += bytesRead;
  }
}

function notAFile(): NoOrdinaryFile {
  return new NoOrdinaryFile('it is not a file');
}

function tooLarge(mostBytes: number): NoOrdinaryFile {
  return new NoOrdinaryFile(`it is larger than ${mostBytes} bytes`, { isTooLarge: true });
}
