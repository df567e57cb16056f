import { formatUsd } from '../pricing/cost.ts';
import type { Terms } from './request.ts';

/** What a request asks for, in a phrase: "rule email, model m". */
export function termsInWords(terms: Terms): string {
  switch (terms.kind) {
    case 'exception':
      return terms.allows.map((permit) => permit.replace(':', ' ')).join(', ');
    case 'budget_raise': {
      const cap = terms.scope === 'ledger' ? 'the daily cap' : `the cap of ${terms.scope} ${terms.key}`;
      return `${cap} of ${terms.day} at ${formatUsd(BigInt(terms.limit_micro_usd))}`;
    }
    case 'agreement':
      return `the command of agreement ${terms.agreement} (SHA-256 ${terms.definition_sha256.slice(0, 12)}…)`;
  }
}
