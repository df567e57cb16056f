import type { ContentStore } from '../../content/contentStore.ts';
import { formatUsd, microToUsd, totalTokens } from '../../pricing/cost.ts';
import type { Table } from '../report.ts';
import type { CostedCall } from './costedCall.ts';

/** Maximum number of compared texts. */
const mostCompared = 5_000;

/** The saving by reusing earlier answers. */
export interface Repeats {
  /** Micro-USD. */
  saving: bigint;
  label: string;
  text: string;
  table: Table | null;
}

/** A call that an earlier answer could have replaced. */
interface Repeat {
  call: CostedCall;
  earlier: CostedCall;
}

/**
 * Calls that repeat an earlier one of the same user while a cache would still have its answer. Whether
 * two questions are the same is known only if policy keeps their text. Otherwise only calls with the same model,
 * parameters and input tokens can be repeats, so their cost is the most that a cache could have saved.
 */
export async function repeatedCalls(
  calls: readonly CostedCall[],
  { content, cacheSeconds }: { content: Pick<ContentStore, 'read'>; cacheSeconds: number },
  signal: AbortSignal,
): Promise<Repeats> {
  const candidates = repeatsAmong(calls, cacheSeconds, candidateKey);
  const compared = candidates.slice(0, mostCompared);
  const texts = new Map<string, string>();
  for (const { call, earlier } of compared) {
    for (const { userId, day, callId } of [earlier, call]) {
      signal.throwIfAborted();
      if (texts.has(callId)) continue;
      const kept = await content.read(userId, day, callId);
      // Redaction marks replace text, so different questions may look the same.
      if (kept?.policy === 'full') texts.set(callId, JSON.stringify(kept.request));
    }
  }
  const involved = new Set(candidates.flatMap(({ call, earlier }) => [call.callId, earlier.callId]));
  const known = texts.size > 0 && [...involved].every((callId) => texts.has(callId));
  const repeats = known
    ? repeatsAmong(
        calls,
        cacheSeconds,
        (call) => `${candidateKey(call)} ${texts.get(call.callId) ?? call.callId}`,
      )
    : candidates;
  return resultOf(repeats, calls.length, cacheSeconds, known || candidates.length === 0);
}

function candidateKey({ userId, model, maxTokens, temperature, usage }: CostedCall): string {
  return JSON.stringify([userId, model, maxTokens, temperature, totalTokens(usage) - usage.output]);
}

/** Among calls with the same key, those that started after another was answered, within its lifetime. */
function repeatsAmong(
  calls: readonly CostedCall[],
  seconds: number,
  keyOf: (call: CostedCall) => string,
): Repeat[] {
  const answers = new Map<string, CostedCall>();
  const repeats: Repeat[] = [];
  for (const call of calls.toSorted((a, b) => a.beganAt - b.beganAt)) {
    if (!call.succeeded) continue;
    const key = keyOf(call);
    const earlier = answers.get(key);
    const fresh =
      earlier && call.beganAt >= earlier.endedAt && call.beganAt - earlier.endedAt <= seconds * 1000;
    if (fresh) repeats.push({ call, earlier });
    // Without a hit the answer is new, and is cached from now on.
    else answers.set(key, call);
  }
  return repeats;
}

function resultOf(repeats: readonly Repeat[], calls: number, seconds: number, exact: boolean): Repeats {
  const saving = repeats.reduce((sum, { call }) => sum + call.cost, 0n);
  const byModel = Map.groupBy(repeats, ({ call }) => call.model);
  const hours = Math.round(seconds / 360) / 10;
  const how = exact
    ? 'They have the same user, model, parameters and text.'
    : 'They have the same user, model, parameters and number of input tokens. Policy keeps no texts to compare, so this is an upper bound, not a forecast.';
  return {
    saving,
    label: exact ? 'A cache would have saved' : 'A cache would have saved at most',
    text: `${repeats.length} of ${calls} calls, for ${formatUsd(saving)}, came within ${hours} hours of an earlier one ${exact ? 'that they repeat' : 'that they may repeat'}. ${how}`,
    table:
      repeats.length === 0
        ? null
        : {
            columns: [
              { label: 'Model', unit: 'text' },
              { label: 'Repeated calls', unit: 'count' },
              { label: exact ? 'Saved' : 'Saved at most', unit: 'usd' },
            ],
            rows: [...byModel].map(([model, all]) => [
              ...[model, all.length, microToUsd(all.reduce((sum, { call }) => sum + call.cost, 0n))],
            ]),
          },
  };
}
