import { separatesDuties, uncheckedDecision } from '../../../compliance/policy.ts';
import { allowedUseClasses } from '../../../compliance/useClass.ts';
import { usdToMicro } from '../../../pricing/cost.ts';
import type { LoadedSettings } from '../../../settings/loadSettings.ts';
import { settingsSchema, type Settings } from '../../../settings/schema.ts';
import type { Finding } from '../../report.ts';
import { textSection, type Checked } from './check.ts';

interface Gap {
  id: string;
  key: string;
  severity: Finding['severity'];
  title: string;
  meaning: string;
  remedy: string;
}

/** Settings that allow more than a strict policy would. Unchanged defaults are notes. */
export function checkPolicy({ settings, originOf }: LoadedSettings, anchored: boolean): Checked {
  const gaps = gapsOf(settings, settingsSchema.parse({}), anchored);
  const originText = (key: string): string => originOf(key.split('.')).text;
  return {
    findings: gaps.map(({ id, key, severity, title, meaning, remedy }) => ({
      severity,
      id,
      title,
      remedy,
      evidence: `${meaning} It comes from ${originText(key)}.`,
    })),
    section: textSection(
      'policy',
      'Policy',
      'Settings that allow more than necessary. Gaps of the defaults are notes, loosened policies are warnings.',
      ['Setting', 'Gap', 'Comes from'],
      gaps.map(({ key, title }) => [key, title, originText(key)]),
    ),
  };
}

function gapsOf(settings: Settings, defaults: Settings, anchored: boolean): Gap[] {
  const { aws, audit, budget, compliance } = settings;
  const gaps: (Gap | false)[] = [
    budget.unknown_price !== 'refuse' && {
      id: 'unpriced_models',
      key: 'budget.unknown_price',
      severity: 'warning',
      title: 'Models without a price may be called',
      meaning: `They are priced as ${budget.unknown_price}, which may be less than they cost.`,
      remedy: 'Set budget.unknown_price to "refuse", and give prices under prices.',
    },
    aws.bedrock.bearer_token && {
      id: 'bearer_token',
      key: 'aws.bedrock.bearer_token',
      severity: 'warning',
      title: 'A bearer key may replace credentials',
      meaning: 'Anyone with the key can call models without the gateway, anonymously.',
      remedy: 'Set aws.bedrock.bearer_token to false, and use a profile or a role.',
    },
    audit.content === 'none' && {
      id: 'content_not_hashed',
      key: 'audit.content',
      severity: 'warning',
      title: 'Prompts and answers can’t be proven',
      meaning: 'With "none" the journal has not even a keyed hash of prompts and answers.',
      remedy: 'Set audit.content to "hash".',
    },
    audit.min_reason_length < defaults.audit.min_reason_length && {
      id: 'short_reasons',
      key: 'audit.min_reason_length',
      severity: 'warning',
      title: 'Reasons may be shorter than the default',
      meaning: `${audit.min_reason_length} characters are enough.`,
      remedy: `Set audit.min_reason_length to ${defaults.audit.min_reason_length} or more.`,
    },
    usdToMicro(budget.daily_limit_usd) > usdToMicro(defaults.budget.daily_limit_usd) && {
      id: 'high_cap',
      key: 'budget.daily_limit_usd',
      severity: 'warning',
      title: 'The daily cap is above the default',
      meaning: `$${budget.daily_limit_usd} a day; the default is $${defaults.budget.daily_limit_usd}.`,
      remedy: 'Lower it if nobody needs that much.',
    },
    budget.per_user_usd['default'] === undefined && {
      id: 'no_user_cap',
      key: 'budget.per_user_usd',
      severity: 'note',
      title: 'One user may spend the whole daily budget',
      meaning: 'There is no default cap for users.',
      remedy: 'Set budget.per_user_usd.default.',
    },
    ...complianceGaps(compliance),
    !anchored && {
      id: 'no_anchor',
      key: 'audit.anchor',
      severity: 'note',
      title: 'The audit journal has no anchor',
      meaning: 'Anyone who can write the ledger and its key could rewrite all of it undetected.',
      remedy: 'Set audit.anchor.file or audit.anchor.git to a place that others control.',
    },
  ];
  return gaps.filter((gap) => gap !== false);
}

function complianceGaps(policy: Settings['compliance']): (Gap | false)[] {
  const letOut = (key: 'secrets' | 'personal_data', what: string): Gap | false =>
    policy[key] === 'allow' && {
      id: `${key}_let_out`,
      key: `compliance.${key}`,
      severity: 'warning',
      title: `Policy lets ${what} out`,
      meaning: 'What is found is only counted in the records.',
      remedy: `Set compliance.${key} to "redact" or "block".`,
    };
  return [
    letOut('secrets', 'secrets'),
    letOut('personal_data', 'personal data'),
    uncheckedDecision(policy) === 'allow' && {
      id: 'unsearched_let_out',
      key: 'compliance.unchecked',
      severity: policy.unchecked === 'allow' ? 'warning' : 'note',
      title: 'A request that can’t be searched in time is sent',
      meaning: `The search has ${policy.deadline_ms} ms.`,
      remedy: 'Set compliance.unchecked to "block".',
    },
    separatesDuties(policy) &&
      policy.approvers.length === 0 && {
        id: 'no_approver',
        key: 'compliance.approvers',
        severity: 'warning',
        title: 'Duties are separated, and nobody may approve',
        meaning: 'No cap can be raised, and no command of an agreement can run.',
        remedy: 'Name approvers in compliance.approvers, with the key of each.',
      },
    policy.use_class_required &&
      allowedUseClasses(policy).length === 0 && {
        id: 'no_use_class',
        key: 'compliance.use_classes',
        severity: 'warning',
        title: 'A use class is required, and none is allowed',
        meaning: 'Every call is refused.',
        remedy: 'Name what calls are for in compliance.use_classes.',
      },
  ];
}
