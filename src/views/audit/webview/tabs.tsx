import type { TargetedKeyboardEvent } from 'preact';
import { t } from '../../webviewKit/l10n.ts';
import type { QueryState } from './queryState.ts';

const tabs = ['calls', 'query'] as const;

/** The tabs of the audit history; the arrow keys move between them. */
export function Tabs({
  tab,
  onChoose,
}: {
  tab: QueryState['tab'];
  onChoose: (tab: QueryState['tab']) => void;
}) {
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>): void => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    event.preventDefault();
    const other = tab === 'calls' ? 'query' : 'calls';
    onChoose(other);
    document.getElementById(`tab-${other}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={t('Views of the history')} onKeyDown={onKeyDown}>
      {tabs.map((one) => (
        <button
          key={one}
          type="button"
          id={`tab-${one}`}
          role="tab"
          aria-selected={one === tab}
          aria-controls={one === tab ? `panel-${one}` : undefined}
          tabIndex={one === tab ? 0 : -1}
          onClick={() => onChoose(one)}
        >
          {one === 'calls' ? t('Calls') : t('Query')}
        </button>
      ))}
    </div>
  );
}
