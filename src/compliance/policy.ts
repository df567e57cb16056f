import type { Settings } from '../settings/schema.ts';

/** What happens to a finding, and to a request as a whole: the strictest of its findings. */
export const decisions = ['allow', 'redact', 'block'] as const;
export type Decision = (typeof decisions)[number];

/** The rule sets that a company can be held to. */
export const complianceLevels = ['enterprise', 'sox', 'gdpr', 'ai_act'] as const;
export type ComplianceLevel = (typeof complianceLevels)[number];

/** The `compliance` section of the settings. */
export type CompliancePolicy = Settings['compliance'];

/** The levels of a policy, which names one or several, in a fixed order. */
export function levelsOf({ level }: Pick<CompliancePolicy, 'level'>): ComplianceLevel[] {
  return complianceLevels.filter((one) => level === one || level.includes(one));
}

/** Whether a raised cap and the command of an agreement need a second person: always at level sox. */
export function separatesDuties(policy: Pick<CompliancePolicy, 'level' | 'segregation_of_duties'>): boolean {
  return policy.segregation_of_duties || levelsOf(policy).includes('sox');
}

/** What happens to a request that wasn't searched by the deadline: null in the settings blocks it at level sox. */
export function uncheckedDecision(policy: Pick<CompliancePolicy, 'level' | 'unchecked'>): 'allow' | 'block' {
  return policy.unchecked ?? (levelsOf(policy).includes('sox') ? 'block' : 'allow');
}
