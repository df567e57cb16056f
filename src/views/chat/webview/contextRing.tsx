import { t } from '../../webviewKit/l10n.ts';
import type { ViewMessage, WindowUse } from '../protocol.ts';

/** How much of the model's context the question takes; a click previews what will be sent. */
export function ContextRing({ use, post }: { use: WindowUse | null; post: (message: ViewMessage) => void }) {
  if (!use) return null;
  const { tokens, window, isKnown } = use;
  const percent = Math.ceil((100 * tokens) / window);
  const [some, all] = [tokens.toLocaleString(), window.toLocaleString()];
  const size = isKnown
    ? t('Context: {0} % (about {1} of {2} tokens)', percent, some, all)
    : t('Context: {0} % (about {1} of {2} tokens, which are assumed)', percent, some, all);
  const label = `${size}. ${t('Preview what will be sent')}`;
  return (
    <button
      type="button"
      class={percent > 100 ? 'context-ring over' : 'context-ring'}
      title={label}
      aria-label={label}
      onClick={() => post({ type: 'run', command: 'tidyllm.previewQuestion' })}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden>
        <circle cx="8" cy="8" r="6" />
        <circle cx="8" cy="8" r="6" pathLength="100" stroke-dasharray={`${Math.min(percent, 100)} 100`} />
      </svg>
      <span class="context-percent">{t('{0} %', percent)}</span>
    </button>
  );
}
