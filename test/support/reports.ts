import type { Finding, Report, StoredReport } from '../../src/flow/report.ts';

export function finding(changes: Partial<Finding> = {}): Finding {
  return {
    severity: 'warning',
    id: 'slow',
    title: 'The first token is slow',
    evidence: '3,200 ms at the 95th percentile.',
    remedy: 'Choose a model nearby.',
    ...changes,
  };
}

export const plainReport: Report = {
  title: 'Performance Test',
  summary: 'The chain answers in 812 ms.',
  findings: [finding()],
  figures: [
    { id: 'p95', label: 'Latency, 95th percentile', value: 1234, unit: 'ms', better: 'lower' },
    { id: 'cost', label: 'Cost', value: '0.0061', unit: 'usd', better: 'lower' },
    { id: 'model', label: 'Model', value: 'claude-3-sonnet', unit: 'text', better: null },
  ],
  sections: [
    {
      id: 'latency_by_stage',
      title: 'Latency by stage',
      text: 'Measured by the gateway.',
      table: {
        columns: [
          { label: 'Stage', unit: 'text' },
          { label: 'Median', unit: 'ms' },
          { label: '95th percentile', unit: 'ms' },
        ],
        rows: [
          ['admit', 2, 4],
          ['model', 800, 1200],
        ],
      },
      chart: { type: 'columns', x: 0, series: [1, 2] },
    },
  ],
};

export function storedReport(
  changes: Partial<StoredReport> = {},
  report: Partial<Report> = {},
): StoredReport {
  return {
    run_id: '0198c0de-0000-7000-8000-000000000001',
    agreement: 'performance_test',
    trigger: '[Performance Test]',
    execution_mode: 'real',
    started_at: '2026-07-20T09:30:00.000Z',
    duration_ms: 4210,
    cost_usd: '0.0061',
    parameters: { calls: 20 },
    ...changes,
    report: { ...plainReport, ...report },
  };
}
