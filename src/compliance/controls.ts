import type { ComplianceLevel, CompliancePolicy } from './policy.ts';
import { levelsOf, separatesDuties, type Decision } from './policy.ts';
import type { FindingClass } from '../detection/finding.ts';
import type { Placement } from './placement.ts';
import type { Screened } from './found.ts';

/** What a control needs to know of a call that is about to be made. */
export interface CallFacts {
  screened: Pick<Screened, 'decision' | 'findings' | 'exceptions' | 'late' | 'unreadable'>;
  placement: Placement;
  /** The recorded reason. */
  reason: string;
  /** Who calls: the account of this machine, and the AWS ARN if AWS was asked. */
  caller: { account?: string; caller_arn?: string };
  /** What the call is for, in the company's words; null if it doesn't say. */
  useClass: string | null;
  /** How long records are kept. */
  retentionDays: number;
  policy: CompliancePolicy;
}

/** `unchecked`: this program can't tell. */
export type ControlResult = 'passed' | 'failed' | 'unchecked';

export interface Control {
  /** `gdpr.5_1_c`: stays the same, because records have it. */
  id: string;
  level: ComplianceLevel;
  /** The article, section or company rule. */
  source: string;
  title: string;
  /** What the result rests on, in a sentence. */
  evidence: string;
  check: (facts: CallFacts) => ControlResult;
}

/** Seven years: 17 CFR 210.2-06 binds auditors, and is the common norm for records of SOX. */
export const soxRetentionDays = 7 * 365;
/** Six months: Regulation (EU) 2024/1689, articles 19 and 26(6). */
export const aiActRetentionDays = 183;

/** Names of standards, algorithms and products that are written as a ticket is: UTF-8, SHA-256, CVE-2024-1234. */
const standards = [
  ...[
    'UTF',
    'UCS',
    'ISO',
    'IEC',
    'DIN',
    'IEEE',
    'ANSI',
    'ASCII',
    'ECMA',
    'CP',
    'LATIN',
    'BASE',
    'BCP',
    'RFC',
  ],
  ...[
    'PEP',
    'HTTP',
    'TLS',
    'SSL',
    'IPV',
    'OAUTH',
    'USB',
    'PCI',
    'PKCS',
    'FIPS',
    'WCAG',
    'CVE',
    'CWE',
    'GHSA',
  ],
  ...['SHA', 'SHA2', 'SHA3', 'MD', 'AES', 'DES', 'RSA', 'HMAC', 'CRC', 'BLAKE', 'COVID', 'GPT'],
];

/** A ticket such as `JIRA-123` or `#123`. */
const ticket = new RegExp(`\\b(?!(?:${standards.join('|')})-)[A-Z][A-Z0-9]+-\\d+\\b|#\\d+\\b`);

