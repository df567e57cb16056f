import { isUtf8 } from 'node:buffer';

/** Text that is not UTF-8, with the place: lines and columns from 1. */
export class NotUtf8 extends Error {
  override readonly name = 'NotUtf8';
  readonly line: number;
  readonly column: number;

  constructor(line: number, column: number, encoding: string | null) {
    super(`this is not UTF-8${encoding === null ? '' : ` but ${encoding}`}: save the file as UTF-8`);
    this.line = line;
    this.column = column;
  }
}

const byteOrderMarks: readonly [encoding: string, mark: readonly number[]][] = [
  ['UTF-32', [0xff, 0xfe, 0, 0]],
  ['UTF-32', [0, 0, 0xfe, 0xff]],
  ['UTF-16', [0xff, 0xfe]],
  ['UTF-16', [0xfe, 0xff]],
];

/** The text of a file's bytes. Throws `NotUtf8`: a misread name would be another name. */
export function utf8Text(bytes: Buffer): string {
  const marked = byteOrderMarks.find(([, mark]) => mark.every((byte, index) => bytes[index] === byte));
  if (marked) throw new NotUtf8(1, 1, marked[0]);
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let start = 0;
  for (let line = 1; ; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    const text = bytes.subarray(start, end < 0 ? undefined : end);
    if (!isUtf8(text)) throw new NotUtf8(line, text.toString('utf8').indexOf('\ufffd') + 1, null);
    start = end + 1;
  }
}

/** The bytes of a text in UTF-8, composed (NFKC) or not, whichever are more: no tokenizer makes more tokens of it. */
export function boundOfBytes(text: string): number {
  const bytes = Buffer.byteLength(text);
  // ASCII text is composed already.
  return bytes === text.length ? bytes : Math.max(bytes, Buffer.byteLength(text.normalize('NFKC')));
}
