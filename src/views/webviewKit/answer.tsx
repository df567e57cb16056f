import DOMPurify from 'dompurify';
import type { Token } from 'marked';
import { Component, type TargetedMouseEvent } from 'preact';
import { useMemo } from 'preact/hooks';
import { blockHtml, markdownBlocks } from './markdown.ts';

const copiedMs = 1500;

const allowed = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'hr', 'strong', 'em', 'del', 'a', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li'],
    ...['h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'div', 'span', 'button'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'class', 'start', 'align', 'type', 'tabindex', 'data-code-action'],
  // Their values are not addresses.
  ADD_URI_SAFE_ATTR: ['start', 'align', 'type', 'tabindex'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
};

interface AnswerProperties {
  text: string;
  onCopy: (code: string) => void;
  onInsert: (code: string) => void;
}

/** An answer; plain text if rendering fails, so that it doesn't break the other answers. */
export class Answer extends Component<AnswerProperties, { failed: boolean }> {
  override state = { failed: false };

  static override getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render() {
    if (this.state.failed) return <pre class="answer plain">{this.props.text}</pre>;
    return <Markdown {...this.props} />;
  }
}

/** Streamed Markdown: only the block that changed is rendered again. */
function Markdown({ text, onCopy, onInsert }: AnswerProperties) {
  const onClick = (event: TargetedMouseEvent<HTMLElement>) => {
    const button = (event.target as Element).closest<HTMLElement>('[data-code-action]');
    const code = button?.closest('.code')?.querySelector('code')?.textContent;
    if (!button || code === undefined) return;
    if (button.dataset['codeAction'] === 'insert') {
      onInsert(code);
      return;
    }
    onCopy(code);
    button.classList.add('copied');
    setTimeout(() => button.classList.remove('copied'), copiedMs);
  };
  const blocks = useMemo(() => markdownBlocks(text), [text]);
  return (
    <div class="answer" onClick={onClick}>
      {blocks.map((block, index) => (
        <Block key={index} block={block} />
      ))}
    </div>
  );
}

function Block({ block }: { block: Token }) {
  const __html = useMemo(() => DOMPurify.sanitize(blockHtml(block), allowed), [block.raw]);
  return <div class="block" dangerouslySetInnerHTML={{ __html }} />;
}
