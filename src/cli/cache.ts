import type { Core } from '../core/core.ts';
import { microToUsd, formatUsd } from '../pricing/cost.ts';
import { withHistory } from './history.ts';
import { note, printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm cache status`. */
export async function cacheStatus(core: Core, terminal: Terminal): Promise<number> {
  const seen = await filesOf(core);
  if (terminal.json) printJson(seen);
  else print(seen);
  return 0;
}

/** `tidyllm cache stats`: the files, and what the audit history says of their use. */
export async function cacheStats(core: Core, terminal: Terminal): Promise<number> {
  const seen = await filesOf(core);
  const { hits, misses, saved } = await withHistory(core, terminal, (index, catchUp) =>
    index.ask(() => index.cacheUse(), catchUp),
  );
  const rate = hits + misses === 0 ? null : hits / (hits + misses);
  if (terminal.json) {
    printJson({ ...seen, hits, misses, hit_rate: rate, saved_usd: microToUsd(saved) });
    return 0;
  }
  print(seen);
  const share = rate === null ? 'no answers yet' : `${(rate * 100).toFixed(1)} % of all answers`;
  printLine(`\n${hits} hits, ${misses} misses (${share}); ${formatUsd(saved)} saved`);
  return 0;
}

/** `tidyllm cache clear [MODEL]`. */
export async function cacheClear(core: Core, model: string | undefined, terminal: Terminal): Promise<number> {
  if (model !== undefined) await core.catalogue.learn(model);
  const { files, bytes } = await core.cache.clear(model && core.catalogue.resolve(model).modelId);
  if (terminal.json) printJson({ files_removed: files, bytes_removed: bytes });
  else note(terminal, `${files} answers deleted, ${megabytes(bytes)}.`);
  return 0;
}

async function filesOf({ cache, loaded }: Core) {
  const models = await cache.models();
  const { enabled, max_bytes, ttl_seconds } = loaded.settings.cache;
  const sum = (of: (model: (typeof models)[number]) => number): number =>
    models.reduce((total, model) => total + of(model), 0);
  return {
    enabled,
    directory: cache.directory,
    files: sum(({ files }) => files),
    bytes: sum(({ bytes }) => bytes),
    max_bytes,
    ttl_seconds,
    models,
  };
}

function print({ enabled, directory, files, bytes, max_bytes, ttl_seconds, models }: FilesSeen): void {
  const state = enabled ? `on, answers are kept for ${ttl_seconds} s` : 'off (cache.enabled)';
  printLine(`Cache ${state}`);
  printLine(`${files} answers, ${megabytes(bytes)} of ${megabytes(max_bytes)}, in ${directory}`);
  if (models.length === 0) return;
  const rows = models.map((one) => [one.model, String(one.files), megabytes(one.bytes)]);
  printLine(`\n${table(['model', 'answers', 'size'], rows, ['answers', 'size'])}`);
}

type FilesSeen = Awaited<ReturnType<typeof filesOf>>;

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(bytes < 10_000_000 ? 2 : 0)} MB`;
}
