import { t } from './l10n.ts';
import type { Failure } from './protocol.ts';

interface FailureProperties {
  title: string;
  failure: Failure;
  onOpenHealth: () => void;
}

/** In place of a view that can't show anything: why, and where it can be mended. */
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
