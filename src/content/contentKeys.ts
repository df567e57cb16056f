import { createHash, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { createFile } from '../createFile.ts';
import { GatewayError, systemCodeOf } from '../errors.ts';
import { readFileBytesSync } from '../readFile.ts';
import { contentChanged, contentUnavailable } from './contentUnavailable.ts';

const keyBytes = 32;

/** A subject's keys: one of its own for each use, all from the one file that erasure deletes. */
export interface SubjectKey {
  /** Distinguishes this key file from one made after its erasure. */
  version: string;
  hashing: KeyObject;
  encryption: KeyObject;
}

/** SHA-256 of a subject's name, lower-case hex: used for it in paths and records. */
export function subjectHash(subject: string): string {
  return createHash('sha256').update(subject).digest('hex');
}

/**
 * One key file per subject. Each use looks the key up again, so that no process keeps using a key
 * that another has erased. Throws `content_unavailable`.
 */
export class ContentKeys {
  readonly #directory: string;
  readonly #known = new Map<string, SubjectKey>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  path(subject: string): string {
    return this.#pathOf(subjectHash(subject));
  }

  #pathOf(subjectSha256: string): string {
    return join(this.#directory, `${subjectSha256}.key`);
  }

  /** The subject's key, created when there is none. */
  of(subject: string): SubjectKey {
    const path = this.path(subject);
    const present = this.find(subject);
    if (present) return present;
    try {
      createFile(path, randomBytes(keyBytes));
    } catch (error) {
      throw contentUnavailable(path, error);
    }
    const created = this.find(subject);
    if (!created) throw contentUnavailable(path, new Error('the file vanished'));
    return created;
  }

  /** The subject's key, or null when it was erased or never made. */
  find(subject: string): SubjectKey | null {
    return this.findHashed(subjectHash(subject));
  }

  /** The same, by the hash of the subject. */
  findHashed(subject: string): SubjectKey | null {
    const path = this.#pathOf(subject);
    try {
      const { ino, ctimeNs } = statSync(path, { bigint: true });
      const version = `${ino}-${ctimeNs}`;
      const known = this.#known.get(subject);
      // Kept as key objects: making them costs more than a hash.
      if (known?.version === version) return known;
      const key = { version, ...derive(readFileBytesSync(path), path) };
      this.#known.set(subject, key);
      return key;
    } catch (error) {
      this.#known.delete(subject);
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw GatewayError.is(error) ? error : contentUnavailable(path, error);
    }
  }
}

/** Throws `content_unavailable` for an invalid key. */
function derive(secret: Buffer, path: string): Omit<SubjectKey, 'version'> {
  if (secret.length !== keyBytes)
    throw contentChanged(path, `it has ${secret.length} bytes instead of ${keyBytes}`);
  const keyFor = (use: string): KeyObject =>
    createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', `tidyllm content ${use} 1`, keyBytes)));
  return { hashing: keyFor('hashing'), encryption: keyFor('encryption') };
}
