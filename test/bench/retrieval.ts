/**
 * How well and how fast the index of a workspace finds the files that answer annotated questions, by repository, beside
 * ripgrep as a person uses it; and how fast both are on 10,000 files of the packages of this project.
 *
 * RETRIEVAL_BENCH names a folder with `repos/NAME`, the working trees, and `annotations/NAME.json`, lists of
 * `{ query, relevant: [path or { path }], secondary?: […] }`, such as those of MinishLab/semble. Its `repos.json`, if there is
 * one, names the part of a repository that is searched (`benchmark_root`). Without it only the 10,000 files are measured.
 */
import { execFile } from 'node:child_process';
import { existsSync, globSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import * as z from 'zod';
import { termsOf } from '../../src/retrieval/terms.ts';
import { WorkspaceIndex } from '../../src/retrieval/workspaceIndex.ts';
import { editor } from '../../tools/setup.mjs';
import { packagesFolder } from './packagesFolder.ts';
import { percentile } from './percentiles.ts';

const ranks = 10;

const target = z.union([z.string(), z.object({ path: z.string() }).transform(({ path }) => path)]);
const tasks = z.array(
  z.object({ query: z.string(), relevant: z.array(target), secondary: z.array(target).default([]) }),
);
const annotationsForm = z.union([tasks, z.object({ tasks }).transform(({ tasks: list }) => list)]);
const repositoriesForm = z.array(z.object({ name: z.string(), benchmark_root: z.string().nullish() }));

const { signal } = new AbortController();

/** Paths may be relative to the repository or to the part of it that is searched. */
function isSame(found: string, wanted: string): boolean {
  return found === wanted || found.endsWith(`/${wanted}`) || wanted.endsWith(`/${found}`);
}

/** Of binary relevance: how close the found files are to all relevant ones in the first places. */
function ndcg(found: readonly string[], relevant: readonly string[]): number {
  const gain = (rank: number): number => 1 / Math.log2(rank + 2);
  const sum = (gains: readonly number[]): number => gains.reduce((all, one) => all + one, 0);
  const reached = found.map((path, rank) => (relevant.some((one) => isSame(path, one)) ? gain(rank) : 0));
  const best = relevant.slice(0, ranks).map((_, rank) => gain(rank));
  return sum(reached) / sum(best);
}

/** The ripgrep that VS Code's own search runs. */
async function findRipgrep(): Promise<string> {
  const server = dirname(dirname(dirname(await editor())));
  const places = globSync('lib/vscode/node_modules/@vscode/ripgrep*/bin/**/rg', { cwd: server });
  const ours = places.find((place) => place.includes(`${process.platform}-${process.arch}`)) ?? places[0];
  if (ours === undefined) throw new Error(`VS Code in ${server} has no ripgrep for this machine.`);
  return join(server, ours);
}

const ripgrepPath = await findRipgrep();

/** The files that have a word in any case, with the number of lines that have it. */
function linesWith(word: string, root: string): Promise<[path: string, lines: number][]> {
  const parameters = ['--count', '--ignore-case', '--fixed-strings', '--null', '-e', word, '.'];
  return new Promise((resolve, reject) => {
    execFile(ripgrepPath, parameters, { cwd: root, maxBuffer: 2 ** 28 }, (error, output) => {
      // 1: no file has it.
      if (error && error.code !== 1) reject(new Error(`ripgrep: ${error.message}`));
      const lines = output.split('\n').filter(Boolean);
      resolve(
        lines.map((line) => {
          const [path = '', count] = line.split('\0');
          return [path.replace(/^\.\//, ''), Number(count)];
        }),
      );
    });
  });
}

/** Files by how many words of the question they have, without stop words, then by the lines that have one, then by path. */
async function searchByRipgrep(question: string, root: string): Promise<string[]> {
  const words = question.match(/[\p{L}\p{N}_]+/gu)?.filter((word) => termsOf(word).length > 0) ?? [];
  const distinct = new Set(words.map((word) => word.toLowerCase()));
  const found = new Map<string, { words: number; lines: number }>();
  for (const counts of await Promise.all([...distinct].map((word) => linesWith(word, root))))
    for (const [path, lines] of counts) {
      const before = found.get(path) ?? { words: 0, lines: 0 };
      found.set(path, { words: before.words + 1, lines: before.lines + lines });
    }
  return [...found]
    .sort(
      ([path, one], [otherPath, other]) =>
        other.words - one.words || other.lines - one.lines || (path < otherPath ? -1 : 1),
    )
    .map(([path]) => path);
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const startedAt = performance.now();
  const result = await work();
  return { result, ms: performance.now() - startedAt };
}

/** The index of a folder, with the time it takes and the longest that the process stood still. */
async function indexed(root: string) {
  const index = new WorkspaceIndex([{ path: root }]);
  const stalls = monitorEventLoopDelay({ resolution: 1 });
  stalls.enable();
  const { ms: indexMs } = await timed(() => index.update({ signal }));
  stalls.disable();
  return { index, indexMs, longestStallMs: stalls.max / 1e6 };
}

/** The files that both find for a question, best first, in turns. */
async function foundBy(index: WorkspaceIndex, question: string, root: string) {
  const ours = await timed(() => index.search(question, 3 * ranks, { signal }));
  const ripgrep = await timed(() => searchByRipgrep(question, root));
  const files = [...new Set(ours.result.map(({ path }) => path))];
  return {
    ours: { files: files.slice(0, ranks), ms: ours.ms },
    ripgrep: { files: ripgrep.result.slice(0, ranks), ms: ripgrep.ms },
  };
}

type Found = Awaited<ReturnType<typeof foundBy>>['ours'];

async function measure(folder: string, name: string, root: string) {
  const annotations = annotationsForm.parse(
    JSON.parse(readFileSync(join(folder, 'annotations', `${name}.json`), 'utf8')),
  );
  const { index, indexMs, longestStallMs } = await indexed(root);
  const results = [];
  for (const { query, relevant, secondary } of annotations) {
    const wanted = [...new Set([...relevant, ...secondary])];
    const judged = ({ files, ms }: Found) => {
      const hit = files.slice(0, 5).some((path) => wanted.some((one) => isSame(path, one)));
      return { ndcg: ndcg(files, wanted), hit: hit ? 1 : 0, ms };
    };
    const { ours, ripgrep } = await foundBy(index, query, root);
    results.push({ ours: judged(ours), ripgrep: judged(ripgrep) });
  }
  return { name, ...index.size, indexMs, longestStallMs, results };
}

type Measured = Awaited<ReturnType<typeof measure>>;

function mean(values: readonly number[]): string {
  return (values.reduce((all, one) => all + one, 0) / values.length).toFixed(3);
}

function times(name: string, ms: readonly number[]): object {
  return {
    [`${name} query ms (median)`]: percentile(ms, 0.5).toFixed(1),
    [`${name} query ms (95 %)`]: percentile(ms, 0.95).toFixed(1),
  };
}

function row(name: string, measured: readonly Measured[]): object {
  const results = measured.flatMap((one) => one.results);
  const sum = (of: (one: Measured) => number): number => measured.reduce((all, one) => all + of(one), 0);
  const by = (who: 'ours' | 'ripgrep') => ({
    [`${who} NDCG@10`]: mean(results.map((one) => one[who].ndcg)),
    [`${who} hit@5`]: mean(results.map((one) => one[who].hit)),
    ...times(
      who,
      results.map((one) => one[who].ms),
    ),
  });
  return {
    repository: name,
    files: sum(({ files }) => files),
    chunks: sum(({ chunks }) => chunks),
    questions: results.length,
    ...by('ours'),
    ...by('ripgrep'),
    'index ms': Math.round(sum(({ indexMs }) => indexMs)),
    'longest stall ms': Math.max(...measured.map(({ longestStallMs }) => longestStallMs)).toFixed(1),
  };
}

async function measureRepositories(folder: string): Promise<object[]> {
  const list = join(folder, 'repos.json');
  const listed = existsSync(list) ? repositoriesForm.parse(JSON.parse(readFileSync(list, 'utf8'))) : [];
  const names = readdirSync(join(folder, 'annotations')).map((file) => basename(file, '.json'));
  const measured: Measured[] = [];
  for (const name of names.filter((one) => existsSync(join(folder, 'repos', one)))) {
    const part = listed.find((one) => one.name === name)?.benchmark_root ?? '';
    measured.push(await measure(folder, name, join(folder, 'repos', name, part)));
  }
  return [...measured.map((one) => row(one.name, [one])), row('all', measured)];
}

const manyFiles = 10_000;
/** For the times alone: nobody has said which files answer them. */
const questions = [
  ...['How is a glob pattern parsed?', 'Where are proxies chosen for a request?', 'parse source maps'],
  ...['How are retries delayed after throttling?', 'Which errors are retryable?', 'validateSchema'],
  ...['How is a JSON schema converted?', 'Where is the cache of resolved modules kept?', 'readFileSync'],
  ...['How does the tokenizer handle comments?', 'What signs a request with credentials?', 'createServer'],
  ...['How are CSV records written?', 'Where is the command line parsed?', 'How does a stream end early?'],
  ...['Which browsers are supported?', 'How is HTML sanitized?', 'How do reporters print failed tests?'],
  ...['Where is the scope of a variable analysed?', 'What does the license allow?'],
];

async function measureMany(): Promise<object> {
  const root = packagesFolder(manyFiles);
  const { index, indexMs, longestStallMs } = await indexed(root);
  const found: Awaited<ReturnType<typeof foundBy>>[] = [];
  for (const question of questions) found.push(await foundBy(index, question, root));
  const paths = globSync('**/*', { cwd: root, withFileTypes: true }).map(({ parentPath, name }) =>
    join(parentPath, name),
  );
  const { ms: lookedAtMs } = await timed(() => Promise.resolve(paths.map((path) => lstatSync(path))));
  return {
    ...index.size,
    'index ms': Math.round(indexMs),
    'longest stall ms': longestStallMs.toFixed(1),
    // Each query looks whether a file has changed.
    'stamps alone ms': lookedAtMs.toFixed(1),
    ...times(
      'ours',
      found.map(({ ours }) => ours.ms),
    ),
    ...times(
      'ripgrep',
      found.map(({ ripgrep }) => ripgrep.ms),
    ),
  };
}

const folder = process.env['RETRIEVAL_BENCH'];
if (folder === undefined)
  console.log('RETRIEVAL_BENCH names no folder with repos/ and annotations/: only times are measured.');
else console.table(await measureRepositories(folder));
console.table([await measureMany()]);
