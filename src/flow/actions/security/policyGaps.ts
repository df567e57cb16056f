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
  const { aws, audit, budget } = settings;
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
