import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { changeStamp } from '../changeStamp.ts';
import { ContentKeys, subjectHash } from '../content/contentKeys.ts';
import { contentUnavailable } from '../content/contentUnavailable.ts';
import { isSealedFor } from '../content/sealedText.ts';
import { GatewayError, systemCodeOf } from '../errors.ts';
import { FolderWatch } from '../ledger/folderWatch.ts';
import { KernelLock } from '../ledger/kernelLock.ts';
import { appendDurably, linesOf } from '../lineFile.ts';
import { statePlaces } from '../statePlaces.ts';
import {
  openedDraft,
  openedLine,
  sealedDraft,
  sealedLine,
  type Author,
  type ConversationAbout,
  type ConversationLine,
} from './conversationLine.ts';
import type { Turn } from './turn.ts';

const extension = '.lines';
/** Files that are read at the same time. */
const filesAtOnce = 16;
/** The end of a file has its last `about` line, which is shorter. */
const tailBytes = 16_384;
/** Milliseconds that a deleted conversation can be restored. */
const restorableMs = 30 * 86_400_000;
const lockTimeoutMs = 10_000;
const titleCharacters = 60;

/** A conversation's file as a window has read it. */
export interface ConversationFile {
  readonly id: string;
  about: ConversationAbout;
  /** Bytes that were read or written here; 0 before the first line. */
  offset: number;
  /** Ids of the turns in it. */
  readonly known: Set<string>;
}

/** What was read of a file. */
export interface ReadTurns {
  /** In the order they were asked. */
  turns: Turn[];
  /** Ids of turns that were taken back. */
  removed: string[];
  /** Number of lines that were changed or belong elsewhere. */
  unreadable: number;
}

export interface OpenedConversation extends ReadTurns {
  file: ConversationFile;
}

export interface ListedConversation extends ConversationAbout {
  id: string;
}

/**
 * Conversations in append-only files, one each, in the state folder: `<id>.lines`. Every line is sealed with the key of
 * the user who asked, and policy `none` writes nothing. Windows share the files: writers take turns by a lock, and what
 * another window wrote is read before anything is added.
 */
export class ConversationFiles {
  readonly directory: string;
  readonly #keys: ContentKeys;
  readonly #watch: FolderWatch;
  /** What the list says of each file, with its stamp. */
  readonly #listed = new Map<string, { stamp: string; about: ConversationAbout | null }>();

  constructor(state: string) {
    this.directory = statePlaces.conversations(state);
    this.#keys = new ContentKeys(statePlaces.contentKeys(state));
    this.#watch = new FolderWatch(this.directory);
  }

  /** A conversation without a file; the first `append` makes it. */
  create(workspaces: readonly string[]): ConversationFile {
    const now = new Date().toISOString();
    const about: ConversationAbout = {
      title: '',
      pinned: false,
      deleted: null,
      created: now,
      asked: now,
      workspaces: [...workspaces],
      leaf: null,
      turns: 0,
    };
    return { id: randomUUID(), about, offset: 0, known: new Set() };
  }

  /** Null if there is no such file. Throws `content_unavailable`. */
  async open(id: string): Promise<OpenedConversation | null> {
    const file = { ...this.create([]), id };
    const read = await this.readOn(file);
    return read && file.offset > 0 ? { file, ...read } : null;
  }

