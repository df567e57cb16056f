import type { BudgetStatus } from '../../ledger/budgetStatus.ts';
import { formatUsd, microToUsd } from '../../pricing/cost.ts';
import { builtIns } from '../builtIns.ts';
import type { Implementation } from '../implementation.ts';

/** Today's spent, reserved and remaining amounts under every cap. */
export function budgetSummary({ budget }: { budget: () => Promise<BudgetStatus> }): Implementation {
  return {
    id: 'budget_summary',
    ...builtIns.budget_summary,
    worstCase: () => 0n,
    run: async () => {
      const { day, limit, spent, reserved, remaining, caps } = await budget();
      return {
        title: 'Budget summary',
        summary: `${formatUsd(spent)} of ${formatUsd(limit)} spent on ${day}, ${formatUsd(remaining)} left.`,
        findings: [],
        figures: [
          { id: 'spent', label: 'Spent today', value: microToUsd(spent), unit: 'usd', better: null },
          { id: 'reserved', label: 'Reserved now', value: microToUsd(reserved), unit: 'usd', better: null },
          { id: 'remaining', label: 'Left today', value: microToUsd(remaining), unit: 'usd', better: null },
        ],
        sections: [
          {
            id: 'caps',
            title: 'Caps',
            text: 'The ledger’s own cap comes first.',
            table: {
              columns: [
                { label: 'Cap of', unit: 'text' },
                { label: 'Limit', unit: 'usd' },
                { label: 'Spent', unit: 'usd' },
                { label: 'Reserved', unit: 'usd' },
              ],
              rows: caps.map((cap) => [
                cap.scope === 'ledger' ? 'the ledger' : `${cap.scope} ${cap.name}`,
                ...[cap.limit, cap.spent, cap.reserved].map(microToUsd),
              ]),
            },
            chart: null,
          },
        ],
      };
    },
  };
}
