import { GatewayError, messageOf } from '../errors.ts';
import { git } from '../git.ts';
import type { Anchor, KeptCheckpoints } from '../ledger/anchors.ts';
import { splitNotes } from '../ledger/signing.ts';

const reference = 'refs/notes/tidyllm';
const timeoutMs = 30_000;
const largestOutput = 1 << 28;

/**
 * Keeps checkpoints in notes on a repository's current commit, under refs/notes/tidyllm. Once pushed, they are
 * out of this user's reach.
 */
export class GitNoteAnchor implements Anchor {
  readonly location: string;
  readonly #repository: string;

  constructor(repository: string) {
    this.#repository = repository;
    this.location = `${reference} in ${repository}`;
  }

  async publish(checkpoint: string): Promise<void> {
    await this.#git('notes', `--ref=${reference}`, 'append', '-m', checkpoint, 'HEAD');
  }

  async kept(): Promise<KeptCheckpoints> {
    const listed = (await this.#git('notes', `--ref=${reference}`, 'list')).split('\n').filter(Boolean);
    if (listed.length === 0) return { checkpoints: [], changed: null };
    const notes = await Promise.all(
      listed.map((line) => this.#git('cat-file', 'blob', line.split(' ')[0] ?? '')),
    );
    const committed = await this.#git('log', '-1', '--format=%ct', reference);
    return { checkpoints: notes.flatMap(splitNotes), changed: new Date(Number(committed) * 1000) };
  }

  async #git(...parameters: string[]): Promise<string> {
    try {
      return await git(parameters, {
        cwd: this.#repository,
        timeout: timeoutMs,
        maxBuffer: largestOutput,
      });
    } catch (error) {
      throw new GatewayError('anchor_failed', `The anchor ${this.location} failed: ${messageOf(error)}`, {
        hint: 'Check that git is installed, knows your name and mail, and that the folder is a repository with a commit.',
        retryable: true,
        cause: error,
      });
    }
  }
}
