import {
  createHash,
  createHmac,
  createSecretKey,
  randomBytes,
  randomUUID,
  type KeyObject,
} from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';

const keyBytes = 32;

/**
 * Keyed hashes of prompts and answers. Each subject has a key of its own in a file, so that deleting one
 * file makes every hash of that subject meaningless; the call's id salts each hash.
 */
export class ContentHasher {
  readonly #directory: string;
  readonly #keys = new Map<string, KeyObject>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** HMAC-SHA256, lower-case hex, of the call's id, a NUL and `content` under the subject's key. */
  hash(subject: string, callId: string, content: string): string {
    return createHmac('sha256', this.#key(subject)).update(`${callId}\0${content}`, 'utf8').digest('hex');
  }

  #key(subject: string): KeyObject {
    const known = this.#keys.get(subject);
    if (known) return known;
    const path = join(this.#directory, `${createHash('sha256').update(subject).digest('hex')}.key`);
    // Kept as a key object: making one costs more than the hash.
    const key = createSecretKey(readKey(path) ?? this.#createKey(path));
    this.#keys.set(subject, key);
    return key;
  }

  #createKey(path: string): Buffer {
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      const draft = `${path}.${randomUUID()}`;
      writeFileSync(draft, randomBytes(keyBytes), { mode: 0o600, flag: 'wx', flush: true });
      try {
        // link fails where rename would replace the key another process has just made.
        linkSync(draft, path);
      } catch (error) {
        if (systemCodeOf(error) !== 'EEXIST') throw error;
      } finally {
        rmSync(draft, { force: true });
      }
    } catch (error) {
      throw unusable(path, error);
    }
    const key = readKey(path);
    if (!key) throw unusable(path, new Error('the file vanished'));
    return key;
  }
}

function readKey(path: string): Buffer | null {
  let key: Buffer;
  try {
    key = readFileSync(path);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw unusable(path, error);
  }
  if (key.length !== keyBytes)
    throw unusable(path, new Error(`it has ${key.length} bytes instead of ${keyBytes}`));
  return key;
}

function unusable(path: string, error: unknown): GatewayError {
  return new GatewayError(
    'ledger_unavailable',
    `The content key ${path} can't be used: ${messageOf(error)}.`,
    {
      hint: 'Check the permissions and free space of the folder, or set audit.content to "none".',
      cause: error,
    },
  );
}
