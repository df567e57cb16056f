import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { chunksOf } from './chunks.ts';
import { definitionsIn, onlyReExports } from './definitions.ts';
import { queryOf, rank, stemOf, type RankedChunk } from './ranking.ts';
import { mostFiles } from './searchable.ts';
import { TermIndex } from './termIndex.ts';
import { termsOf } from './terms.ts';
import { fileStampSync, listFiles, readInside, realFolder, type SearchedFolder } from './workspaceFiles.ts';

/** Milliseconds of work after which other work of the process gets its turn. */
const turnMs = 10;
/** Files that are read at once. */
const filesAtOnce = 16;
/** Candidates that are ranked for each chunk that is returned. */
const candidatesPerResult = 5;

/** A part of a file that was found. */
export interface FoundChunk {
  /** As people know it: relative to its folder, after the folder's name if there are several. With `/`. */
  path: string;
  /** The absolute path. */
  file: string;
  firstLine: number;
  lastLine: number;
  text: string;
  /** Comparable within one search. */
  score: number;
}

export interface SearchOptions {
  signal: AbortSignal;
  /** Told how many of the new and changed files have been read. */
  onProgress?: (read: number, all: number) => void;
  /** Told how many files policy keeps back, if any. */
  onDenied?: (files: number) => void;
}

/** A folder has more files than are searched. */
export class TooManyFiles extends Error {
  override readonly name = 'TooManyFiles';
  readonly folder: string;
  readonly files: number;

  constructor(folder: string, files: number) {
    super(`${folder} has ${files} files`);
    this.folder = folder;
    this.files = files;
  }
}

interface IndexedFile {
  /** Its folder without links. */
  root: string;
  /** Relative to the folder. */
  inside: string;
  path: string;
  /** The absolute path. */
  place: string;
  stamp: string;
  /** Numbers of its chunks in the index. */
  documents: number[];
}

interface IndexedChunk extends RankedChunk {
  file: IndexedFile;
  firstLine: number;
  lastLine: number;
}

/**
 * Finds parts of files in folders by their words. It is in memory, and up to date whenever it is searched: only files whose
 * stamp changed are read again.
 */
export class WorkspaceIndex {
  /** Of an update, as they are when it begins. */
  folders: readonly SearchedFolder[];
  /** By absolute path. */
  #files = new Map<string, IndexedFile>();
  /** By number in the index. */
  #chunks: (IndexedChunk | null)[] = [];
  /** Numbers of the chunks that define a name, by the name in lower case. */
  #definitions = new Map<string, number[]>();
  #terms = new TermIndex();
  #updated: Promise<void> = Promise.resolve();

  constructor(folders: readonly SearchedFolder[]) {
    this.folders = folders;
  }

