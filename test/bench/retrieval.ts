/**
 * How well and how fast the index of a workspace finds the files that answer annotated questions, by repository.
 *
 * RETRIEVAL_BENCH names a folder with `repos/NAME`, the working trees, and `annotations/NAME.json`, lists of
 * `{ query, relevant: [path or { path }], secondary?: […] }`, such as those of MinishLab/semble. Its `repos.json`, if there is
 * one, names the part of a repository that is searched (`benchmark_root`).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import * as z from 'zod';
import { WorkspaceIndex } from '../../src/retrieval/workspaceIndex.ts';
import { percentile } from './percentiles.ts';

const ranks = 10;

const target = z.union([z.string(), z.object({ path: z.string() }).transform(({ path }) => path)]);
const tasks = z.array(
  z.object({ query: z.string(), relevant: z.array(target), secondary: z.array(target).default([]) }),
);
const annotationsForm = z.union([tasks, z.object({ tasks }).transform(({ tasks: list }) => list)]);
const repositoriesForm = z.array(z.object({ name: z.string(), benchmark_root: z.string().nullish() }));

const folder = process.env['RETRIEVAL_BENCH'];
if (folder === undefined) throw new Error('Set RETRIEVAL_BENCH to a folder with repos/ and annotations/.');
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

async function measure(name: string, root: string) {
  const annotations = annotationsForm.parse(
    JSON.parse(readFileSync(join(folder!, 'annotations', `${name}.json`), 'utf8')),
  );
  const index = new WorkspaceIndex([{ path: root }]);
  const stalls = monitorEventLoopDelay({ resolution: 1 });
  stalls.enable();
  const startedAt = performance.now();
  await index.update({ signal });
  const indexMs = performance.now() - startedAt;
  stalls.disable();
  const results = [];
  for (const { query, relevant, secondary } of annotations) {
    const askedAt = performance.now();
    const chunks = await index.search(query, 3 * ranks, { signal });
    const queryMs = performance.now() - askedAt;
    const files = [...new Set(chunks.map(({ path }) => path))].slice(0, ranks);
    const wanted = [...new Set([...relevant, ...secondary])];
    const hit = files.slice(0, 5).some((path) => wanted.some((one) => isSame(path, one)));
    results.push({ ndcg: ndcg(files, wanted), hit: hit ? 1 : 0, queryMs });
  }
  return { name, ...index.size, indexMs, longestStallMs: stalls.max / 1e6, results };
}

type Measured = Awaited<ReturnType<typeof measure>>;

function mean(values: readonly number[]): string {
  return (values.reduce((all, one) => all + one, 0) / values.length).toFixed(3);
}

function row(name: string, measured: readonly Measured[]): object {
  const results = measured.flatMap((one) => one.results);
  const sum = (of: (one: Measured) => number): number => measured.reduce((all, one) => all + of(one), 0);
  const queries = results.map(({ queryMs }) => queryMs);
  return {
    repository: name,
    files: sum(({ files }) => files),
    chunks: sum(({ chunks }) => chunks),
    questions: results.length,
    'NDCG@10': mean(results.map((one) => one.ndcg)),
    'hit@5': mean(results.map(({ hit }) => hit)),
    'index ms': Math.round(sum(({ indexMs }) => indexMs)),
    'longest stall ms': Math.max(...measured.map(({ longestStallMs }) => longestStallMs)).toFixed(1),
    'query ms (median)': percentile(queries, 0.5).toFixed(1),
    'query ms (95 %)': percentile(queries, 0.95).toFixed(1),
  };
}

const list = join(folder, 'repos.json');
const listed = existsSync(list) ? repositoriesForm.parse(JSON.parse(readFileSync(list, 'utf8'))) : [];
const names = readdirSync(join(folder, 'annotations')).map((file) => basename(file, '.json'));
const measured: Measured[] = [];
for (const name of names.filter((one) => existsSync(join(folder, 'repos', one)))) {
  const part = listed.find((one) => one.name === name)?.benchmark_root ?? '';
  measured.push(await measure(name, join(folder, 'repos', name, part)));
}
console.table([...measured.map((one) => row(one.name, [one])), row('all', measured)]);
