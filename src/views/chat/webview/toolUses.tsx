import type { ToolUse } from '../../../chat/turn.ts';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { ViewMessage } from '../protocol.ts';
import './toolUses.css';

const icons: Readonly<Record<ToolUse['state'], string>> = {
  asked: 'question',
  refused: 'circle-slash',
  stopped: 'circle-slash',
  running: 'loading',
  done: 'check',
  failed: 'warning',
};

/** The tools that the model used or was refused. */
export function ToolUses({ uses }: { uses: readonly ToolUse[] }) {
  const decided = uses.filter(({ state }) => state !== 'asked');
  if (decided.length === 0) return null;
  return (
    <ul class="tool-uses" aria-label={t('Tools')}>
      {decided.map((use, index) => (
        <li key={index} class="tool-use">
          <Icon name={icons[use.state]} spin={use.state === 'running'} />
          <span>
            <span class="does">{use.does}</span> · <span class="tool-state">{stateText(use)}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

/** The tool that waits for a person. */
export function AskedTool({ use, post }: { use: ToolUse; post: (message: ViewMessage) => void }) {
  return (
    <div class="card tool-card">
      <p class="card-message">
        <Icon name="question" /> <span>{t('The model asks: {0}', use.does)}</span>
      </p>
      <Decision post={post} />
    </div>
  );
}

function Decision({ post }: { post: (message: ViewMessage) => void }) {
  const decide = (approval: 'once' | 'conversation' | null) => () => post({ type: 'decideTool', approval });
  return (
    <p class="card-actions" role="group" aria-label={t('The model asks to do this')}>
      <button type="button" class="button" onClick={decide('once')}>
        {t('Allow Once')}
      </button>
      <button type="button" class="button secondary" onClick={decide('conversation')}>
        {t('Allow All in This Conversation')}
      </button>
      <button type="button" class="button secondary" onClick={decide(null)}>
        {t('Refuse')}
      </button>
    </p>
  );
}

function stateText({ state, characters }: ToolUse): string {
  switch (state) {
    case 'asked':
    case 'refused':
      return t('not allowed');
    case 'stopped':
      return t('stopped');
    case 'running':
      return t('running …');
    case 'failed':
      return t('no result');
    case 'done':
      return t('{0} characters read', (characters ?? 0).toLocaleString());
  }
}
