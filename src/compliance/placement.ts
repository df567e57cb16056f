import { GatewayError } from '../errors.ts';
import type { CompliancePolicy } from './policy.ts';
import type { Screened } from './found.ts';

/** Where a call would be answered. */
export interface Placement {
  /** The names of the model by which policy may mean it: requested name, id that is sent, model behind it. */
  modelNames: readonly string[];
  /** AWS region of the back-end, or the name of another service’s place. */
  region: string;
  /** The geography of a cross-region inference profile, such as `eu` or `global`; null for the region itself. */
  geography: string | null;
}

/** Throws `compliance_blocked` if policy forbids the model, its region, or a cross-region profile for this content. */
export function requirePermitted(
  { modelNames, region, geography }: Placement,
  { findings, late }: Pick<Screened, 'findings' | 'late'>,
  policy: CompliancePolicy,
): void {
  const [name = ''] = modelNames;
  const { models_allowed: allowed, models_denied: denied, regions_allowed: regions, cross_region } = policy;
  if (modelNames.some((one) => denied.includes(one)))
    throw refused(`the model ${name} is in compliance.models_denied`, 'Use another model.');
  if (allowed.length > 0 && !modelNames.some((one) => allowed.includes(one)))
    throw refused(
      `the model ${name} is not in compliance.models_allowed`,
      `Use one of ${allowed.join(', ')}.`,
    );
  if (regions.length > 0 && !regions.includes(geography ?? region))
    throw refused(
      `${geography === null ? `the region ${region}` : `the cross-region profile ${geography}`} is not in compliance.regions_allowed`,
      `Use a model in ${regions.join(', ')}.`,
    );
  if (geography === null || cross_region === 'allow') return;
  const personal = late || findings.some(({ class: of }) => of === 'personal_data');
  if (cross_region === 'block' || personal)
    throw refused(
      `${name} may be answered in another region (${geography})${personal ? ', and the request has or may have personal data' : ''}`,
      'Use a model in the region itself, or change compliance.cross_region.',
    );
}

function refused(why: string, hint: string): GatewayError {
  return new GatewayError('compliance_blocked', `Policy keeps this request back: ${why}.`, {
    hint: `Nothing was sent. ${hint}`,
    remedy: [{ kind: 'choose_model' }, { kind: 'open_settings', place: { key: 'compliance' } }],
  });
}
