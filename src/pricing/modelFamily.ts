import { profileOf } from './availability.ts';

/** Vendors with more than one spelling. */
const otherSpellings: Readonly<Record<string, string>> = { moonshotai: 'moonshot' };

/** Facts in a model id; null if missing. */
export interface ModelKind {
  /** Geography of its inference profile; null for the model itself. */
  geography: string | null;
  /** `anthropic`, `amazon` … */
  vendor: string | null;
  /** `claude`, `nova`, `llama` …: sizes and generations of one product. */
  family: string;
  /** The id without its geography: the same model, whichever profile calls it. */
  bareId: string;
}

/** How closely two models are related, closest first. */
export const kinships = ['family', 'vendor', 'other'] as const;
export type Kinship = (typeof kinships)[number];

/** Parses an id or ARN; uses the friendly name if an ARN doesn't name its model. */
export function modelKind({ modelId, name }: { modelId: string; name: string }): ModelKind {
  const id = modelId.startsWith('arn:') ? modelId.slice(modelId.indexOf('/') + 1) : modelId;
  const { geography, baseId: bareId } = profileOf(id) ?? { geography: null, baseId: id };
  const unnamed = modelId.startsWith('arn:') ? name : bareId;
  const [, vendor = null, model = unnamed] = /^([a-z][a-z0-9]*)\.(.+)$/.exec(bareId) ?? [];
  return {
    geography,
    vendor: vendor === null ? null : (otherSpellings[vendor] ?? vendor),
    family: /^[a-z]+/.exec(model.toLowerCase())?.[0] ?? model,
    bareId,
  };
}

/** How closely one model is related to another. */
export function kinshipOf(one: ModelKind, other: ModelKind): Kinship {
  const sameVendor = one.vendor === other.vendor;
  // A friendly name of an ARN says the family but not the vendor.
  const mayBeSameVendor = sameVendor || one.vendor === null || other.vendor === null;
  if (one.family === other.family && mayBeSameVendor) return 'family';
  return sameVendor && one.vendor !== null ? 'vendor' : 'other';
}

/** The version of a Claude model as a number, such as 4.7; null for other models. Without a version it counts as new. */
export function claudeVersion({ family, bareId }: ModelKind): number | null {
  if (family !== 'claude') return null;
  const numbers = /claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?![\d.])/.exec(bareId);
  if (!numbers) return Infinity;
  return Number(`${numbers[1]}.${numbers[2] ?? 0}`);
}