  /**
   * Reads what was added since the file was last read or written; null if it was removed or erased meanwhile. Throws
   * `content_unavailable`.
   */
  async readOn(file: ConversationFile): Promise<ReadTurns | null> {
    const turns = new Map<string, Turn>();
    const removed = new Set<string>();
    let unreadable = 0;
    const path = this.#path(file.id);
    try {
      for await (const { text, end } of linesOf(path, file.offset)) {
        const line = openedLine(this.#keys, file.id, text);
        if (!line) unreadable += 1;
        else if (line.kind === 'about') file.about = line.about;
        else if (line.kind === 'turn') turns.set(line.turn.id, line.turn);
        else if (!turns.delete(line.id)) removed.add(line.id);
        file.offset = end;
      }
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw unusable(path, error);
      if (file.offset > 0) return null;
    }
    for (const id of turns.keys()) file.known.add(id);
    for (const id of removed) file.known.delete(id);
    return { turns: [...turns.values()], removed: [...removed], unreadable };
  }

  /**
   * Adds turns, changes about the conversation, and that turns were taken back, durably. Resolves with what other
   * windows added meanwhile; null, and nothing is written, if the file was removed or erased. Policy `none` writes
   * nothing. Throws `content_unavailable`.
   */
  async append(
    file: ConversationFile,
    author: Author,
    turns: readonly Turn[],
    { removed = [], ...change }: Partial<ConversationAbout> & { removed?: readonly string[] } = {},
  ): Promise<ReadTurns | null> {
    if (author.policy === 'none') return { turns: [], removed: [], unreadable: 0 };
    return this.#locked(async () => {
      const others = await this.readOn(file);
      if (!others) return null;
      const known = new Set([...file.known, ...turns.map(({ id }) => id)]);
      for (const id of removed) known.delete(id);
      const title = file.about.title || titleOf(turns[0]?.question ?? '');
      const asked = turns.length > 0 ? new Date().toISOString() : file.about.asked;
      const about = { ...file.about, title, asked, ...change, turns: known.size };
      const lines: ConversationLine[] = [
        ...turns.map((turn) => ({ kind: 'turn' as const, turn })),
        ...removed.map((id) => ({ kind: 'removed' as const, id })),
        { kind: 'about', about },
      ];
      const text = lines.map((line) => sealedLine(this.#keys, author, file.id, line)).join('');
      file.offset = appendDurably(this.#path(file.id), file.offset, text);
      file.about = about;
      for (const id of known) file.known.add(id);
      for (const id of removed) file.known.delete(id);
      return others;
    });
  }

  /** All conversations, pinned ones first, then by the last question; `unreadable` counts files that nobody can read. */
  async list(): Promise<{ conversations: ListedConversation[]; unreadable: number }> {
    const ids = await this.#ids();
    const read: { id: string; about: ConversationAbout | null }[] = [];
    for (let start = 0; start < ids.length; start += filesAtOnce) {
      const some = ids.slice(start, start + filesAtOnce);
      read.push(...(await Promise.all(some.map(async (id) => ({ id, about: await this.#aboutOf(id) })))));
    }
    const known = read.flatMap(({ id, about }) => (about ? [{ id, ...about }] : []));
    const past = new Date(Date.now() - restorableMs).toISOString();
    const isPast = ({ deleted }: ConversationAbout): boolean => deleted !== null && deleted < past;
    for (const { id } of known.filter(isPast)) await this.remove(id);
    const conversations = known
      .filter((one) => !isPast(one))
      .toSorted(
        (one, other) =>
          Number(other.pinned) - Number(one.pinned) ||
          other.asked.localeCompare(one.asked) ||
          one.id.localeCompare(other.id),
      );
    return { conversations, unreadable: read.length - known.length };
  }

  /** Changes what is known of a conversation; nothing if there is no such file. Throws `content_unavailable`. */
  async change(id: string, author: Author, change: Partial<ConversationAbout>): Promise<void> {
    await this.#locked(async () => {
      const about = await this.#aboutOf(id);
      if (!about) return;
      const path = this.#path(id);
      const line = sealedLine(this.#keys, author, id, { kind: 'about', about: { ...about, ...change } });
      appendDurably(path, await endOf(path), line);
    });
  }

  /** Removes a conversation for good. */
  async remove(id: string): Promise<void> {
    await this.#locked(() => rm(this.#path(id), { force: true }));
  }

  /** Removes every conversation with a line of this subject. Throws `content_unavailable`. */
  async erase(subject: string): Promise<void> {
    const hash = subjectHash(subject);
    await this.#locked(async () => {
      for (const id of await this.#ids())
        if (await hasLineOf(this.#path(id), hash)) await rm(this.#path(id), { force: true });
    });
  }

  /** Removes conversations to which nothing was added since a day YYYY-MM-DD. */
  async removeBefore(day: string): Promise<void> {
    for (const id of await this.#ids()) {
      const { mtimeMs } = await stat(this.#path(id));
      if (mtimeMs < Date.parse(day)) await this.remove(id);
    }
  }

  /**
   * A text that was not asked yet, sealed as lines are, to be kept elsewhere: erasure makes it unreadable there too. Policy
   * `none` keeps nothing. Throws `content_unavailable`.
   */
  sealDraft(author: Author, text: string): string {
    return author.policy === 'none' || text === '' ? '' : sealedDraft(this.#keys, author, text);
  }

  /** The text; empty if it can't be read, or its user was erased. */
  openDraft(sealed: string): string {
    return openedDraft(this.#keys, sealed) ?? '';
  }

  /** Tells of changes by any window. Call the result to stop. */
  onDidChange(listener: () => void): () => void {
    return this.#watch.add(listener);
  }

  dispose(): void {
    this.#watch.dispose();
  }

  #path(id: string): string {
    return join(this.directory, `${id}${extension}`);
  }

  async #ids(): Promise<string[]> {
    const names = await readdir(this.directory).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return [];
      throw unusable(this.directory, error);
    });
    return names
      .filter((name) => /^[0-9a-f-]{36}\.lines$/.test(name))
      .map((name) => basename(name, extension));
  }

  /** Null if no line can be read, or the file went away. */
  async #aboutOf(id: string): Promise<ConversationAbout | null> {
    const path = this.#path(id);
    const stamp = changeStamp(path);
    const listed = this.#listed.get(id);
    // Erasure changes no file: it takes the key.
    if (listed?.stamp === stamp && listed.about) return listed.about;
    const about =
      (await this.#lastAbout(id, Math.max(0, sizeOf(stamp) - tailBytes))) ?? (await this.#lastAbout(id, 0));
    this.#listed.set(id, { stamp, about });
    return about;
  }

  async #lastAbout(id: string, from: number): Promise<ConversationAbout | null> {
    let about: ConversationAbout | null = null;
    try {
      for await (const { text } of linesOf(this.#path(id), from)) {
        const line = openedLine(this.#keys, id, text);
        if (line?.kind === 'about') ({ about } = line);
      }
    } catch {
      // One bad file doesn't take the others away.
      return null;
    }
    return about;
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const path = join(this.directory, 'lock');
    let lock: KernelLock | null = null;
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      lock = new KernelLock(path);
      await lock.acquire(lockTimeoutMs);
      return await work();
    } catch (error) {
      throw unusable(path, error);
    } finally {
      lock?.release();
      lock?.close();
    }
  }
}

/** The first words of a question, on one line. */
export function titleOf(question: string): string {
  const line = question.trim().split(/\s+/).join(' ');
  if (line.length <= titleCharacters) return line;
  const cut = line.slice(0, titleCharacters).replace(/[\ud800-\udbff]$/, '');
  const space = cut.lastIndexOf(' ');
  return `${space > titleCharacters / 2 ? cut.slice(0, space) : cut}…`;
}

/** Where the last complete line ends. Throws the system error. */
async function endOf(path: string): Promise<number> {
  const { size } = await stat(path);
  let end = 0;
  for (let from = size; end === 0 && from > 0;) {
    from = Math.max(0, from - tailBytes);
    for await (const line of linesOf(path, from)) ({ end } = line);
  }
  return end;
}

async function hasLineOf(path: string, subjectSha256: string): Promise<boolean> {
  for await (const { text } of linesOf(path, 0)) if (isSealedFor(subjectSha256, text)) return true;
  return false;
}

/** The size in a `changeStamp`; 0 without a file. */
function sizeOf(stamp: string): number {
  return Number(stamp.split(':')[1] ?? 0);
}

function unusable(path: string, error: unknown): GatewayError {
  return GatewayError.is(error, 'content_unavailable') ? error : contentUnavailable(path, error);
}
