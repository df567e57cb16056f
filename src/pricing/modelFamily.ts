import { profileOf } from './availability.ts';

/** Vendors that write themselves in more than one way. */
const otherSpellings: Readonly<Record<string, string>> = { moonshotai: 'moonshot' };

/** What a model's id says of it; null where it doesn't say. */
export interface ModelKind {
  /** Of its inference profile; null for the model itself. */
  geography: string | null;
  /** `anthropic`, `amazon` … */
  vendor: string | null;
  /** `claude`, `nova`, `llama` …: models that are sold as sizes and generations of one. */
  family: string;
  /** The id without its geography: the same model, whichever profile calls it. */
  bareId: string;
}

/** How near two models are, nearest first. */
export const kinships = ['family', 'vendor', 'other'] as const;
export type Kinship = (typeof kinships)[number];

/** Takes an id or ARN apart; the name people call it by stands in where an ARN doesn't say what is behind it. */
export function modelKind({ modelId, name }: { modelId: string; name: string }): ModelKind {
  const id = modelId.startsWith('arn:') ? modelId.slice(modelId.indexOf('/') + 1) : modelId;
  const { geography, baseId: bareId } = profileOf(id) ?? { geography: null, baseId: id };
  const [, vendor = null, model = name] = /^([a-z][a-z0-9]*)\.(.+)$/.exec(bareId) ?? [];
  return {
    geography,
    vendor: vendor === null ? null : (otherSpellings[vendor] ?? vendor),
    family: /^[a-z]+/.exec(model.toLowerCase())?.[0] ?? model,
    bareId,
  };
}

/** How near one model is to another. */
export function kinshipOf(one: ModelKind, other: ModelKind): Kinship {
  const sameVendor = one.vendor === other.vendor;
  // A name alone, as of an ARN, says its family and not its vendor.
  const mayBeSameVendor = sameVendor || one.vendor === null || other.vendor === null;
  if (one.family === other.family && mayBeSameVendor) return 'family';
  return sameVendor && one.vendor !== null ? 'vendor' : 'other';
}

/** The version of a Claude model as a number, such as 4.7; null for other models. A Claude whose id says none counts as new. */
export function claudeVersion({ family, bareId }: ModelKind): number | null {
  if (family !== 'claude') return null;
  const numbers = /claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?![\d.])/.exec(bareId);
  if (!numbers) return Infinity;
  return Number(`${numbers[1]}.${numbers[2] ?? 0}`);
}
