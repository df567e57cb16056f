import { isSourceRegion, profileOf } from '../pricing/availability.ts';
import { isApplicationProfile } from '../pricing/inferenceProfiles.ts';
import type { BilledModel } from './billedUsage.ts';

/** Words that only bills or only ids contain. */
const silentWords = new Set(['amazon', 'anthropic', 'meta', 'openai', 'instruct', 'text', '0', '']);
/** DeepSeek's name is also the provider part of its ids, so it is kept. */
const providers =
  'amazon|anthropic|meta|ai21|mistral|cohere|openai|qwen|minimax|moonshot(?:ai)?|google|nvidia|zai|writer';
const provider = new RegExp(`^(?:${providers})\\.`);

/**
 * A model's name without its order, punctuation, provider, date and first version, so that
 * `Claude4.6Sonnet`, `Claude Sonnet 4.6 (Amazon Bedrock Edition)` and `us.anthropic.claude-sonnet-4-6` are one.
 */
export function modelKey(name: string): string {
  const id = lastPart(name)
    .replace(/\(.*\)/, '')
    .trim();
  const bare = (profileOf(id)?.baseId ?? id).replace(provider, '');
  const version = /(?:[-_ ]|(?<=[a-z]))v(\d+)(?::\d+\w*)*$|-(1):0$/i.exec(bare);
  const later = version && Number(version[1]) > 1 ? [`v${version[1] ?? ''}`] : [];
  const words = (version ? bare.slice(0, version.index) : bare)
    .replace(/[-_]20\d{6}\b/, '')
    .toLowerCase()
    .match(/[a-z]+|\d+/g);
  return [...(words ?? []).flatMap(split).filter((word) => !silentWords.has(word)), ...later]
    .toSorted()
    .join(' ');
}

/** Families that bills write without a following space. */
function split(word: string): string[] {
  const match = /^(nova|titan|claude|command|deepseek)(.*)$/.exec(word);
  return match ? [match[1] ?? '', match[2] ?? ''] : [word];
}

/** The geography in a model id: `us.anthropic.…` is `us`; null for a bare model id. */
export function routeOf(modelId: string): string | null {
  return profileOf(lastPart(modelId))?.geography ?? null;
}

/** An id without the ARN around it. */
function lastPart(name: string): string {
  return name.split('/').at(-1) ?? '';
}

/** The result for a name on a bill: a model id, or why there is none. */
export type ModelMatch =
  | { modelId: string }
  /** `candidates`: the recorded models that it may mean; null for any. */
  | { why: string; candidates: readonly string[] | null };

/** The models known to a matcher. */
export interface KnownModels {
  /** Maps a model's name on the bill to its id in the ledger. */
  mapping: ReadonlyMap<string, string>;
  /** Ids in the ledger. */
  recorded: Iterable<string>;
  /** Ids in the price table, for calls missing in the ledger. */
  known: Iterable<string>;
  /** The model or profile behind an id or ARN; an unknown ARN is its own base. */
  baseOf: (modelId: string) => string;
}

/** Finds the model behind the names on a bill. */
export class ModelMatcher {
  readonly #mapping: ReadonlyMap<string, string>;
  readonly #recorded: ReadonlySet<string>;
  readonly #known: ReadonlySet<string>;
  readonly #baseOf: KnownModels['baseOf'];
  readonly #recordedByKey = new Map<string, string[]>();
  readonly #knownByKey = new Map<string, string[]>();
  /** Recorded ARNs with unknown models: a line without a resource may belong to any of them. */
  readonly #nameless: string[] = [];

  constructor({ mapping, recorded, known, baseOf }: KnownModels) {
    this.#mapping = mapping;
    this.#recorded = new Set(recorded);
    this.#known = new Set(known);
    this.#baseOf = baseOf;
    for (const modelId of this.#recorded) {
      const base = baseOf(modelId);
      if (base.startsWith('arn:')) this.#nameless.push(modelId);
      else push(this.#recordedByKey, modelKey(base), modelId);
    }
    for (const modelId of this.#known) push(this.#knownByKey, modelKey(modelId), modelId);
  }

  find({ names, route, region }: BilledModel): ModelMatch {
    const exact = this.#exact(names);
    if (exact !== undefined) return { modelId: exact };
    const keys = names.map(modelKey);
    const idsIn = (byKey: ReadonlyMap<string, string[]>): string[] =>
      keys.map((key) => byKey.get(key)).find((ids) => ids !== undefined) ?? [];
    const recorded = idsIn(this.#recordedByKey);
    const fitting = recorded.filter((id) => fits(this.#baseOf(id), route, region));
    const candidates = [...fitting, ...this.#nameless];
    const [only, ...others] = candidates;
    if (others.length > 0 || (only !== undefined && fitting.length === 0))
      return { why: `it may be ${candidates.join(' or ')}`, candidates };
    if (only !== undefined) return { modelId: only };
    if (recorded.length > 0) {
      const where = `through ${route ?? 'the region'}${region === null ? '' : ` from ${region}`}`;
      const verb = recorded.length > 1 ? 'are' : 'is';
      return { why: `${recorded.join(' and ')} ${verb} not called ${where}`, candidates: recorded };
    }
    const known = idsIn(this.#knownByKey);
    if (known.length === 0) return { why: 'no model with this name is known', candidates: null };
    // Nothing was recorded under this name, so no recorded figure is affected.
    const modelId = known.find((id) => routeOf(id) === route);
    return modelId === undefined ? { why: `it may be ${known.join(' or ')}`, candidates: [] } : { modelId };
  }

  /** The model from the mapping, the resource of an application profile, or a recorded or known profile id. */
  #exact(names: readonly string[]): string | undefined {
    for (const name of names) {
      const mapped = this.#mapping.get(name) ?? this.#mapping.get(name.replace(/ \(.*\)$/, ''));
      if (mapped !== undefined) return mapped;
    }
    const profile = names.find(isApplicationProfile);
    if (profile !== undefined) return profile;
    const ids = names.flatMap((name) => [name, lastPart(name)]);
    return (
      ids.find((id) => this.#recorded.has(id)) ??
      ids.find((id) => routeOf(id) !== null && this.#known.has(id))
    );
  }
}

/** A bill names `global`; any other geography may appear as the plain regional price. */
function fits(baseId: string, route: string | null, region: string | null): boolean {
  const own = routeOf(baseId);
  if (route !== null || own === null) return own === route;
  return own !== 'global' && (region === null || isSourceRegion(baseId, region));
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
