import { basename } from 'node:path';
import { secretsIn } from '../../../content/redaction.ts';
import { NoOrdinaryFile, readFileBytes } from '../../../readFile.ts';

const mostBytes = 1024 * 1024;
/** A file with a zero byte in its first bytes is binary. */
const sniffed = 8192;
/** Files that hold only variables, without examples. */
const variablesFile = /^\.env(?:\.(?!example|sample|template|dist)[\w.-]+)?$/;

/** A secret by place and kind, never by value. */
export interface SecretPlace {
  file: string;
  line: number;
  kind: string;
}

/** A file's text, or why it is not searched. */
export async function textOf(path: string): Promise<string | { because: string }> {
  try {
    const bytes = await readFileBytes(path, mostBytes);
    if (bytes.subarray(0, sniffed).includes(0)) return { because: 'binary' };
    return bytes.toString('utf8');
  } catch (error) {
    const isTooLarge = error instanceof NoOrdinaryFile && error.isTooLarge;
    return { because: isTooLarge ? 'larger than 1 MiB' : 'unreadable' };
  }
}

/** The secrets in the text of a file. */
export function placesIn(file: string, text: string): SecretPlace[] {
  return secretsIn(text, { words: variablesFile.test(basename(file)) }).map(({ kind, index }) => ({
    file,
    kind,
    line: text.slice(0, index).split('\n').length,
  }));
}
