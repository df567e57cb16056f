import table from './bedrockAvailability.json' with { type: 'json' };

interface Availability {
  /** Regions that serve the bare model id. */
  onDemand?: readonly string[];
  /** By geography: regions that may call the model's profile. */
  profiles?: Readonly<Record<string, readonly string[]>>;
}

const models = new Map(Object.entries(table.models as Record<string, Availability>));

/** Geography prefixes of cross-region inference profiles, with their regions if the table has none. */
const geographies: ReadonlyMap<string, RegExp> = new Map([
  ['us-gov', /^us-gov-/],
  ['us', /^(us|ca)-/],
  ['eu', /^eu-/],
  ['apac', /^ap-/],
  ['au', /^ap-southeast-[246]$/],
  ['jp', /^ap-northeast-[13]$/],
  ['ca', /^ca-/],
  ['in', /^ap-south-/],
  ['global', /^/],
]);

/** Whether a region is in the commercial partition, by its form: not GovCloud, China or another sovereign cloud. */
export function isCommercialRegion(region: string): boolean {
  return /^(us|ca|mx|sa|eu|ap|il|me|af)-(central|(north|south)(east|west)?|east|west)-\d{1,2}$/.test(region);
}

/** GovCloud is not in the table. */
const unlisted = 'us-gov';

/** Regions that the table covers; newer ones are unknown. */
const listedRegions = new Set(
  [...models.values()].flatMap(({ onDemand = [], profiles = {} }) => [
    ...onDemand,
    ...Object.values(profiles).flat(),
  ]),
);

/** The parts of a profile's id; null for a bare model id. */
export function profileOf(modelId: string): { geography: string; baseId: string } | null {
  const geography = modelId.split('.', 1)[0] ?? '';
  return geographies.has(geography) ? { geography, baseId: modelId.slice(geography.length + 1) } : null;
}

/** Whether a profile can be called from a region. */
export function isSourceRegion(profileId: string, region: string): boolean {
  const profile = profileOf(profileId);
  if (!profile) return false;
  const model = models.get(profile.baseId);
  return model && profile.geography !== unlisted && listedRegions.has(region)
    ? (model.profiles?.[profile.geography]?.includes(region) ?? false)
    : (profile.geography === unlisted || isCommercialRegion(region)) &&
        (geographies.get(profile.geography)?.test(region) ?? false);
}

/** Whether a region serves a bare model id; null if unknown. */
export function isOnDemand(modelId: string, region: string): boolean | null {
  const model = models.get(modelId);
  if (!model || !listedRegions.has(region)) return null;
  return model.onDemand?.includes(region) ?? false;
}

/** Profiles of a model that can be called from a region: within its geography first, then global. */
export function profilesFrom(region: string, baseId: string): string[] {
  return [...geographies.keys()]
    .map((name) => `${name}.${baseId}`)
    .filter((id) => isSourceRegion(id, region));
}

/** False for a profile that doesn't exist in Bedrock; null if its model is unknown. */
export function isProfile(profileId: string): boolean | null {
  const profile = profileOf(profileId);
  const model = profile && models.get(profile.baseId);
  if (!profile || !model || profile.geography === unlisted) return null;
  return profile.geography in (model.profiles ?? {});
}

/** Ids that Bedrock serves: models and their profiles. */
export function servedIds(): string[] {
  return [...models].flatMap(([id, { onDemand, profiles }]) => [
    ...(onDemand ? [id] : []),
    ...Object.keys(profiles ?? {}).map((geography) => `${geography}.${id}`),
  ]);
}
