import type { Core } from '../core/core.ts';
import type { ModelUse, Percentiles } from '../history/modelUse.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { withHistory } from './history.ts';
import { dayOption } from './options.ts';
import { note, printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm gateways stats`: how many gateways run, and what recorded calls came to by back-end and model. */
export async function gatewayStats(
  core: Core,
  options: { since?: string },
  terminal: Terminal,
): Promise<number> {
  const since = options.since === undefined ? undefined : dayOption(options.since, '--since');
  const { total, initialized, failed, notInstalled } = core.registry.getRegistryStats();
  const stats = { total, initialized, failed, not_installed: notInstalled };
  const uses = await withHistory(core, terminal, (index, catchUp) =>
    index.ask(() => index.modelUse({ since }), catchUp),
  );
  if (terminal.json) {
    printJson({ ...stats, since: since ?? null, ledger: core.ledger.mode, models: uses.map(useJson) });
    return 0;
  }
  const counts = Object.entries(stats).map(([name, count]) => `${name.replace('_', ' ')} ${count}`);
  printLine(counts.join(', '));
  printUses(uses, core.ledger.mode === 'simulated' ? ' (SIMULATED)' : '');
  note(terminal, 'Waits and paused models are known only to a window: see its health dashboard.');
  return 0;
}

function printUses(uses: readonly ModelUse[], label: string): void {
  if (uses.length === 0) {
    printLine(`\nNo calls are recorded${label}.`);
    return;
  }
  const header = ['back-end', 'model', 'calls', 'outcomes', 'attempts', 'repeated', 'time p50', 'p95'];
  const more = ['first token p50', 'p95', 'cached', 'hit rate', 'saved'];
  const rows = uses.map((use) => [
    ...[use.backend ?? '', use.model, String(use.calls), outcomesText(use)],
    ...[String(use.attempts), String(use.repeats)],
    ...timeTexts(use.processingTimeMs),
    ...timeTexts(use.timeToFirstTokenMs),
    String(use.cacheHits),
    use.hitRate === null ? '' : `${Math.round(use.hitRate * 1000) / 10} %`,
    formatUsd(use.saved),
  ]);
  const right = [...header.slice(4), ...more, 'calls'];
  printLine(`\nRecorded calls${label}`);
  printLine(table([...header, ...more], rows, right));
}

function outcomesText({ outcomes }: ModelUse): string {
  return Object.entries(outcomes)
    .flatMap(([outcome, count]) => (count > 0 ? [`${count} ${outcome}`] : []))
    .join(', ');
}

function timeTexts(times: Percentiles | null): [string, string] {
  return times ? [`${times.p50} ms`, `${times.p95} ms`] : ['', ''];
}

function useJson(use: ModelUse): object {
  return {
    backend: use.backend,
    model: use.model,
    calls: use.calls,
    outcomes: use.outcomes,
    attempts: use.attempts,
    repeated_attempts: use.repeats,
    processing_time_ms: use.processingTimeMs,
    time_to_first_token_ms: use.timeToFirstTokenMs,
    cache_hits: use.cacheHits,
    hit_rate: use.hitRate,
    saved_usd: microToUsd(use.saved),
  };
}
