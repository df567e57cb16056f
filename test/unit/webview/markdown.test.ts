import { beforeAll, describe, expect, it, vi } from 'vitest';

let html: (text: string) => string;

beforeAll(async () => {
  vi.stubGlobal('document', { body: { dataset: {} } });
  const { blockHtml, markdownBlocks } = await import('../../../src/views/webviewKit/markdown.ts');
  html = (text) => markdownBlocks(text).map(blockHtml).join('');
});

describe('Markdown of an answer', () => {
  it('shows HTML as text', () => {
    expect(html('a <img src=x onerror=alert(1)> b')).not.toContain('<img');
    expect(html('<script>alert(1)</script>')).toContain('&lt;script&gt;');
  });

  it('loads no image', () => {
    expect(html('![a "chart"](https://example.com/x.png)')).toContain('<a href="https://example.com/x.png">');
  });

  it('colours code of known languages, and gives it buttons', () => {
    const code = html('```typescript\nconst a = "<b>";\n```');
    expect(code).toContain('<span class="hljs-keyword">const</span>');
    expect(code).toContain('&lt;b&gt;');
    expect(code).toContain('data-code-action="copy"');
    expect(code).toContain('data-code-action="insert"');
  });

  it('shows code of unknown languages as it is', () => {
    expect(html('```x"><b>\n<i>\n```')).toContain('<code>&lt;i&gt;</code>');
    expect(html('```x"><b>\n<i>\n```')).not.toContain('<b>');
  });

  it('shows code while its end has not arrived', () => {
    expect(html('```js\nlet a')).toContain('class="code"');
  });

  it.each([
    ['quotes', '> '.repeat(3000)],
    ['quotes with text', `${'> '.repeat(20_000)}deep`],
    ['lists', `${'- '.repeat(5000)}deep`],
    ['emphasis', '*'.repeat(20_000)],
    ['brackets', `${'['.repeat(20_000)}deep`],
  ])('that is nested too deeply is shown all the same: %s', (_name, text) => {
    expect(html(text).length).toBeGreaterThan(0);
    expect(html(`before\n\n${text}`)).toContain('before');
  });

  it('puts headings under those of the view', () => {
    expect(html('# One\n\n## Two')).toContain('<h3>One</h3>');
    expect(html('## Two\n\n### Three')).toBe('<h3>Two</h3><h4>Three</h4>');
    expect(html('###### Six')).toContain('<h6>Six</h6>');
  });
});
