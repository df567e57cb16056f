import { readdir, realpath } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import { csvText } from '../csv.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { ObjectStore } from '../gateways/services.ts';
import { readFileBytes } from '../readFile.ts';
import { isOutside, refusedPath, type Refused } from '../refusedPath.ts';
import { replaceFile } from '../replaceFile.ts';
import { requireAllowedPath, type DeniedPath } from '../retrieval/deniedPaths.ts';
import { hasPrivateKey, isKeyFile } from '../retrieval/keyFiles.ts';
import { utf8Text } from '../utf8Text.ts';
import { textOf } from '../workflow/references.ts';
import type { DataFormat } from '../workflow/stepConfig.ts';

/** Of all that one step reads: a model takes less. */
export const mostDataBytes = 20_000_000;
/** More files are no input of one step. */
const mostFiles = 1_000;
const objectPlace = /^s3:\/\/([^/]+)\/(.*)$/i;

/** Where inputs come from and outputs go. */
export interface DataPlaces {
  /** The workspace folder that paths are relative to; null if there is none. */
  folder: string | null;
  denied: readonly DeniedPath[];
  objects: () => Promise<ObjectStore>;
}

/**
 * A file of the workspace or an object of S3 as a value; below a place that ends in `/`, each file with its path. Throws
 * `invalid_request` for what can't be read, `compliance_blocked` for what policy keeps back, and `service_failed`.
 */
export async function readData(
  { source, format }: { source: string; format?: DataFormat | undefined },
  places: DataPlaces,
  signal: AbortSignal,
): Promise<unknown> {
  const files = await filesAt(source, places, signal);
  const read: { path: string; content: unknown }[] = [];
  let bytes = 0;
  for (const path of files) {
    signal.throwIfAborted();
    const data = await path.bytes(mostDataBytes - bytes);
    bytes += data.length;
    read.push({ path: path.name, content: contentOf(path.name, data, format) });
  }
  const [only] = read;
  return source.endsWith('/') ? read : only?.content;
}

/** Where a value of that name was written. `named` is the name for a place that ends in `/`. Throws as `readData` does. */
export async function writeData(
  { destination, format, named }: { destination: string; format?: DataFormat | undefined; named: string },
  value: unknown,
  places: DataPlaces,
  signal: AbortSignal,
): Promise<string> {
  const place = destination.endsWith('/') ? `${destination}${named}` : destination;
  const text = textFor(value, format ?? formatBy(place), place);
  signal.throwIfAborted();
  const object = objectPlace.exec(place);
  if (object) {
    const [, bucket = '', key = ''] = object;
    await requireReadable(place, key, places.denied);
    await (await places.objects()).put(bucket, key, Buffer.from(text), signal);
    return place;
  }
  const path = await insidePlace(place, places);
  if (place.split(/[/\\]/).some((part) => /^\.(vscode|tidyllm)$/i.test(part)))
    throw new GatewayError('invalid_request', `${place} can’t be written: it sets what tools do.`, {
      hint: 'Write the result to another folder.',
    });
  await replaceFile(path, text);
  return place;
}

/** A file that a step reads. */
interface Found {
  /** As people know it. */
  name: string;
  bytes: (most: number) => Promise<Buffer>;
}

async function filesAt(source: string, places: DataPlaces, signal: AbortSignal): Promise<Found[]> {
  const object = objectPlace.exec(source);
  return object
    ? objectsAt(source, { bucket: object[1] ?? '', key: object[2] ?? '' }, places, signal)
    : workspaceFilesAt(source, places);
}

async function objectsAt(
  source: string,
  { bucket, key }: { bucket: string; key: string },
  { objects, denied }: DataPlaces,
  signal: AbortSignal,
): Promise<Found[]> {
  const store = await objects();
  const keys = source.endsWith('/') ? await store.list(bucket, key, mostFiles + 1, signal) : [key];
  requireSome(source, keys.length);
  const found: Found[] = [];
  for (const one of keys) {
    // What a console makes for an empty folder.
    if (one.endsWith('/')) continue;
    const name = `s3://${bucket}/${one}`;
    // Of a folder, files with keys are passed over; one that is named is refused.
    if (source.endsWith('/') && isKeyFile(one)) continue;
    await requireReadable(name, one, denied);
    found.push({ name, bytes: (most) => store.get(bucket, one, most, signal) });
  }
  return found;
}

async function workspaceFilesAt(source: string, places: DataPlaces): Promise<Found[]> {
  const root = await folderOf(source, places);
  const names = source.endsWith('/') ? await filesBelow(root, source) : [source];
  requireSome(source, names.length);
  const found: Found[] = [];
  for (const name of names) {
    if (source.endsWith('/') && isKeyFile(name)) continue;
    const path = await insidePlace(name, places);
    found.push({
      name,
      bytes: (most) =>
        readFileBytes(path, most).catch((error: unknown) => {
          throw unreadable(name, messageOf(error), error);
        }),
    });
  }
  return found;
}

