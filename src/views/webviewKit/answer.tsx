import DOMPurify from 'dompurify';
import { Component, type TargetedMouseEvent } from 'preact';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { GrowingMarkdown, type Block } from './growingMarkdown.ts';
import { markCitations } from './citationMarks.ts';
import { t } from './l10n.ts';
import { blockHtml, codeBlock, isColoured } from './markdown.ts';

const copiedMs = 1500;
/** Pieces of lines that are laid out together. */
const linesInGroup = 100;

const allowed = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'hr', 'strong', 'em', 'del', 'a', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li'],
    ...['h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'div', 'span', 'button'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'class', 'start', 'align', 'type', 'tabindex', 'dir', 'data-code-action'],
  // Their values are not addresses.
  ADD_URI_SAFE_ATTR: ['start', 'align', 'type', 'tabindex', 'dir'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
};

interface AnswerProperties {
  text: string;
  /** Whether nothing follows. */
  ended: boolean;
  onCopy: (code: string) => void;
  onInsert: (code: string) => void;
  onApply: (code: string) => void;
  /** The places of the sources that it cites, by their numbers; a click on a number opens one. */
  sources?: ReadonlyMap<number, string> | undefined;
  onOpenSource?: (source: number) => void;
}

/** An answer; plain text if rendering fails, so that it doesn't break the other answers. */
export class Answer extends Component<AnswerProperties, { failed: boolean }> {
  override state = { failed: false };

  static override getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render() {
    if (this.state.failed) return <PlainAnswer text={this.props.text} />;
    return <Markdown {...this.props} />;
  }
}

/** An answer as it was written. */
export function PlainAnswer({ text }: { text: string }) {
  return (
    <pre class="answer plain" dir="auto">
      {text}
    </pre>
  );
}

/** Streamed Markdown: the elements of finished blocks stay. */
function Markdown({ text, ended, onCopy, onInsert, onApply, sources, onOpenSource }: AnswerProperties) {
  const onClick = (event: TargetedMouseEvent<HTMLElement>) => {
    const cited = (event.target as Element).closest<HTMLElement>('[data-citation]');
    if (cited) onOpenSource?.(Number(cited.dataset['citation']));
    const button = (event.target as Element).closest<HTMLElement>('[data-code-action]');
    const code = button?.closest('.code')?.querySelector('code')?.textContent;
    if (!button || code === undefined) return;
    const action = button.dataset['codeAction'];
    if (action === 'insert') onInsert(code);
    else if (action === 'apply') onApply(code);
    else {
      onCopy(code);
      button.classList.add('copied');
      setTimeout(() => button.classList.remove('copied'), copiedMs);
    }
  };
  const markdown = useMemo(() => new GrowingMarkdown(), []);
  const blocks = useMemo(() => markdown.update(text, ended), [text, ended]);
  return (
    <div class="answer" dir="auto" onClick={onClick}>
      {blocks.map((block, index) =>
        block.kind === 'code' ? (
          <CodeBlock key={index} {...block} />
        ) : (
          <TextBlock key={index} {...block} sources={sources} />
        ),
      )}
    </div>
  );
}

function TextBlock({
  token,
  sources,
}: Extract<Block, { kind: 'markdown' }> & Pick<AnswerProperties, 'sources'>) {
  const block = useRef<HTMLDivElement>(null);
  const __html = useMemo(() => DOMPurify.sanitize(blockHtml(token), allowed), [token.raw]);
  useLayoutEffect(() => {
    if (sources && block.current)
      markCitations(block.current, sources, (place) => t('Source {0}: open {1}', ...place));
  }, [__html, sources]);
  return <div ref={block} class="block" dangerouslySetInnerHTML={{ __html }} />;
}

/** A block of code. It is coloured when it is complete; until then its new lines are added to those that stand there. */
function CodeBlock({ language, text, open }: Extract<Block, { kind: 'code' }>) {
  const block = useRef<HTMLDivElement>(null);
  const coloured = !open && isColoured(text, language);
  const html = coloured ? text : '';
  const __html = useMemo(() => DOMPurify.sanitize(codeBlock(html, language), allowed), [html, language]);
  const shown = useRef('');
  useLayoutEffect(() => {
    const code = block.current?.querySelector('code');
    if (coloured || !code) return;
    if (!text.startsWith(shown.current)) code.textContent = shown.current = '';
    addLines(code, text.slice(shown.current.length));
    shown.current = text;
  }, [coloured, text]);
  return <div ref={block} class="block" dangerouslySetInnerHTML={{ __html }} />;
}

/** Adds code in groups of lines, so that the browser lays out only the last group again. */
function addLines(code: Element, text: string): void {
  for (const line of text.split(/(?<=\n)/)) {
    const last = code.lastElementChild;
    const isFull = !last || (last.childNodes.length >= linesInGroup && last.textContent.endsWith('\n'));
    const group = isFull ? code.appendChild(document.createElement('div')) : last;
    group.append(line);
  }
}