  /** How much can be found. */
  get size(): { files: number; chunks: number } {
    return { files: this.#files.size, chunks: this.#terms.size };
  }

  /** The best parts for a question, best first. Throws the signal's reason once it aborts. */
  async search(question: string, most: number, options: SearchOptions): Promise<FoundChunk[]> {
    await this.update(options);
    const query = queryOf(question);
    const found = this.#terms.search(query.terms, most * candidatesPerResult);
    const chunks = found.flatMap(({ document }) => this.#chunks[document] ?? []);
    const defining = query.symbols
      .flatMap((symbol) => this.#definitions.get(symbol) ?? [])
      .flatMap((document) => this.#chunks[document] ?? []);
    const ranked = rank(query, chunks, defining, most);
    return withTexts(ranked);
  }

  /** Brings the index up to date. Updates run one after another. Throws the signal's reason once it aborts. */
  update(options: SearchOptions): Promise<void> {
    const update = this.#updated.then(() => this.#update(options));
    this.#updated = update.catch(() => undefined);
    return update;
  }

  async #update({ signal, onProgress, onDenied }: SearchOptions): Promise<void> {
    signal.throwIfAborted();
    if (this.#terms.removed > this.#terms.size) this.#clear();
    const turn = new Turn(signal);
    const present = await this.#present(turn, onDenied);
    for (const [place, { stamp }] of this.#files)
      if (present.get(place)?.stamp !== stamp) this.#remove(place);
    const changed = [...present.values()].filter(({ place }) => !this.#files.has(place));
    for (let start = 0; start < changed.length; start += filesAtOnce) {
      const some = changed.slice(start, start + filesAtOnce);
      const texts = await Promise.all(some.map(({ root, inside }) => readInside(root, inside)));
      for (const [index, file] of some.entries()) {
        onProgress?.(start + index, changed.length);
        await this.#add(file, texts[index] ?? null, turn);
      }
    }
  }

  #clear(): void {
    this.#files = new Map();
    this.#chunks = [];
    this.#definitions = new Map();
    this.#terms = new TermIndex();
  }

  /** The files that there are now, by absolute path. */
  async #present(turn: Turn, onDenied: SearchOptions['onDenied']): Promise<Map<string, IndexedFile>> {
    const present = new Map<string, IndexedFile>();
    const folders = this.folders;
    let denied = 0;
    for (const searched of folders) {
      const { path: folder } = searched;
      const root = await realFolder(folder);
      if (root === null) continue;
      const paths = await listFiles(searched, turn.signal, (files) => (denied += files));
      if (paths.length > mostFiles) throw new TooManyFiles(folder, paths.length);
      for (const inside of paths) {
        const place = join(folder, inside);
        const stamp = fileStampSync(place);
        const path = folders.length > 1 ? `${basename(folder)}/${inside}` : inside;
        if (stamp !== null) present.set(place, { root, inside, path, place, stamp, documents: [] });
        await turn.yield();
      }
    }
    if (denied > 0) onDenied?.(denied);
    return present;
  }

  /** A file without a text is known, so that it is not read again, and has nothing to find. */
  async #add(file: IndexedFile, text: string | null, turn: Turn): Promise<void> {
    const { path, place } = file;
    const ofPath = pathTerms(path);
    this.#files.set(place, file);
    try {
      for (const { firstLine, lastLine, text: part } of chunksOf(text ?? '')) {
        const defines = definitionsIn(path, part);
        const reExports = onlyReExports(path, part);
        const document = this.#terms.add([...termsOf(part), ...ofPath]);
        file.documents.push(document);
        this.#chunks[document] = { file, path, firstLine, lastLine, defines, reExports };
        for (const name of defines) this.#define(name.toLowerCase(), document);
        await turn.yield();
      }
    } catch (error) {
      // Half a file would pass for a whole one.
      this.#remove(place);
      throw error;
    }
  }

  #define(name: string, document: number): void {
    const documents = this.#definitions.get(name);
    if (documents) documents.push(document);
    else this.#definitions.set(name, [document]);
  }

  #remove(place: string): void {
    for (const document of this.#files.get(place)?.documents ?? []) {
      this.#terms.remove(document);
      for (const name of this.#chunks[document]?.defines ?? []) {
        const rest = this.#definitions.get(name.toLowerCase())?.filter((one) => one !== document) ?? [];
        if (rest.length > 0) this.#definitions.set(name.toLowerCase(), rest);
        else this.#definitions.delete(name.toLowerCase());
      }
      this.#chunks[document] = null;
    }
    this.#files.delete(place);
  }
}

/** The file's own name counts twice, and the last three folders once. */
function pathTerms(path: string): string[] {
  const name = stemOf(path);
  const folders = path.split('/').slice(0, -1).slice(-3);
  return termsOf([name, name, ...folders].join(' '));
}

/** The texts of chunks, without those whose files have changed meanwhile. */
async function withTexts(ranked: readonly { chunk: IndexedChunk; score: number }[]): Promise<FoundChunk[]> {
  const files = [...new Set(ranked.map(({ chunk }) => chunk.file))];
  const read = files.map(async (file) => {
    const parts = chunksOf((await readInside(file.root, file.inside)) ?? '');
    return [file, new Map(parts.map((part) => [part.firstLine, part]))] as const;
  });
  const parts = new Map(await Promise.all(read));
  return ranked.flatMap(({ chunk: { file, path, firstLine, lastLine }, score }) => {
    const part = parts.get(file)?.get(firstLine);
    if (part?.lastLine !== lastLine) return [];
    return { path, file: file.place, firstLine, lastLine, text: part.text, score };
  });
}

/** Work in turns: the rest of the process, such as an editor's other extensions, must stay responsive. */
class Turn {
  readonly signal: AbortSignal;
  #startedAt = performance.now();

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Lets other work run if this turn has been long enough. Throws the signal's reason once it aborts. */
  async yield(): Promise<void> {
    if (performance.now() - this.#startedAt < turnMs) return;
    await setImmediate();
    this.signal.throwIfAborted();
    this.#startedAt = performance.now();
  }
}
