import { Icon } from './icon.tsx';
import { t } from './l10n.ts';

/** Says that answers, times and costs are simulated. */
export function SimulatedBadge({ why }: { why?: string }) {
  return (
    <span class="badge simulated-badge" title={why}>
      <Icon name="beaker" /> {t('SIMULATED')}
    </span>
  );
}
