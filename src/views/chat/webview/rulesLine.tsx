import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { ShownRules, ViewMessage } from '../protocol.ts';

/** The rules files that the question follows; each opens, and this conversation can do without them. */
export function RulesLine({ rules, post }: { rules: ShownRules; post: (message: ViewMessage) => void }) {
  const { followed, ignored, follows } = rules;
  if (followed.length === 0 && ignored.length === 0) return null;
  const toggle = follows ? t('Don’t Follow Rules Files Here') : t('Follow Rules Files');
  return (
    <div class="rules">
      <Icon name="law" />
      <p class="rules-files">
        {followed.length > 0 && (
          <span>
            {follows ? t('Follows') : t('Doesn’t follow')}{' '}
            {followed.map((path, index) => (
              <span key={path}>
                {index > 0 && ', '}
                <button type="button" class="link" onClick={() => post({ type: 'openRules', path })}>
                  {path}
                </button>
              </span>
            ))}
          </span>
        )}
        {ignored.map(({ path, why }) => (
          <span key={path} class="rules-ignored">
            {t('Ignores {0}: {1}', path, why)}
          </span>
        ))}
      </p>
      {followed.length > 0 && (
        <button
          type="button"
          class="icon-button"
          title={toggle}
          aria-label={toggle}
          onClick={() => post({ type: 'followRules', follow: !follows })}
        >
          <Icon name={follows ? 'close' : 'add'} />
        </button>
      )}
    </div>
  );
}
