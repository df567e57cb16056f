import { Marked } from 'marked';
import { describe, expect, it } from 'vitest';
import { cellText } from '../../../src/flow/cellText.ts';
import { compareReports } from '../../../src/flow/reportComparison.ts';
import { reportMarkdown } from '../../../src/flow/reportMarkdown.ts';
import type { Cell, Unit } from '../../../src/flow/report.ts';
import { finding, plainReport, storedReport } from '../../support/reports.ts';

const html = (markdown: string): string => new Marked({ gfm: true }).parse(markdown, { async: false });

describe('a report as Markdown', () => {
  it('says what ran, what was found and the figures in their units', () => {
    const text = reportMarkdown(storedReport());
    expect(text).toContain('# Performance Test\n');
    expect(text).toContain('| Mode | real |');
    expect(text).toContain('| Started | 2026-07-20 09:30:00 UTC |');
    expect(text).toContain('| Took | 4,210 ms |');
    expect(text).toContain('| Cost | $0.0061 |');
    expect(text).toContain('| Parameters | calls = 20 |');
    expect(text).toContain('### Warning: The first token is slow');
    expect(text).toContain('**What to do:** Choose a model nearby.');
    expect(text).toContain('| Latency, 95th percentile | 1,234 ms |');
    expect(text).not.toContain('SIMULATED');
  });

  it('says plainly that a run was simulated', () => {
    expect(reportMarkdown(storedReport({ execution_mode: 'simulated' }))).toContain('> **SIMULATED**');
  });

  it('tells problems before warnings before notes', () => {
    const findings = (['note', 'problem', 'warning'] as const).map((severity) =>
      finding({ severity, title: severity }),
    );
    const heads = reportMarkdown(storedReport({}, { findings })).match(/^### .*$/gm);
    expect(heads).toEqual(['### Problem: problem', '### Warning: warning', '### Note: note']);
  });

  it('draws a chart as bars to one scale, with the table below', () => {
    const text = reportMarkdown(storedReport());
    const bars = [...text.matchAll(/^(admit|model) {2}(█*) (.*)$/gm)].map(([, label, bar, value]) => [
      label,
      bar?.length,
      value,
    ]);
    expect(bars).toEqual([
      ['admit', 1, '2 ms'],
      ['model', 27, '800 ms'],
      ['admit', 1, '4 ms'],
      ['model', 40, '1,200 ms'],
    ]);
    expect(text).toContain(
      '| Stage | Median | 95th percentile |\n| --- | --: | --: |\n| admit | 2 ms | 4 ms |',
    );
  });

  it('shows the text of others as text, wherever it stands', () => {
    const foreign =
      'a|b\n# c <img src=x onerror=alert(1)> `d` [e](https://f.example) ```\n\n| g | &lt; **h** \u202Ei';
    const text = reportMarkdown(
      storedReport(
        { trigger: foreign, parameters: { [foreign]: foreign } },
        {
          title: foreign,
          summary: foreign,
          findings: [finding({ title: foreign, evidence: foreign, remedy: foreign })],
          figures: [{ id: 'x', label: foreign, value: foreign, unit: 'text', better: null }],
          sections: [
            {
              id: 'x',
              title: foreign,
              text: foreign,
              table: {
                columns: [
                  { label: foreign, unit: 'text' },
                  { label: foreign, unit: 'count' },
                ],
                rows: [[foreign, 3]],
              },
              chart: { type: 'columns', x: 0, series: [1] },
            },
          ],
        },
      ),
    );
    const shown = html(text);
    expect(shown).not.toMatch(/<img|<em>|<strong>h|\u202E/);
    // A bare address may be a link, since it says where it leads.
    expect(shown.replace(/<a href="([^"]*)">\1<\/a>/g, '$1')).not.toContain('<a ');
    expect(shown.match(/<h1>/g)).toHaveLength(1);
    expect(shown.match(/<code/g)).toHaveLength(1);
    // Three tables: the particulars, the figures and the section's.
    const cells = [...shown.matchAll(/<tr>\s*([\s\S]*?)<\/tr>/g)].map(
      ([, row]) => row?.match(/<t[hd]/g)?.length,
    );
    expect(cells).toEqual(Array(cells.length).fill(2));
    expect(shown.match(/<table>/g)).toHaveLength(3);
    expect(shown).toContain('&lt;img src=x onerror=alert(1)&gt;');
  });

  it('says where there is nothing to list', () => {
    const columns = [{ label: 'Place', unit: 'text' as const }];
    const sections = [{ id: 'x', title: 'Secrets', text: '', table: { columns, rows: [] }, chart: null }];
    const text = reportMarkdown(storedReport({ parameters: { model: '' } }, { sections }));
    expect(text).toContain('## Secrets\n\nThe list is empty.\n');
    expect(text).toContain('| Parameters | model = – |');
  });

  it('keeps paragraphs of a section apart, and makes no list of them', () => {
    const [section] = plainReport.sections;
    const sections = section ? [{ ...section, text: '1. first\n- second', table: null, chart: null }] : [];
    const shown = html(reportMarkdown(storedReport({}, { sections })));
    expect(shown).toContain('<p>1. first</p>');
    expect(shown).toContain('<p>- second</p>');
    expect(shown).not.toContain('<li>');
  });

  it('shows what changed since an earlier run', () => {
    const before = storedReport({ started_at: '2026-07-19T09:30:00.000Z' });
    const figures = plainReport.figures.map((figure) =>
      figure.id === 'p95' ? { ...figure, value: 617 } : figure,
    );
    const after = storedReport({}, { figures, findings: [finding({ title: 'Calls fail' })] });
    const text = reportMarkdown(after, compareReports(before, after));
    expect(text).toContain('## Compared with the run of 2026-07-19 09:30:00 UTC');
    expect(text).toContain('Gone:\n\n- The first token is slow');
    expect(text).toContain('### Warning: Calls fail (new)');
    expect(text).toContain('| Latency, 95th percentile | 617 ms | 1,234 ms | -617 ms | × 0.5 | better |');
  });

  it('compares no figure of a simulated run with one of a real one', () => {
    const before = storedReport({ execution_mode: 'simulated' });
    const text = reportMarkdown(storedReport({}), compareReports(before, storedReport({})));
    expect(text).toContain('The earlier run was simulated, this one real.');
    expect(text).not.toMatch(/\| (?:better|worse|same) \|/);
  });
});

describe('a cell', () => {
  it.each<[Cell, Unit, string]>([
    [null, 'ms', '–'],
    ['0.0061', 'usd', '$0.0061'],
    ['-12.3', 'usd', '-$12.30'],
    ['much', 'usd', 'much'],
    [1234567, 'count', '1,234,567'],
    [1234.5, 'ms', '1,235 ms'],
    [12.34, 'percent', '12.3%'],
    [0.004, 'percent', '0.004%'],
    [3.456, 'per_second', '3.46/s'],
    [999, 'bytes', '999 bytes'],
    [1_500_000, 'bytes', '1.5 MB'],
    [7, 'text', '7'],
    ['x', 'count', 'x'],
  ])('%s in %s is read as %s', (cell, unit, text) => {
    expect(cellText(cell, unit)).toBe(text);
  });
});
