import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { temporaryFolder } from '../support/temporary.ts';

const pipeline = `# Nightly.
name: Test Data Processing Pipeline
type: hierarchical_dag
steps:
  - { id: input, type: data_input, config: { source: s3://bucket/data } }
  - { id: process, type: ai_processing, config: { model: claude-3-sonnet }, depends_on: [input] }
  - { id: output, type: data_output, config: { destination: s3://bucket/results }, depends_on: [process] }
flow_agreements: { performance_sla: 300, compliance_level: enterprise }
`;

const analysis = `name: Financial Compliance Analysis
data_source: s3://finance-data/q4-2024/
processing_steps: [extract, validate, analyze, report]
compliance_requirements: [sox, gdpr]
sla_target: 1800
`;

function folderWith(text: string): { folder: string; file: string; options: Parameters<typeof tidyllm>[1] } {
  const folder = temporaryFolder();
  const file = join(folder, 'workflow.yaml');
  writeFileSync(file, text);
  return { folder, file, options: { environment: { TIDYLLM_HOME: folder }, cwd: folder } };
}

describe('tidyllm workflow', () => {
  it('says where the time goes, and that it is estimated before the first run', async () => {
    const { file, options } = folderWith(pipeline);
    const { code, document } = await tidyllmJson(['workflow', 'analyze', file], options);
    expect(code).toBe(0);
    expect(document).toMatchObject({
      workflow: 'Test Data Processing Pipeline',
      operation: 'analyze',
      estimated: true,
      critical_path: ['input', 'process', 'output'],
      diagnostics: [],
      rewritten: null,
    });
    expect(document['makespan_ms']).toBe(document['bound_ms']);
    const { stdout } = await tidyllm(['workflow', 'analyze', file], options);
    expect(stdout).toContain('Critical path: input → process → output');
    expect(stdout).toContain('(estimated)');
  });

  it('reads the short form, and validates the levels that it names with evidence', async () => {
    const { file, options } = folderWith(analysis);
    const { document } = await tidyllmJson(['workflow', 'validate', file], options);
    const rules = document['rules'] as { id: string; state: string; evidence: string }[];
    expect(new Set(rules.map(({ id }) => id.split('.')[0]))).toEqual(new Set(['enterprise', 'sox', 'gdpr']));
    for (const { evidence } of rules) expect(evidence).not.toBe('');
    expect(document['compliance_score']).toEqual(expect.any(Number));
  });

  it('proposes a change without writing it, and writes it when asked to, with every comment', async () => {
    const { file, options } = folderWith(pipeline.replace('[process]', '[proces]'));
    const before = readFileSync(file, 'utf8');
    const { code, document } = await tidyllmJson(['workflow', 'fix', file], options);
    expect({ code, rewritten: document['rewritten'] }).toEqual({ code: 2, rewritten: pipeline });
    expect(document['improvements']).toMatchObject([{ line: 7, kind: 'mended', steps: ['output'] }]);
    expect(document['diagnostics']).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(await tidyllm(['workflow', 'fix', '--write', file], options)).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toBe(pipeline);
  });

  it('drops what no step needs to wait for, and says how much sooner it ends', async () => {
    const steps = `name: Two summaries
steps:
  - { id: notes, type: data_input, config: { source: notes.md } }
  - { id: first, type: ai_processing, depends_on: [notes], config: { prompt: "Summarise {{notes}}." } }
  # It waits for nothing of the first.
  - { id: second, type: ai_processing, depends_on: [notes, first], config: { prompt: "Translate {{notes}}." } }
`;
    const { file, options } = folderWith(steps);
    const { document } = await tidyllmJson(['workflow', 'optimize', '--level', '1', file], options);
    expect(document).toMatchObject({
      improvements: [{ kind: 'dropped_dependency', steps: ['second', 'first'] }],
      rewritten: steps.replace('[notes, first]', '[notes]'),
    });
    const after = document['after'] as { makespan_ms: number };
    const before = document['makespan_ms'] as number;
    expect(document['performance_gain']).toBeCloseTo((before - after.makespan_ms) / before);
    const none = await tidyllmJson(['workflow', 'optimize', '--level', '0', file], options);
    expect(none.document).toMatchObject({ improvements: [], rewritten: null });
    expect(await tidyllm(['workflow', 'optimize', '--level', '3', file], options)).toMatchObject({ code: 2 });
  });
});