async function filesBelow(root: string, folder: string): Promise<string[]> {
  const top = resolve(root, folder);
  if (top !== root && isOutside(root, top)) throw refusal(folder, 'outside');
  const entries = await readdir(top, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw unreadable(folder, messageOf(error), error);
  });
  // A link is neither a file nor a folder here.
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const names = paths.map((path) => relative(root, path).replaceAll('\\', '/')).sort();
  // What git itself keeps is no data.
  return names.filter((name) => !name.split('/').some((part) => part.toLowerCase() === '.git'));
}

/** The absolute path of a file inside the workspace, which no link is on the way to. Throws `invalid_request`. */
async function insidePlace(name: string, places: DataPlaces): Promise<string> {
  const root = await folderOf(name, places);
  const path = resolve(root, name);
  const refused = await refusedPath([root], path);
  if (refused !== null) throw refusal(name, refused);
  await requireReadable(path, name.replaceAll('\\', '/'), places.denied);
  return path;
}

function refusal(name: string, refused: Refused): GatewayError {
  const why = {
    outside: 'it is outside of the workspace',
    link: 'a link is on the way to it',
    git: 'it is a file of git itself',
    no_file: 'it is not a file',
  }[refused];
  return new GatewayError('invalid_request', `${name} can’t be used: ${why}.`, {
    hint: 'Name a file inside the workspace folder, by its path in it.',
  });
}

async function folderOf(name: string, { folder }: DataPlaces): Promise<string> {
  if (folder !== null) return realpath(folder);
  throw new GatewayError('invalid_request', `${name} can’t be used: no folder is open.`, {
    hint: 'Open the folder of a project, or run the command in one.',
  });
}

/** Throws `compliance_blocked` for what policy keeps back, and for files that hold keys by their name. */
async function requireReadable(
  shown: string,
  inFolder: string,
  denied: readonly DeniedPath[],
): Promise<void> {
  await requireAllowedPath(/^s3:/i.test(shown) ? join('/', inFolder) : shown, denied);
  if (isKeyFile(inFolder)) throw withKeys(inFolder);
}

function withKeys(name: string): GatewayError {
  return new GatewayError('compliance_blocked', `${name} holds keys, so no step may use it.`, {
    hint: 'Nothing was read, written or sent. Name another file.',
  });
}

function requireSome(source: string, count: number): void {
  const hint = 'Name a place with the files that the step needs.';
  if (count === 0) throw new GatewayError('invalid_request', `There is no file below ${source}.`, { hint });
  if (count > mostFiles)
    throw new GatewayError('invalid_request', `There are more than ${mostFiles} files below ${source}.`, {
      hint,
    });
}

function contentOf(name: string, bytes: Buffer, format: DataFormat = formatBy(name)): unknown {
  const text = textIn(name, bytes);
  if (hasPrivateKey(text)) throw withKeys(name);
  try {
    switch (format) {
      case 'text':
        return text;
      case 'json':
        return JSON.parse(text) as unknown;
      case 'csv':
        return parseCsv(text, { columns: true, skip_empty_lines: true, bom: true });
      case 'lines':
        return linesIn(name, text);
    }
  } catch (error) {
    throw unreadable(name, `it is no ${format}: ${messageOf(error)}`, error);
  }
}

function textIn(name: string, bytes: Buffer): string {
  if (bytes.includes(0)) throw unreadable(name, 'it is no text');
  try {
    return utf8Text(bytes).replace(/^\ufeff/, '');
  } catch (error) {
    throw unreadable(name, messageOf(error), error);
  }
}

/** Of `.jsonl` each line is JSON; otherwise it is a text. */
function linesIn(name: string, text: string): unknown[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return /\.jsonl$/i.test(name) ? lines.map((line) => JSON.parse(line) as unknown) : lines;
}

function textFor(value: unknown, format: DataFormat, place: string): string {
  switch (format) {
    case 'text':
      return withLineEnd(textOf(value));
    case 'json':
      return withLineEnd(JSON.stringify(value, null, 2));
    case 'lines':
      return listOf(value, format, place)
        .map((one) => `${typeof one === 'string' ? one : JSON.stringify(one)}\n`)
        .join('');
    case 'csv': {
      const rows = listOf(value, format, place).map((one) =>
        typeof one === 'object' && one !== null ? (one as Record<string, unknown>) : { value: one },
      );
      return csvText([...new Set(rows.flatMap((row) => Object.keys(row)))], rows);
    }
  }
}

function listOf(value: unknown, format: DataFormat, place: string): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  throw new GatewayError('invalid_request', `${place} needs a list to be written as ${format}.`, {
    hint: 'Write it as json or text, or transform it into a list first.',
  });
}

function withLineEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function formatBy(name: string): DataFormat {
  const ending = /\.(json|csv|jsonl)$/i.exec(name)?.[1]?.toLowerCase();
  if (ending === 'jsonl') return 'lines';
  return ending === 'json' || ending === 'csv' ? ending : 'text';
}

function unreadable(name: string, why: string, cause?: unknown): GatewayError {
  return new GatewayError('invalid_request', `${name} can’t be read: ${why}.`, {
    hint: 'Correct the path or the file; paths are relative to the workspace folder.',
    cause,
  });
}
