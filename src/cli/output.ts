import { fstatSync, writeSync } from 'node:fs';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';

/** Why standard output could not be written first; null while it can. */
let firstFault: Error | null = null;

/** Standard output can't be written. Why is told at the end, by `outputFault`. */
export class OutputFailed extends Error {}

/** Notes what fails on the standard streams, which would end the process otherwise. */
export function watchOutput(): void {
  process.stdout.on('error', (error: Error) => (firstFault ??= error));
  // What can't be said there can't be said anywhere.
  process.stderr.on('error', () => undefined);
}

/** Writes to standard output, until that fails once: what follows a gap is of no use. */
export function writeOutput(text: string): void {
  if (firstFault) return;
  if (isFile()) writeWhole(text);
  else process.stdout.write(text);
}

/** Writes to standard output, and waits while its reader is slower. Throws `OutputFailed`. */
export async function writeSlowly(text: string): Promise<void> {
  if (isFile()) {
    writeOutput(text);
    if (firstFault) throw new OutputFailed();
    return;
  }
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error) reject(new OutputFailed());
      else resolve();
    });
  });
}

/** What to say of standard output at the end. A reader that went away, as `head` does, is no fault. */
export function outputFault(): GatewayError | null {
  if (!firstFault || systemCodeOf(firstFault) === 'EPIPE') return null;
  const message = `The output can’t be written: ${messageOf(firstFault)}.`;
  return new GatewayError('internal_error', message, {
    hint: 'What the command did is done. Check the disk and the place that its output goes to.',
    cause: firstFault,
  });
}

function isFile(): boolean {
  try {
    return fstatSync(1).isFile();
  } catch {
    return false;
  }
}

/** A disk that is nearly full takes a part of it without an error, which the stream would pass over. */
function writeWhole(text: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(1, bytes, written);
  } catch (error) {
    firstFault ??= error as Error;
    process.stdout.destroy(error as Error);
  }
}
