import { fstatSync, writeSync } from 'node:fs';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { visibleText } from '../visibleText.ts';

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

/**
 * Writes to standard output, until that fails once: what follows a gap is of no use. Nothing in the text can move
 * the cursor, colour the screen or hide. `before` is as in `visibleText`.
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

/** What the command itself does to a terminal. */
const controls = { clearScreen: '\x1b[H\x1b[2J', clearLine: '\r\x1b[K' } as const;

/** Does something to a screen; nothing where the stream is none. */
export function controlScreen(stream: 'stdout' | 'stderr', control: keyof typeof controls): void {
  if (process[stream].isTTY) process[stream].write(controls[control]);
}

/** Writes to standard output as `writeOutput`, and waits while its reader is slower. Throws `OutputFailed`. */
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
