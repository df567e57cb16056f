import type { TargetedKeyboardEvent } from 'preact';
import { t } from '../../webviewKit/l10n.ts';
import type { AuditTab } from './queryState.ts';

const tabs: readonly { id: AuditTab; label: () => string }[] = [
  { id: 'calls', label: () => t('Calls') },
  { id: 'compliance', label: () => t('Compliance') },
  { id: 'query', label: () => t('Query') },
];

/** The tabs of the audit history; the arrow keys, Home and End move between them. */
export function Tabs({ tab, onChoose }: { tab: AuditTab; onChoose: (tab: AuditTab) => void }) {
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>): void => {
    const at = tabs.findIndex(({ id }) => id === tab);
    const places: Readonly<Record<string, number>> = {
      ArrowLeft: at - 1,
      ArrowRight: (at + 1) % tabs.length,
      Home: 0,
      End: -1,
    };
    const place = places[event.key];
    const other = place === undefined ? undefined : tabs.at(place);
    if (!other) return;
    event.preventDefault();
    onChoose(other.id);
    document.getElementById(`tab-${other.id}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={t('Views of the history')} onKeyDown={onKeyDown}>
      {tabs.map(({ id, label }) => (
        <button
          key={id}
          type="button"
          id={`tab-${id}`}
          role="tab"
          aria-selected={id === tab}
          aria-controls={id === tab ? `panel-${id}` : undefined}
          tabIndex={id === tab ? 0 : -1}
          onClick={() => onChoose(id)}
        >
          {label()}
        </button>
      ))}
    </div>
  );
}