describe('tidyllm workflow run, resume and history', () => {
  const reason = ['--reason', 'JIRA-1 run'];
  const orders = `name: Orders
inputs: { month: null }
steps:
  - { id: orders, type: data_input, config: { source: orders.csv } }
  - { id: summary, type: ai_processing, depends_on: [orders], config: { prompt: "Month {{inputs.month}} of {{orders}}.", max_tokens: 500 } }
  - { id: report, type: data_output, depends_on: [summary], config: { destination: out/report.md } }
`;

  it('run the steps, say what each cost, and list the run', async () => {
    const { file, folder, options } = folderWith(orders);
    writeFileSync(join(folder, 'orders.csv'), 'id,total\n1,20\n');
    const run = ['workflow', 'run', file, ...reason];
    const { code, document, stderr } = await tidyllmJson([...run, '--input', 'month=11'], options);
    expect(code).toBe(0);
    expect(document).toEqual({
      run_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      status: 'success',
      steps: ['orders', 'summary', 'report'].map((id) => ({
        id,
        status: 'success',
        duration_ms: expect.any(Number) as number,
        cost_usd: id === 'summary' ? (expect.stringMatching(/^0\.\d+$/) as string) : '0',
        attempts: 1,
        cached: false,
      })),
      cost_usd: expect.stringMatching(/^0\.\d+$/) as string,
      makespan_ms: expect.any(Number) as number,
      outputs: { report: 'out/report.md' },
      sla_missed: false,
      warnings: [expect.stringContaining('can’t be resumed')],
      error: null,
    });
    expect(stderr).toContain('SIMULATED');
    expect(readFileSync(join(folder, 'out/report.md'), 'utf8')).toContain('SIMULATED');
    const { document: list } = await tidyllmJson(['workflow', 'history', file], options);
    const { outputs: _outputs, warnings: _warnings, error: _error, ...kept } = document;
    expect(list['runs']).toMatchObject([{ ...kept, workflow: 'Orders', file, resumable: false }]);
    expect((await tidyllm(['workflow', 'history'], options)).stdout).toMatch(/Orders +success +3\/3/);
    expect((await tidyllm(['workflow', 'analyze', file], options)).stdout).toContain('median of 1 run');
  });

  it('are refused without a reason, a value of an input, or a run', async () => {
    const { file, options } = folderWith(orders);
    const codeOf = async (...args: string[]): Promise<unknown> => {
      const { code, document } = await tidyllmJson(['workflow', ...args], options);
      return [code, (document['error'] as { code: string }).code];
    };
    expect(await codeOf('run', file, '--input', 'month=11')).toEqual([4, 'audit_reason_missing']);
    expect(await codeOf('run', file, ...reason)).toEqual([2, 'invalid_request']);
    expect(await codeOf('run', file, ...reason, '--input', 'month')).toEqual([2, 'invalid_request']);
    expect(await codeOf('resume', 'none')).toEqual([2, 'invalid_request']);
  });

  it('stop in order when they are interrupted, and go on', async () => {
    const standIn = await startBedrockStandIn();
    onTestFinished(() => standIn.close());
    const { file, options } = folderWith(
      'name: Stopped\nsteps:\n  - { id: one, type: ai_processing, config: { prompt: "One. @stand-in:gate", max_tokens: 20 } }\n',
    );
    const environment = {
      ...options.environment,
      AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
      TIDYLLM_AUDIT_CONTENT: 'full',
    };
    const stopped = await tidyllmJson(['workflow', 'run', file, ...reason], {
      ...options,
      environment,
      started: (child) => {
        const interrupt = (): void => {
          if (standIn.calls.length === 0) setImmediate(interrupt);
          else child.kill('SIGINT');
        };
        interrupt();
      },
    });
    expect(stopped.code).toBe(130);
    expect(stopped.document).toMatchObject({
      status: 'cancelled',
      steps: [{ id: 'one', status: 'cancelled' }],
      outputs: {},
      error: { code: 'cancelled' },
    });
    standIn.openGate();
    const run = String(stopped.document['run_id']);
    const resumed = await tidyllmJson(['workflow', 'resume', run], { ...options, environment });
    expect(resumed.code).toBe(0);
    expect(resumed.document).toMatchObject({ run_id: run, status: 'success', error: null });
    expect(standIn.calls).toHaveLength(2);
  });
});
