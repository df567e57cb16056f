import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CsvError, parse } from 'csv-parse';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { requireReadable } from '../readFile.ts';

/** A line of an export. */
export interface Columns {
  /** The value of a column, by its CUR 2.0 name; empty if the export has no such column. */
  (name: string): string;
  /** The columns of the export. */
  readonly all: ReadonlySet<string>;
  readonly values: readonly string[];
}

export interface ExportSource {
  name: string;
  /** SHA-256 of the file's bytes, lower-case hex. */
  sha256: string;
  /** SHA-256 of its uncompressed text. */
  textSha256: string;
}

/** Maximum line length; real lines have a few thousand characters. */
const mostLineBytes = 10_000_000;

const requiredColumns = [
  'line_item_line_item_type',
  'line_item_usage_start_date',
  'line_item_usage_end_date',
  'line_item_product_code',
  'line_item_usage_type',
  'line_item_unblended_cost',
  'line_item_currency_code',
];

/** `lineItem/UsageType` of the legacy report is `line_item_usage_type` in CUR 2.0. */
export function columnName(name: string): string {
  return name
    .split('/')
    .map((part) => part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase())
    .join('_');
}

/**
 * Reads a Cost and Usage Report (legacy or CUR 2.0, CSV or gzip) in bounded memory; `onLine` gets each
 * line and its number. Throws `invalid_request` for anything else.
 */
export async function readCostExport(
  path: string,
  onLine: (columns: Columns, line: number) => void,
): Promise<ExportSource> {
  const hash = createHash('sha256');
  const textHash = createHash('sha256');
  const compressed = await beginsWith(path, [0x1f, 0x8b]);
  const file = createReadStream(path).on('data', (chunk) => hash.update(chunk));
  const text = compressed ? createGunzip() : new PassThrough();
  text.on('data', (chunk: Buffer) => textHash.update(chunk));
  const parser = parse({ bom: true, skip_empty_lines: true, info: true, max_record_size: mostLineBytes });
  try {
    const read = await Promise.allSettled([takeLines(parser, onLine), pipeline(file, text, parser)]);
    const reasons = read.flatMap((part) => (part.status === 'rejected' ? [part.reason as unknown] : []));
    // The error of a refused line also ends reading; that consequence isn't reported.
    if (reasons.length > 0) throw reasons.find((reason) => GatewayError.is(reason)) ?? reasons.at(-1);
  } catch (error) {
    const isOurs =
      GatewayError.is(error) || !(error instanceof CsvError || systemCodeOf(error) !== undefined);
    throw isOurs ? error : unreadable(path, error);
  }
  return { name: basename(path), sha256: hash.digest('hex'), textSha256: textHash.digest('hex') };
}

async function takeLines(
  lines: AsyncIterable<{ record: string[]; info: { lines: number } }>,
  onLine: (columns: Columns, line: number) => void,
): Promise<void> {
  let places: Map<string, number> | null = null;
  let all: ReadonlySet<string> = new Set();
  for await (const { record, info } of lines) {
    if (places) onLine(columnsOf(record, places, all), info.lines);
    else {
      places = columnPlaces(record);
      all = new Set(places.keys());
    }
  }
}

function columnsOf(
  values: readonly string[],
  places: ReadonlyMap<string, number>,
  all: ReadonlySet<string>,
): Columns {
  return Object.assign((name: string) => values[places.get(name) ?? -1] ?? '', { all, values });
}

function columnPlaces(header: readonly string[]): Map<string, number> {
  const places = new Map(header.map((name, place) => [columnName(name), place]));
  const missing = requiredColumns.filter((name) => !places.has(name));
  if (missing.length === 0) return places;
  throw new GatewayError(
    'invalid_request',
    `This is not a Cost and Usage Report: it has no ${missing.join(', ')}.`,
    { hint: 'Export CUR 2.0 or the legacy report as CSV, with or without gzip, not Parquet or ZIP.' },
  );
}

async function beginsWith(path: string, bytes: readonly number[]): Promise<boolean> {
  try {
    requireReadable(path, Infinity);
    for await (const chunk of createReadStream(path, { end: bytes.length - 1 }))
      return (chunk as Buffer).equals(Buffer.from(bytes));
    return false;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): GatewayError {
  return new GatewayError('invalid_request', `The export ${path} can't be read: ${messageOf(cause)}.`, {
    hint: 'Use a Cost and Usage Report as CSV, with or without gzip.',
    cause,
  });
}
