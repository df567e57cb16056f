import { closeSync, constants, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { openFile } from './readFile.ts';

const chunkBytes = 262_144;
/** Larger files are not read: nobody wrote them by asking. */
const mostBytes = 2_000_000_000;

/**
 * The complete lines of a file from a byte on, each with the byte behind it. A torn last line is left out. Throws the
 * system error.
 */
export async function* linesOf(path: string, from: number): AsyncGenerator<{ text: string; end: number }> {
  await using file = await openFile(path, mostBytes);
  let rest: Buffer = Buffer.alloc(0);
  for (let place = from; ;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, place);
    if (bytesRead === 0) return;
    let start = place - rest.length;
    place += bytesRead;
    rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const text = rest.toString('latin1', 0, end);
      start += end + 1;
      rest = rest.subarray(end + 1);
      yield { text, end: start };
    }
  }
}

/**
 * Writes behind the last complete line, durably, and returns where the file then ends; 0 as `end` makes the file. Call it
 * only while no other process writes. Throws the system error.
 */
export function appendDurably(path: string, end: number, text: string): number {
  const create = end === 0 ? constants.O_CREAT : 0;
  const descriptor = openSync(path, constants.O_RDWR | create, 0o600);
  try {
    // Who writes holds the lock, so what is behind the last line was left by a writer that died.
    if (fstatSync(descriptor).size > end) ftruncateSync(descriptor, end);
    const bytes = Buffer.from(text, 'latin1');
    for (let written = 0; written < bytes.length;)
      written += writeSync(descriptor, bytes, written, bytes.length - written, end + written);
    fdatasyncSync(descriptor);
    return end + bytes.length;
  } finally {
    closeSync(descriptor);
  }
}
