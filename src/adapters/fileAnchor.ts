import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { readFileText, requireReadable } from '../readFile.ts';
import type { Anchor, KeptCheckpoints } from '../ledger/anchors.ts';
import { splitNotes } from '../ledger/signing.ts';

/** Some 300,000 checkpoints. */
const mostBytes = 100_000_000;

/** Keeps checkpoints in a file, one note after another: best on a drive that this user can't rewrite. */
export class FileAnchor implements Anchor {
  readonly location: string;

  constructor(path: string) {
    this.location = path;
  }

  async publish(checkpoint: string): Promise<void> {
    await this.#explained(async () => {
      await mkdir(dirname(this.location), { recursive: true, mode: 0o700 });
      // Writing to a pipe would wait for who reads it.
      requireReadable(this.location, Infinity);
      await using file = await open(this.location, 'a', 0o600);
      await file.appendFile(`${checkpoint}\n`);
      await file.sync();
    });
  }

  async kept(): Promise<KeptCheckpoints> {
    return this.#explained(async () => {
      try {
        const checkpoints = splitNotes(await readFileText(this.location, mostBytes));
        return { checkpoints, changed: (await stat(this.location)).mtime };
      } catch (error) {
        if (systemCodeOf(error) === 'ENOENT') return { checkpoints: [], changed: null };
        throw error;
      }
    });
  }

  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new GatewayError('anchor_failed', `The anchor ${this.location} failed: ${messageOf(error)}.`, {
        hint: 'Check that the folder is there and can be written, or change audit.anchor.file.',
        retryable: true,
        cause: error,
      });
    }
  }
}
