import type { Failure } from '../../chat/turn.ts';
import { Icon } from './icon.tsx';

/** An error: what happened, what to do, and the buttons that do it. */
export function FailureCard({ failure, onFix }: { failure: Failure; onFix: (index: number) => void }) {
  return (
    <div class="card failure">
      <p class="card-message">
        <Icon name="error" /> <span>{failure.message}</span>
      </p>
      {failure.said && <p class="card-detail">{failure.said}</p>}
      {failure.hint && <p class="card-hint">{failure.hint}</p>}
      {failure.fixes.length > 0 && (
        <p class="card-actions">
          {failure.fixes.map(({ label }, index) => (
            <button
              key={label}
              type="button"
              class={index === 0 ? 'button' : 'button secondary'}
              onClick={() => onFix(index)}
            >
              {label}
            </button>
          ))}
        </p>
      )}
    </div>
  );
}
