import type { Screened } from './found.ts';
import type { CompliancePolicy } from './policy.ts';

/** Where a call would be answered. */
export interface Placement {
  /** The names of the model by which policy may mean it: requested name, id that is sent, model behind it. */
  modelNames: readonly string[];
  /** The id that is sent. */
  modelId: string;
  /** AWS region of the back-end, or the name of another service’s place. */
  region: string;
  /** The geography of a cross-region inference profile, such as `eu` or `global`; null for the region itself. */
  geography: string | null;
}

/** What policy forbids of a call, and the permit with which an exception would allow it. */
export interface Forbidden {
  permit: string;
  /** A clause. */
  why: string;
  hint: string;
}

/** What policy forbids of the model, its region, or a cross-region profile for this content. */
export function forbiddenPlaces(
  { modelNames, modelId, region, geography }: Placement,
  { findings, late }: Pick<Screened, 'findings' | 'late'>,
  policy: CompliancePolicy,
): Forbidden[] {
  const [name = ''] = modelNames;
  const { models_allowed: allowed, models_denied: denied, regions_allowed: regions, cross_region } = policy;
  const forbidden: Forbidden[] = [];
  const model = (why: string, hint: string) => forbidden.push({ permit: `model:${modelId}`, why, hint });
  const place = (why: string, hint: string) =>
    forbidden.push({ permit: `region:${geography ?? region}`, why, hint });
  if (modelNames.some((one) => denied.includes(one)))
    model(`the model ${name} is in compliance.models_denied`, 'Use another model.');
  if (allowed.length > 0 && !modelNames.some((one) => allowed.includes(one)))
    model(`the model ${name} is not in compliance.models_allowed`, `Use one of ${allowed.join(', ')}.`);
  if (regions.length > 0 && !regions.includes(geography ?? region))
    place(
      `${geography === null ? `the region ${region}` : `the cross-region profile ${geography}`} is not in compliance.regions_allowed`,
      `Use a model in ${regions.join(', ')}.`,
    );
  if (geography === null || cross_region === 'allow') return forbidden;
  const personal = late || findings.some(({ class: of }) => of === 'personal_data');
  if (cross_region === 'block' || personal)
    place(
      `${name} may be answered in another region (${geography})${personal ? ', and the request has or may have personal data' : ''}`,
      'Use a model in the region itself, or change compliance.cross_region.',
    );
  return forbidden;
}