/** Every control, level by level. Their sources are secondary; docs/compliance.md says what each does not check. */
export const controls: readonly Control[] = [
  {
    id: 'enterprise.models',
    level: 'enterprise',
    source: 'company policy',
    title: 'Only allowed models',
    evidence: 'A call to another model is refused; the record names the model.',
    check: ({ policy }) =>
      policy.models_allowed.length + policy.models_denied.length > 0 ? 'passed' : 'unchecked',
  },
  {
    id: 'enterprise.regions',
    level: 'enterprise',
    source: 'company policy',
    title: 'Only allowed regions',
    evidence: 'A call to another region or profile is refused; the record names the region.',
    check: ({ policy }) => (policy.regions_allowed.length > 0 ? 'passed' : 'unchecked'),
  },
  {
    id: 'enterprise.secrets',
    level: 'enterprise',
    source: 'company policy',
    title: 'No secrets leave',
    evidence: 'The request was searched, and what was found was redacted.',
    check: ({ screened, policy }) => {
      if (isLetOut(screened, 'secret', policy.secrets)) return 'failed';
      return isUnsearched(screened) ? 'unchecked' : 'passed';
    },
  },
  {
    id: 'sox.identity',
    level: 'sox',
    source: 'SOX §404',
    title: 'The caller is identified',
    evidence: 'The record has the account of the machine, or the ARN that AWS confirmed.',
    check: ({ caller }) => passedIf(Boolean(caller.account ?? caller.caller_arn)),
  },
  {
    id: 'sox.ticket',
    level: 'sox',
    source: 'SOX §404',
    title: 'The reason names a ticket',
    evidence: 'The recorded reason has a ticket such as JIRA-123 or #123.',
    check: ({ reason }) => passedIf(ticket.test(reason)),
  },
  {
    id: 'sox.records',
    level: 'sox',
    source: '18 U.S.C. §1519',
    title: 'Records can’t be changed unnoticed',
    evidence: 'By construction: every call is in the signed hash chain with model, price entry and cost.',
    check: () => 'passed',
  },
  {
    id: 'sox.retention',
    level: 'sox',
    source: '17 CFR 210.2-06',
    title: 'Records are kept for seven years',
    evidence: 'audit.retention_days is at least 2555.',
    check: ({ retentionDays }) => passedIf(retentionDays >= soxRetentionDays),
  },
  {
    id: 'sox.segregation',
    level: 'sox',
    source: 'SOX §404',
    title: 'Two persons decide',
    evidence:
      'A higher cap and an agreement’s command need the signature of one of compliance.approvers who isn’t the requester.',
    check: ({ policy }) => passedIf(separatesDuties(policy) && policy.approvers.length > 0),
  },
  {
    id: 'gdpr.5_1_b',
    level: 'gdpr',
    source: 'GDPR article 5(1)(b)',
    title: 'The purpose is stated',
    evidence: 'By construction: the record has the reason, without which no call is made.',
    check: ({ reason }) => passedIf(reason.trim() !== ''),
  },
  {
    id: 'gdpr.5_1_c',
    level: 'gdpr',
    source: 'GDPR article 5(1)(c)',
    title: 'No more personal data than needed leaves',
    evidence: 'The request was searched, and what was found was redacted.',
    check: ({ screened, policy }) => {
      if (isLetOut(screened, 'personal_data', policy.personal_data)) return 'failed';
      return isUnsearched(screened) ? 'unchecked' : 'passed';
    },
  },
  {
    id: 'gdpr.9',
    level: 'gdpr',
    source: 'GDPR article 9',
    title: 'No special categories of personal data',
    evidence: 'Never checked: health, religion and the like have no form that can be searched for.',
    check: () => 'unchecked',
  },
  {
    id: 'gdpr.17',
    level: 'gdpr',
    source: 'GDPR article 17',
    title: 'Content can be erased',
    evidence: 'By construction: what is kept is sealed with a key of the subject, which an erasure deletes.',
    check: () => 'passed',
  },
  {
    id: 'gdpr.30',
    level: 'gdpr',
    source: 'GDPR article 30',
    title: 'The processing is recorded',
    evidence: 'By construction: a call has its record before it is made.',
    check: () => 'passed',
  },
  {
    id: 'gdpr.44',
    level: 'gdpr',
    source: 'GDPR articles 44–49',
    title: 'Data stays where policy allows',
    evidence: 'The region, or the geography of the inference profile, is in compliance.regions_allowed.',
    check: ({ policy, placement: { region, geography } }) => {
      const { regions_allowed: regions } = policy;
      return regions.length === 0 ? 'unchecked' : passedIf(regions.includes(geography ?? region));
    },
  },
  {
    id: 'ai_act.12',
    level: 'ai_act',
    source: 'EU AI Act article 12',
    title: 'Calls are logged automatically',
    evidence: 'By construction: a call has its record before it is made.',
    check: () => 'passed',
  },
  {
    id: 'ai_act.19',
    level: 'ai_act',
    source: 'EU AI Act articles 19 and 26(6)',
    title: 'Logs are kept for six months',
    evidence: 'audit.retention_days is at least 183.',
    check: ({ retentionDays }) => passedIf(retentionDays >= aiActRetentionDays),
  },
  {
    id: 'ai_act.26',
    level: 'ai_act',
    source: 'EU AI Act article 26',
    title: 'The use is declared',
    evidence: 'The record has the use class, of those that the company names in compliance.use_classes.',
    check: ({ useClass, policy }) =>
      useClass !== null ? 'passed' : policy.use_classes.length > 0 ? 'failed' : 'unchecked',
  },
  {
    id: 'ai_act.50',
    level: 'ai_act',
    source: 'EU AI Act article 50',
    title: 'People know that they read an AI’s answer',
    evidence: 'Chat and command name the model of each answer; what other programs show is theirs.',
    check: () => 'unchecked',
  },
];

/** The results of a policy's controls for a call, by id. */
export function checkControls(facts: CallFacts): ReadonlyMap<string, ControlResult> {
  const levels = levelsOf(facts.policy);
  const checked = controls.filter(({ level }) => levels.includes(level));
  return new Map(checked.map(({ id, check }) => [id, check(facts)]));
}

function passedIf(holds: boolean): ControlResult {
  return holds ? 'passed' : 'failed';
}

/** Whether a finding of a class left as it is: policy allows it, or an exception does. */
function isLetOut(
  { findings, exceptions }: CallFacts['screened'],
  of: FindingClass,
  action: Decision,
): boolean {
  return findings.some(
    (one) => one.class === of && (action === 'allow' || exceptions.has(`rule:${one.rule}`)),
  );
}

/** Whether something left unsearched. */
function isUnsearched({ late, unreadable }: CallFacts['screened']): boolean {
  return late || unreadable.images + unreadable.documents > 0;
}
