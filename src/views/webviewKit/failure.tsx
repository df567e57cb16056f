import { t } from './l10n.ts';
import type { Failure } from './protocol.ts';

interface FailureProperties {
  title: string;
  failure: Failure;
  onOpenHealth: () => void;
}

/** Shown when a view has nothing to show: the reason, and where to fix it. */
export function FailureView({ title, failure: { message, hint }, onOpenHealth }: FailureProperties) {
  return (
    <div class="instead" role="alert">
      <h1>{title}</h1>
      <p>{message}</p>
      {hint !== '' && <p class="quiet">{hint}</p>}
      <button type="button" class="button secondary" onClick={onOpenHealth}>
        {t('Open Health')}
      </button>
    </div>
  );
}
