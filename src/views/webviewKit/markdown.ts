import hljs from 'highlight.js/lib/common';
import { Marked, type Token } from 'marked';
import { t } from './l10n.ts';

/** Longer code isn't coloured: that would hold up the view. */
const colouredCharacters = 10_000;

/** Markdown without raw HTML and images; code blocks get buttons to copy, insert and apply. */
const marked = new Marked({
  renderer: {
    html: ({ text }) => escapeHtml(text),
    image: ({ href, text }) => `<a href="${escapeHtml(href)}">${escapeHtml(text || href)}</a>`,
    // The view's own headings rank above those of an answer, which mostly begin with the second level.
    heading({ tokens, depth }) {
      const level = Math.max(3, Math.min(depth + 1, 6));
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
    checkbox: ({ checked }) => `<span class="codicon codicon-${checked ? 'check' : 'circle-large'}"></span> `,
    code: ({ text, lang }) => codeBlock(text, (lang ?? '').split(/\s/, 1)[0] ?? ''),
    // The direction of a message is that of its words.
    codespan: ({ text }) => `<code dir="ltr">${escapeHtml(text)}</code>`,
  },
});

/**
 * The blocks of a text: paragraphs, lists, code and so on, each with its source. A text nested deeper than
 * the parser can handle is one block of plain text.
 */
export function markdownBlocks(text: string): Token[] {
  try {
    return [...marked.lexer(text)];
  } catch {
    return [{ type: 'code', raw: text, text, codeBlockStyle: 'indented' }];
  }
}

/** Not sanitised yet. */
export function blockHtml(block: Token): string {
  try {
    return marked.parser([block]);
  } catch {
    return `<pre tabindex="0">${escapeHtml(block.raw)}</pre>`;
  }
}

/** Whether code is shown in colours. */
export function isColoured(text: string, language: string): boolean {
  return hljs.getLanguage(language) !== undefined && text.length <= colouredCharacters;
}

/** A block of code with its buttons. */
export function codeBlock(text: string, language: string): string {
  const code = isColoured(text, language) ? hljs.highlight(text, { language }).value : escapeHtml(text);
  return `<div class="code" dir="ltr">
    <div class="code-bar"><span class="code-language">${escapeHtml(language)}</span>
      ${codeButton('copy', 'copy', t('Copy Code'))}${codeButton('insert', 'insert', t('Insert at Cursor'))}${codeButton('apply', 'diff', t('Apply to File…'))}</div>
    <pre tabindex="0"><code>${code}</code></pre>
  </div>`;
}

function codeButton(action: 'copy' | 'insert' | 'apply', icon: string, label: string): string {
  return `<button type="button" class="icon-button" data-code-action="${action}" title="${label}" aria-label="${label}"><span class="codicon codicon-${icon}" aria-hidden="true"></span></button>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
