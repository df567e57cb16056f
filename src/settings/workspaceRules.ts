import { parseDecimal } from '../pricing/cost.ts';

type Caps = Readonly<Record<string, string | null>>;
type Decision = 'block' | 'redact' | 'allow';

/** Combines a workspace's value with the user's; the result is never looser than the user's. */
export type Tighten = (own: never, asked: never) => unknown;

/** The keys that a workspace file may set, by path. Only the user may set others. */
export const workspaceRules: Readonly<Record<string, Tighten>> = {
  // Only if it isn't dearer: see workspaceModel.ts.
  'aws.bedrock.default_model': (_own: string, asked: string) => asked,
  'aws.bedrock.bearer_token': both,
  'budget.daily_limit_usd': lowerAmount,
  'budget.alerts': (own: number[], asked: number[]) => [...new Set([...own, ...asked])].sort((a, b) => a - b),
  'budget.unknown_price': (own: string, asked: string) => (asked === 'refuse' ? asked : own),
  'budget.per_user_usd': lowerCaps,
  'budget.per_model_usd': lowerCaps,
  'budget.per_workspace_usd': lowerCaps,
  'audit.min_reason_length': (own: number, asked: number) => Math.max(own, asked),
  // A value other than the user's is ignored.
  'audit.pinned_key': (own: string | null, asked: string | null) => own ?? asked,
  'ai.backends': (own: string[], asked: string[]) => own.filter((backend) => asked.includes(backend)),
  'ai.concurrency': lower,
  'retry.attempts': lower,
  'cache.enabled': both,
  'cache.ttl_seconds': lower,
  'cache.max_bytes': lower,
  'cache.max_temperature': lower,
  'chat.tools': (own: string, asked: string) => (asked === 'never' ? asked : own),
  // It costs: a workspace may only switch it off.
  'chat.retrieval_embeddings': (own: string | null, asked: string | null) => (asked === null ? null : own),
  'compliance.level': allLevels,
  'compliance.secrets': stricter,
  'compliance.personal_data': stricter,
  'compliance.models_allowed': narrower,
  'compliance.models_denied': added,
  'compliance.paths_denied': added,
  'compliance.regions_allowed': narrower,
  'compliance.cross_region': stricterPlaces,
  'compliance.segregation_of_duties': either,
  'compliance.use_classes': narrower,
  'compliance.use_class_required': either,
  'compliance.use_classes_denied': (own: string[], asked: string[]) => [...new Set([...own, ...asked])],
  'compliance.unchecked': (own: string | null, asked: string | null) => (asked === 'block' ? asked : own),
};

function both(own: boolean, asked: boolean): boolean {
  return own && asked;
}

function either(own: boolean, asked: boolean): boolean {
  return own || asked;
}

function lower(own: number, asked: number): number {
  return Math.min(own, asked);
}

function lowerAmount(own: string, asked: string): string {
  return parseDecimal(asked) < parseDecimal(own) ? asked : own;
}

/** A new entry takes a name out of the user's "default", so it must not be above that either. */
function lowerCaps(own: Caps, asked: Caps): Caps {
  const joined = Object.entries(asked).map(([name, cap]) => {
    const before = (Object.hasOwn(own, name) ? own[name] : null) ?? own['default'] ?? null;
    if (cap === null || before === null) return [name, cap ?? before];
    return [name, lowerAmount(before, cap)];
  });
  return { ...own, ...(Object.fromEntries(joined) as Caps) };
}

function added(own: string[], asked: string[]): string[] {
  return [...new Set([...own, ...asked])];
}

/** An empty list allows everything; where the two have nothing in common, the user’s stays. */
function narrower(own: string[], asked: string[]): string[] {
  if (own.length === 0) return asked;
  const both = own.filter((one) => asked.includes(one));
  return asked.length === 0 || both.length === 0 ? own : both;
}

const crossRegion = ['allow', 'without_personal_data', 'block'];

function stricterPlaces(own: string, asked: string): string {
  return crossRegion[Math.max(crossRegion.indexOf(own), crossRegion.indexOf(asked))] ?? 'block';
}

const decisions: readonly Decision[] = ['allow', 'redact', 'block'];

function stricter(own: Decision, asked: Decision): Decision {
  return decisions[Math.max(decisions.indexOf(own), decisions.indexOf(asked))] ?? 'block';
}

/** As asked, if no own level is missing there. */
function allLevels(own: string | string[], asked: string | string[]): string | string[] {
  const all = [...new Set([asked, own].flat())];
  return all.length === [asked].flat().length ? asked : all;
}
