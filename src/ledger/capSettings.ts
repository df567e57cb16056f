import { usdToMicro } from '../pricing/cost.ts';
import type { Settings } from '../settings/schema.ts';
import { userCapKey } from '../userName.ts';
import { workspaceKey } from '../workspaceKey.ts';
import { isCallerKey, type Cap } from './budgetFold.ts';
import type { ScopeKey } from './records.ts';

/** A daily cap from the settings, and where it is set. */
export interface CapSetting extends Cap {
  origin: string;
}

/** The daily cap that the settings put on a scope; undefined where they put none. */
export type CapOf = (scope: ScopeKey) => CapSetting | undefined;

interface CapSources {
  budget: Settings['budget'];
  /** The key of a model's caps, for any of its names; it may change when AWS resolves a profile. */
  modelKeyOf: (name: string) => string;
  /** Where a setting comes from, for the record of a changed cap. */
  originOf: (path: readonly string[]) => string;
}

/** The name of the entry for every user, model or workspace without its own. */
const everyOther = 'default';

/** Reads the caps of the settings; a model's again for each call, because AWS may have resolved a profile. */
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
      // Two names may mean one model or user: the lower cap applies.
      if (before && before.limit <= limit) continue;
      limits.set(key, { limit, origin: originOf(['budget', section, name]) });
    }
    return limits;
  }

  return ({ scope, key }) => {
    if (scope === 'ledger') return { scope, key, ...ledger };
    const limits = scope === 'model' ? limitsOf('per_model_usd', modelKeyOf) : sections[scope];
    // The default for users doesn't apply to an account: it applies to the account's users.
    const found = limits.get(key) ?? (isCallerKey({ scope, key }) ? undefined : limits.get(everyOther));
    return found && { scope, key, ...found };
  };
}
