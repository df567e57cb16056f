import { describe, expect, it, vi } from 'vitest';
import { compareReports } from '../../../src/flow/reportComparison.ts';
import type { Chart, Table } from '../../../src/flow/report.ts';
import { presentReport } from '../../../src/views/flowReport/presentation.ts';
import { ticksOf } from '../../../src/views/webviewKit/chartShape.ts';
import { reportSchema } from '../../../src/views/flowReport/protocol.ts';
import { finding, plainReport, storedReport } from '../../support/reports.ts';

vi.mock('vscode', async () => (await import('../../support/vscode.ts')).fakeVscode);

function chartOf(table: Table, chart: Chart) {
  const sections = [{ id: 'x', title: 'X', text: '', table, chart }];
  return presentReport(storedReport({}, { sections }), null, false).sections[0]?.chart ?? null;
}

describe('the report as its view shows it', () => {
  it('has every text ready, and is what the view understands', () => {
    const shown = presentReport(storedReport(), null, false);
    expect(reportSchema.parse(shown)).toEqual(shown);
    expect(shown).toMatchObject({ title: 'Performance Test', simulated: false, comparison: null });
    expect(shown.particulars.slice(1)).toEqual([
      { name: 'Took', value: '4,210 ms' },
      { name: 'Cost', value: '$0.0061' },
      { name: 'calls', value: '20' },
    ]);
    expect(shown.figures.map(({ label, value, isNumber }) => [label, value, isNumber])).toEqual([
      ['Latency, 95th percentile', '1,234 ms', true],
      ['Cost', '$0.0061', true],
      ['Model', 'claude-3-sonnet', false],
    ]);
    expect(shown.sections[0]?.table).toEqual({
      columns: [
        { label: 'Stage', isNumber: false },
        { label: 'Median', isNumber: true },
        { label: '95th percentile', isNumber: true },
      ],
      rows: [
        ['admit', '2 ms', '4 ms'],
        ['model', '800 ms', '1,200 ms'],
      ],
    });
  });

  it('says that a run was simulated', () => {
    expect(presentReport(storedReport({ execution_mode: 'simulated' }), null, false).simulated).toBe(true);
  });

  it('has problems first, and counts what was found', () => {
    const findings = (['note', 'warning', 'problem', 'warning'] as const).map((severity, index) =>
      finding({ severity, title: String(index) }),
    );
    const shown = presentReport(storedReport({}, { findings }), null, false);
    expect(shown.findings.map(({ title }) => title)).toEqual(['2', '1', '3', '0']);
    expect(shown.findingsText).toBe('1 problem · 2 warnings · 1 note');
  });

  it('has a chart with numbers for drawing and texts for reading', () => {
    const chart = presentReport(storedReport(), null, false).sections[0]?.chart;
    expect(chart).toMatchObject({ type: 'columns', labels: ['admit', 'model'] });
    expect(chart?.series).toEqual([
      {
        name: 'Median',
        points: [
          { value: 2, text: '2 ms' },
          { value: 800, text: '800 ms' },
        ],
      },
      {
        name: '95th percentile',
        points: [
          { value: 4, text: '4 ms' },
          { value: 1200, text: '1,200 ms' },
        ],
      },
    ]);
    expect(chart?.ticks.map(({ text }) => text)).toEqual(['0 ms', '500 ms', '1,000 ms', '1,500 ms']);
  });

  it('draws money, gaps and no chart of nothing', () => {
    const columns = [
      { label: 'Day', unit: 'text' as const },
      { label: 'Spent', unit: 'usd' as const },
    ];
    const chart: Chart = { type: 'lines', x: 0, series: [1] };
    const drawn = chartOf(
      {
        columns,
        rows: [
          ['Mon', '0.0004'],
          ['Tue', null],
          ['Wed', '0.0002'],
        ],
      },
      chart,
    );
    expect(drawn?.series[0]?.points).toEqual([
      { value: 0.0004, text: '$0.0004' },
      { value: null, text: '–' },
      { value: 0.0002, text: '$0.0002' },
    ]);
    expect(drawn?.ticks.at(-1)?.text).toBe('$0.0004');
    expect(chartOf({ columns, rows: [['Mon', null]] }, chart)).toBeNull();
    expect(chartOf({ columns, rows: [] }, chart)).toBeNull();
  });

  it('shows beside each figure what it was, and what findings came and went', () => {
    const figures = plainReport.figures.map((figure) =>
      figure.id === 'p95' ? { ...figure, value: 1300 } : figure,
    );
    const gone = finding({ title: 'Calls fail', severity: 'problem' });
    const before = storedReport({ parameters: { calls: 10 } }, { figures, findings: [gone] });
    const after = storedReport();
    const shown = presentReport(after, compareReports(before, after), false);
    expect(reportSchema.parse(shown)).toEqual(shown);
    expect(shown.figures.map(({ compared }) => [compared?.text, compared?.before])).toEqual([
      ['-66 ms, better', '1,300 ms'],
      ['unchanged', '$0.0061'],
      ['unchanged', 'claude-3-sonnet'],
    ]);
    expect(shown.findings[0]?.isNew).toBe(true);
    expect(shown.comparison).toMatchObject({
      gone: [{ severity: 'problem', title: 'Calls fail' }],
      findings: 'Findings: 1 new, 1 gone, 0 still there.',
      cautions: ['Changed parameters: calls.'],
    });
  });

  it('shows no difference between figures of a simulated run and of a real one', () => {
    const after = storedReport({ execution_mode: 'simulated' });
    const shown = presentReport(after, compareReports(storedReport(), after), false);
    expect(new Set(shown.figures.map(({ compared }) => compared?.text))).toEqual(new Set(['not comparable']));
    expect(shown.comparison?.cautions).toEqual([
      'This run was simulated and the earlier one was real: their figures are not comparable.',
    ]);
  });
});

describe('the steps of an axis', () => {
  it.each([
    [0, 1200, [0, 500, 1000, 1500]],
    [0, 1, [0, 0.25, 0.5, 0.75, 1]],
    [0, 0.0007, [0, 0.0002, 0.0004, 0.0006, 0.0008]],
    [0, 0, [0, 0.25]],
    [-3, 5, [-4, -2, 0, 2, 4, 6]],
  ])('from %d to %d are round and reach both', (low, high, ticks) => {
    expect(ticksOf(low, high)).toEqual(ticks);
  });
});
