import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';

const keyBytes = 32;

/**
 * Keyed hashes of prompts and answers. Each subject has a key of its own in a file, and each call a salt
 * derived from it, so that deleting one file makes every hash of that subject meaningless.
 */
export class ContentHasher {
  readonly #directory: string;
  readonly #keys = new Map<string, Buffer>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** HMAC-SHA256, lower-case hex, of `content` under the subject's key and the call's salt. */
  hash(subject: string, callId: string, content: string): string {
    const salt = createHmac('sha256', this.#key(subject)).update(callId).digest();
    return createHmac('sha256', salt).update(content, 'utf8').digest('hex');
  }

  #key(subject: string): Buffer {
    const known = this.#keys.get(subject);
    if (known) return known;
    const path = join(this.#directory, `${createHash('sha256').update(subject).digest('hex')}.key`);
    const key = readKey(path) ?? this.#createKey(path);
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
