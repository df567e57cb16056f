import { GatewayError, messageOf } from '../errors.ts';
import { readAny } from '../readFile.ts';

/** Bytes; no model accepts a prompt of this size. */
const mostBytes = 50_000_000;

/** Byte order marks with their decoders; longer ones first, because one is a prefix of another. */
const marks: readonly [mark: readonly number[], decode: (bytes: Buffer) => string][] = [
  [[0xff, 0xfe, 0x00, 0x00], (bytes) => utf32(bytes, (at) => bytes.readUInt32LE(at))],
  [[0x00, 0x00, 0xfe, 0xff], (bytes) => utf32(bytes, (at) => bytes.readUInt32BE(at))],
  [[0xef, 0xbb, 0xbf], (bytes) => strict('utf-8', bytes)],
  [[0xff, 0xfe], (bytes) => strict('utf-16le', bytes)],
  [[0xfe, 0xff], (bytes) => strict('utf-16be', bytes)],
];

/** The text on standard input. Throws `invalid_request` if it isn't text. */
export async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > mostBytes)
      throw new GatewayError('invalid_request', `Standard input is larger than ${mostBytes} bytes.`, {
        hint: 'Nothing was sent. Shorten the input.',
      });
  }
  return decoded(Buffer.concat(chunks), 'standard input');
}

/** The text of a file. Throws `invalid_request` if it can't be read or isn't text. */
export async function readTextFile(path: string): Promise<string> {
  return textIn(await readBytes(path), path);
}

/** The bytes of a file. Throws `invalid_request` if it can't be read. */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readAny(path, mostBytes);
  } catch (error) {
    throw new GatewayError('invalid_request', `The file ${path} can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Decodes a file's bytes as text. Throws `invalid_request` if they aren't text. */
export function textIn(bytes: Buffer, path: string): string {
  return decoded(bytes, `the file ${path}`);
}

/**
 * Throws `invalid_request` for arguments that aren't UTF-8. Node.js replaces invalid bytes with U+FFFD, which would be
 * sent, paid for and recorded. An intended U+FFFD is refused as well, because it looks the same.
 */
export function requireWellReadArguments(given: readonly string[]): void {
  const at = given.findIndex((one) => one.includes('\ufffd'));
  if (at < 0) return;
  const option = [given[at], given[at - 1]].map((one) => /^--[a-z-]+/.exec(one ?? '')?.[0]).find(Boolean);
  const what = option === undefined ? 'An argument' : `The value of ${option}`;
  const message = `${what} is not text in UTF-8: it contains U+FFFD, which replaces unreadable bytes.`;
  throw new GatewayError('invalid_request', message, {
    hint: 'Nothing was sent. Pass a prompt through standard input (-) or --file, and other values in UTF-8: a terminal uses it if LANG ends with UTF-8.',
  });
}

/** Decodes by byte order mark, otherwise as UTF-8. Strict, because misread text would be sent and paid for. */
function decoded(bytes: Buffer, what: string): string {
  const [mark, decode] = marks.find(([begin]) => begin.every((byte, at) => bytes[at] === byte)) ?? [[], null];
  let text: string | null;
  try {
    text = decode ? decode(bytes.subarray(mark.length)) : strict('utf-8', bytes);
  } catch {
    text = null;
  }
  // Without a mark, UTF-16 of most languages is valid UTF-8 with a NUL in every other place.
  if (text !== null && !text.includes('\0')) return text;
  const message = `${what.charAt(0).toUpperCase()}${what.slice(1)} is not text in UTF-8, nor in UTF-16 or UTF-32 with a byte order mark.`;
  throw new GatewayError('invalid_request', message, {
    hint: 'Nothing was sent. Save it as UTF-8. The supported binary files are PNG, JPEG, GIF, WebP, PDF and Office files.',
  });
}

function strict(encoding: string, bytes: Buffer): string {
  return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
}

function utf32(bytes: Buffer, codePointAt: (offset: number) => number): string {
  const text = Array.from({ length: bytes.length / 4 }, (_, index) =>
    String.fromCodePoint(codePointAt(4 * index)),
  ).join('');
  if (bytes.length % 4 !== 0 || !text.isWellFormed()) throw new RangeError('not UTF-32');
  return text;
}
