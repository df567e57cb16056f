/** Asks AWS about an account's inference profiles, within seconds. Never rejects. */
export interface ProfileDirectory {
  /** Ids of the cross-region profiles that can be called from this region; null if AWS can't be asked. */
  list(): Promise<readonly string[] | null>;
  /** ARNs of the foundation models behind an application profile; null if AWS can't be asked. */
  modelsOf(profileArn: string): Promise<readonly string[] | null>;
}

export function isApplicationProfile(modelId: string): boolean {
  return /^arn:[^:]*:bedrock:[^:]*:[^:]*:application-inference-profile\//.test(modelId);
}

/**
 * The model or cross-region profile behind an application profile, from the ARNs of its models: one
 * region means the bare model, an ARN without a region the global profile, several regions that of their
 * geography. Null if no ARN names a model.
 */
export function baseOfProfile(modelArns: readonly string[]): string | null {
  const models = modelArns.flatMap((arn) => {
    const match = /^arn:[^:]*:bedrock:([^:]*):[^:]*:foundation-model\/(.+)$/.exec(arn);
    return match ? [{ region: match[1] ?? '', baseId: match[2] ?? '' }] : [];
  });
  const baseId = models[0]?.baseId;
  if (baseId === undefined || models.some((model) => model.baseId !== baseId)) return null;
  const geography = geographyOf(models.map(({ region }) => region));
  return geography === null ? baseId : `${geography}.${baseId}`;
}

/** Geographies with the regions that they route to, narrowest first. */
const geographyByRegions: readonly (readonly [string, RegExp])[] = [
  ['us-gov', /^us-gov-/],
  ['ca', /^ca-/],
  ['us', /^(us|ca)-/],
  ['eu', /^eu-/],
  ['jp', /^ap-northeast-[13]$/],
  ['au', /^ap-southeast-[246]$/],
  ['in', /^ap-south-/],
  ['apac', /^ap-/],
];

function geographyOf(regions: readonly string[]): string | null {
  if (regions.includes('')) return 'global';
  if (new Set(regions).size === 1) return null;
  const within = geographyByRegions.find(([, pattern]) => regions.every((region) => pattern.test(region)));
  return within?.[0] ?? 'global';
}
