import { usdToMicro } from '../pricing/cost.ts';
import type { Settings } from '../settings/schema.ts';
import { userCapKey } from '../userName.ts';
import { workspaceKey } from '../workspaceKey.ts';
import { isCallerKey, type Cap } from './budgetFold.ts';
import type { ScopeKey } from './records.ts';

/** A daily cap that the settings give, and where they give it. */
export interface CapSetting extends Cap {
  origin: string;
}

/** The daily cap that the settings put on a scope; undefined where they put none. */
export type CapOf = (scope: ScopeKey) => CapSetting | undefined;

interface CapSources {
  budget: Settings['budget'];
  /** What caps of a model are kept under, by whatever name; it may change when AWS says what a profile stands for. */
  modelKeyOf: (name: string) => string;
  /** Where a setting comes from, for the record of a changed cap. */
  originOf: (path: readonly string[]) => string;
}

/** The name that stands for every user, model or workspace without an entry of its own. */
const everyOther = 'default';

/** Reads the caps of the settings; those of models anew for each call, as AWS may have said what a profile is. */
export function capsFrom({ budget, modelKeyOf, originOf }: CapSources): CapOf {
  const sections = {
    user: limitsOf('per_user_usd', userCapKey),
    workspace: limitsOf('per_workspace_usd', workspaceKey),
  };
  const ledger = {
    limit: usdToMicro(budget.daily_limit_usd),
    origin: originOf(['budget', 'daily_limit_usd']),
  };

  function limitsOf(
    section: 'per_user_usd' | 'per_model_usd' | 'per_workspace_usd',
    keyOf: (name: string) => string,
  ): Map<string, { limit: bigint; origin: string }> {
    const limits = new Map<string, { limit: bigint; origin: string }>();
    for (const [name, usd] of Object.entries(budget[section])) {
      if (usd === null) continue;
      const key = name === everyOther ? everyOther : keyOf(name);
      const limit = usdToMicro(usd);
      const before = limits.get(key);
      // Two names may stand for one model or user: the lower cap holds.
      if (before && before.limit <= limit) continue;
      limits.set(key, { limit, origin: originOf(['budget', section, name]) });
    }
    return limits;
  }

  return ({ scope, key }) => {
    if (scope === 'ledger') return { scope, key, ...ledger };
    const limits = scope === 'model' ? limitsOf('per_model_usd', modelKeyOf) : sections[scope];
    // An account is no user without an entry: its users have theirs.
    const found = limits.get(key) ?? (isCallerKey({ scope, key }) ? undefined : limits.get(everyOther));
    return found && { scope, key, ...found };
  };
}
