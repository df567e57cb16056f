import { fstatSync, writeSync } from 'node:fs';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { visibleText } from '../visibleText.ts';

/** The first error of standard output; null if none. */
let firstFault: Error | null = null;

/** Standard output can't be written. `outputFault` reports why at the end. */
export class OutputFailed extends Error {}

/** Catches errors of the standard streams, which would otherwise end the process. */
export function watchOutput(): void {
  process.stdout.on('error', (error: Error) => (firstFault ??= error));
  // There is nowhere else to report it.
  process.stderr.on('error', () => undefined);
}

/**
 * Writes to standard output until the first failure: text after a gap is useless. The text can't move the cursor,
 * colour the screen or hide. `before` is as in `visibleText`.
 */
export function writeOutput(text: string, before?: string): void {
  if (firstFault) return;
  const shown = visibleText(text, before);
  if (isFile()) writeWhole(shown);
  else process.stdout.write(shown);
}

/** Writes to standard error, as `writeOutput` does to standard output. */
export function writeErrors(text: string): void {
  process.stderr.write(visibleText(text));
}

/** The terminal controls that the command itself uses. */
const controls = { clearScreen: '\x1b[H\x1b[2J', clearLine: '\r\x1b[K' } as const;

/** Controls the screen; does nothing if the stream isn't a terminal. */
export function controlScreen(stream: 'stdout' | 'stderr', control: keyof typeof controls): void {
  if (process[stream].isTTY) process[stream].write(controls[control]);
}

/** Writes to standard output like `writeOutput`, and waits for a slow reader. Throws `OutputFailed`. */
export async function writeSlowly(text: string): Promise<void> {
  if (isFile()) {
    writeOutput(text);
    if (firstFault) throw new OutputFailed();
    return;
  }
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(visibleText(text), (error) => {
      if (error) reject(new OutputFailed());
      else resolve();
    });
  });
}

/** The fault of standard output to report at the end. A reader that closes the pipe, as `head` does, is no fault. */
export function outputFault(): GatewayError | null {
  if (!firstFault || systemCodeOf(firstFault) === 'EPIPE') return null;
  const message = `The output can’t be written: ${messageOf(firstFault)}.`;
  return new GatewayError('internal_error', message, {
    hint: 'The command’s work is done. Check the disk and the output’s destination.',
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

/** A nearly full disk accepts part of the text without an error, which the stream would ignore. */
function writeWhole(text: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(1, bytes, written);
  } catch (error) {
    firstFault ??= error as Error;
    process.stdout.destroy(error as Error);
  }
}
