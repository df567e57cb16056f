import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Outcome } from '../protocol.ts';

const icons: Record<Outcome, string> = {
  success: 'pass',
  refused: 'circle-slash',
  failed: 'error',
  cancelled: 'debug-stop',
  incomplete: 'warning',
  orphaned: 'debug-disconnect',
  pending: 'loading',
};

/** Icon and colour of a call's outcome; the name says it too. */
export function outcomeIcon(outcome: Outcome) {
  return (
    <span class={`outcome-icon ${outcome}`}>
      <Icon name={icons[outcome]} spin={outcome === 'pending'} />
    </span>
  );
}

export function outcomeName(outcome: Outcome): string {
  const names: Record<Outcome, string> = {
    success: t('success'),
    refused: t('refused'),
    failed: t('failed'),
    cancelled: t('cancelled'),
    incomplete: t('incomplete'),
    orphaned: t('orphaned'),
    pending: t('running'),
  };
  return names[outcome];
}
