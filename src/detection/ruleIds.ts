import { configuredRules } from './configuredSecrets.ts';
import type { CustomPattern } from './finding.ts';
import table from './gitleaksRules.json' with { type: 'json' };
import { personalDataRules } from './personalData.ts';

/** The ids of all rules that may find something: the built-in ones and the patterns of the settings. */
export function ruleIds(patterns: readonly CustomPattern[]): string[] {
  const builtIn = [
    ...table.rules.map(({ id }) => id),
    ...configuredRules,
    ...personalDataRules.map(({ rule }) => rule),
  ];
  return [...new Set([...builtIn, ...patterns.map(({ id }) => id)])];
}
