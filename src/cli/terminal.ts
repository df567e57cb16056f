import type { GatewayError } from '../errors.ts';
import type { AuditTrail, ComplianceResult } from '../gateways/modelCalls.ts';
import { contextLength, visibleJson, visibleLine } from '../visibleText.ts';
import { writeErrors, writeOutput } from './output.ts';

/** How a command prints: answers and documents on stdout, everything else on stderr. */
export interface Terminal {
  json: boolean;
  quiet: boolean;
}

/** The one JSON document of a command. */
export function printJson(document: unknown): void {
  writeOutput(`${jsonText(document)}\n`);
}

/** JSON for people and programs: the same value in visible characters. */
export function jsonText(document: unknown): string {
  return visibleJson(JSON.stringify(document, null, 2));
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

/** What policy decided about a call: rules and counts, never values. */
export function complianceJson(result: ComplianceResult): object {
  const { decision, findings, answerFindings, exceptions, useClass, late } = result;
  return { decision, findings, answer_findings: answerFindings, exceptions, use_class: useClass, late };
}

/** A call's place in the journal, in the JSON form that every command shares. */
export function auditTrailJson({ callId, sequence, hash, ledger }: AuditTrail): object {
  return { call_id: callId, sequence, hash, ledger };
}

export function printError(error: GatewayError): void {
  const { message, said, hint } = error;
  writeMessage([`Error: ${message}`, said, hint].filter(Boolean).join('\n'));
}

/** Lines to the person at the terminal. */
export function writeMessage(text: string): void {
  writeErrors(`${text}\n`);
}

/** Prints an answer piece by piece; a character may be split between pieces. */
export function answerPrinter(): (text: string) => void {
  let before = '';
  return (text) => {
    writeOutput(text, before);
    before = (before + text).slice(-contextLength);
  };
}

/** Rows as columns, each as wide as its widest cell; columns named in `right` are aligned to the right. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const cells = rows.map((row) => row.map(visibleLine));
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
