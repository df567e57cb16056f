import type { GatewayError } from '../errors.ts';
import { writeOutput } from './output.ts';

/** What a command may print: answers and documents on stdout, everything else on stderr. */
export interface Terminal {
  json: boolean;
  quiet: boolean;
}

/** The one JSON document of a command. */
export function printJson(document: unknown): void {
  writeOutput(`${JSON.stringify(document, null, 2)}\n`);
}

export function printLine(text = ''): void {
  writeOutput(`${text}\n`);
}

/** A message to the person at the terminal; silent with `--quiet`. */
export function note({ quiet }: Terminal, text: string): void {
  if (!quiet) writeMessage(text);
}

/** An error in the JSON form that every command shares. */
export function errorJson({ code, message, hint, detail }: GatewayError): {
  code: string;
  message: string;
  hint: string;
  detail: string | null;
} {
  return { code, message, hint, detail };
}

export function printError(error: GatewayError): void {
  const { message, detail, hint } = error;
  writeMessage([`Error: ${message}`, detail && `AWS: ${detail}`, hint].filter(Boolean).join('\n'));
}

/** Lines to the person at the terminal. What they quote, of a file or a server, can't move the cursor. */
export function writeMessage(text: string): void {
  process.stderr.write(`${plainLines(text)}\n`);
}

/** As `plain`, over more than one line. */
export function plainLines(text: string): string {
  return text.split('\n').map(plain).join('\n');
}

/** Text that can't move the cursor, colour the screen or pass for another row. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** An answer as a terminal may show it: line ends and tabs are its only controls. A pipe gets it as it is. */
export function printAnswer(text: string): void {
  writeOutput(process.stdout.isTTY ? text.replace(/[^\P{Cc}\n\t]/gu, '\ufffd') : text);
}

/** Rows as columns, each as wide as its widest cell; columns named in `right` are aligned to the right. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const cells = rows.map((row) => row.map(plain));
  const widths = header.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(header[column] ?? '') ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(header), ...cells.map(line)].join('\n');
}
