import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ledgerIdIn } from '../../src/ledger/readJournal.ts';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson, type Finished } from '../support/commandLine.ts';
import { writeFlowFile } from '../support/flowFiles.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { storedRecords } from '../support/ledgers.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { malformedFlowFiles } from '../unit/flow/fixtures/malformedFlowFiles.ts';

const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const sha256 = /^[\da-f]{64}$/;

const shell = {
  trigger: '[Say It]',
  flow_encoding: '@team#words!say@terminal',
  expanded_meaning: 'Say some words.',
  action: 'say_it',
  real_implementation: 'shell',
  parameters: { words: { default: 'hello' } },
  shell: { command: 'echo "said: $FLOW_WORDS" | tee said' },
};

const release = {
  trigger: '[Release Notes]',
  flow_encoding: '@release#notes!write@changes',
  expanded_meaning: 'Write the notes of a release.',
  action: 'release_notes',
  real_implementation: 'prompt',
  parameters: { version: { description: 'Version' } },
  prompt: { template: 'Write the notes of {{version}}.' },
};

interface Project {
  home: string;
  /** The working folder, with a flow.yaml of its own. */
  cwd: string;
  environment: Record<string, string>;
  run: (...args: readonly string[]) => Promise<Finished>;
  json: (...args: readonly string[]) => ReturnType<typeof tidyllmJson>;
}

function project(extra: Record<string, string> = {}): Project {
  const [home, cwd] = [temporaryFolder(), temporaryFolder()];
  writeFlowFile(cwd, shell, release);
  const environment = { ...isolatedEnvironment(home), TIDYLLM_USER: 'ada', ...extra };
  const options = { environment, cwd };
  const json = (...args: readonly string[]) => tidyllmJson(args, options);
  return { home, cwd, environment, run: (...args) => tidyllm(args, options), json };
}

async function onStandIn(extra: Record<string, string> = {}): Promise<Project & { standIn: BedrockStandIn }> {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const keys = { AWS_ACCESS_KEY_ID: 'AKIASTANDIN', AWS_SECRET_ACCESS_KEY: 'secret' };
  return { standIn, ...project({ ...keys, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url, ...extra }) };
}

describe('tidyllm flow list', () => {
  it('has what is built in, and what the folder and the user define', async () => {
    const { home, cwd, json, run } = project();
    const own = {
      ...release,
      trigger: '[My Notes]',
      action: 'my_notes',
      flow_encoding: '@my#notes!write@me',
    };
    writeFileSync(join(home, 'flow.yaml'), JSON.stringify({ agreements: [own] }));
    const { code, document } = await json('flow', 'list');
    expect(code).toBe(0);
    const agreements = document['agreements'] as Record<string, unknown>[];
    expect(agreements.map(({ trigger, source }) => [trigger, (source as { kind: string }).kind])).toEqual([
      ['[Performance Test]', 'built-in'],
      ['[Cost Analysis]', 'built-in'],
      ['[Error Analysis]', 'built-in'],
      ['[Integration Test]', 'built-in'],
      ['[Scalability Test]', 'built-in'],
      ['[Security Test]', 'built-in'],
      ['[Compliance Report]', 'built-in'],
      ['[My Notes]', 'user'],
      ['[Say It]', 'workspace'],
      ['[Release Notes]', 'workspace'],
    ]);
    expect(agreements[8]).toEqual({
      ...{ trigger: '[Say It]', flow_encoding: '@team#words!say@terminal', action: 'say_it' },
      ...{ expanded_meaning: 'Say some words.', real_implementation: 'shell', fallback: null },
      parameters: { words: { type: 'text', description: '', default: 'hello' } },
      ...{ fixed_parameters: {}, expected_output: '', confidence_threshold: 0.8, phrases: [] },
      ...{ cost_limit_usd: '1', time_limit_seconds: 300, concurrent: false },
      source: {
        ...{ kind: 'workspace', file: join(cwd, '.tidyllm', 'flow.yaml') },
        ...{ line: expect.any(Number) as number, column: expect.any(Number) as number },
      },
      definition_sha256: expect.stringMatching(sha256) as string,
    });
    expect(document['faults']).toEqual([]);
    const { stdout } = await run('flow', 'list');
    expect(stdout).toMatch(/\[Performance Test\] +performance_test +\$0\.50 +built in/);
    expect(stdout).toContain('flow.yaml:');
  });

  it('leaves out an agreement with a fault, and says which', async () => {
    const { cwd, json } = project();
    writeFlowFile(cwd, { ...shell, shell: {} }, release);
    const { code, document } = await json('flow', 'list');
    expect(code).toBe(0);
    const triggers = (document['agreements'] as { trigger: string }[]).map(({ trigger }) => trigger);
    expect(triggers).toContain('[Release Notes]');
    expect(triggers).not.toContain('[Say It]');
    expect(document['faults']).toMatchObject([
      {
        severity: 'error',
        file: join(cwd, '.tidyllm', 'flow.yaml'),
        message: expect.stringContaining('command') as string,
      },
    ]);
  });
});

describe('tidyllm flow run', () => {
  it('prints exactly the contract’s document with --json', async () => {
    const { home, json } = await onStandIn();
    const { code, document } = await json(
      'flow',
      'run',
      '[Performance Test] calls=2',
      '--param',
      'max_tokens=8',
    );
    expect(code).toBe(0);
    expect(document).toEqual({
      trigger: '[Performance Test]',
      flow_encoding: '@performance#test!benchmark@gateway_chain',
      action: 'performance_benchmark',
      real_implementation: 'performance_test',
      run_id: expect.stringMatching(uuid) as string,
      timestamp: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/) as string,
      execution_mode: 'real',
      outcome: 'success',
      success: true,
      confidence: 1,
      parameters: {
        ...{ model: '', calls: 2, max_tokens: 8 },
        ...{ first_token_limit_ms: 3000, latency_limit_ms: 10_000 },
      },
      duration_ms: expect.any(Number) as number,
      reserved_usd: expect.stringMatching(/^0\.00\d+$/) as string,
      cost_usd: expect.stringMatching(/^0\.00\d+$/) as string,
      calls: 2,
      gateways: [
        { gateway: 'corporate_llm', level: 1, state: 'approved', error: null, hints: [] },
        { gateway: 'ai_processing', level: 2, state: 'approved', error: null, hints: [] },
        { gateway: 'workflow_optimizer', level: 3, state: 'approved', error: null, hints: [] },
      ],
      result: expect.objectContaining({ title: 'Performance Test' }) as object,
      report_kept: true,
      error: null,
      fallback: null,
      audit_trail: {
        run_id: document['run_id'],
        sequence: expect.any(Number) as number,
        hash: expect.stringMatching(sha256) as string,
        ledger: ledgerIdIn(join(home, 'ledger', 'live')),
      },
    });
  });

  it('prints its report and what it cost for people', async () => {
    const { run } = await onStandIn();
    const { code, stdout, stderr } = await run('flow', 'run', '[Cost Analysis]');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# Cost Analysis\n/);
    expect(stdout).toContain('Nothing was spent since');
    expect(stderr).toMatch(/\[Cost Analysis\] · real · [\d.]+ s · 0 calls · \$0 · #\d+/);
    expect(stderr).not.toContain('Reserved');
    const measured = await run('flow', 'run', '[Performance Test] calls=1');
    expect(measured.stderr).toMatch(/Reserved \$0\.\d+ for the run\./);
  });

  it('says that a run on the mock back-end is simulated', async () => {
    const { run, json } = project();
    const { stdout, stderr } = await run('flow', 'run', '[Performance Test] calls=1');
    expect(stdout).toContain('SIMULATED');
    expect(stderr).toContain('SIMULATED');
    const { document } = await json('flow', 'run', '[Performance Test] calls=1');
    expect(document).toMatchObject({ execution_mode: 'simulated', success: true });
  });

  it('runs nothing that isn’t known, and offers the nearest', async () => {
    const { json, run, home } = project();
    const { code, document } = await json('flow', 'run', '[Cost Anlaysis of all]');
    expect(code).toBe(2);
    expect(document).toMatchObject({
      ...{ command: '[Cost Anlaysis of all]', execution_mode: 'failed', success: false },
      error: { code: 'flow_not_matched' },
    });
    expect(document['confidence']).toBeLessThan(0.8);
    expect((document['nearest'] as { trigger: string }[])[0]).toMatchObject({
      ...{ trigger: '[Cost Analysis]', action: 'cost_analysis', confidence: expect.any(Number) as number },
    });
    const forPeople = await run('flow', 'run', '[Cost Anlaysis of all]');
    expect(forPeople.code).toBe(2);
    expect(forPeople.stderr).toContain('Nearest: [Cost Analysis] (0.');
    expect(existsSync(join(home, 'ledger', 'simulated'))).toBe(false);
  });

  it.each<[string, readonly string[], Record<string, string>, number, string]>([
    ['a parameter that is out of range', ['[Cost Analysis] days=900'], {}, 2, 'invalid_request'],
    ['a parameter that is missing', ['[Release Notes]'], {}, 2, 'invalid_request'],
    ['a parameter without a value', ['[Cost Analysis]', '--param', 'days'], {}, 2, 'invalid_request'],
    [
      'a budget that is too small',
      ['[Performance Test]'],
      { TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.001' },
      ...([3, 'budget_exceeded'] as const),
    ],
    ['an unknown model', ['[Performance Test] model=nobodys'], {}, 5, 'model_not_recognized'],
    ['a command that nobody approved', ['[Say It]'], {}, 2, 'flow_not_approved'],
  ])('exits with its code for %s', async (_what, args, environment, exitCode, errorCode) => {
    const { json, cwd } = project(environment);
    const { code, document } = await json('flow', 'run', ...args);
    expect({ code, error: document['error'] }).toMatchObject({ code: exitCode, error: { code: errorCode } });
    expect(existsSync(join(cwd, 'said'))).toBe(false);
  });

  it('exits with 6 when no model answers, with what ran in its place', async () => {
    const { json, standIn } = await onStandIn();
    standIn.behave = () => ({ refusal: 'denied' });
    const { code, document } = await json('flow', 'run', '[Performance Test] calls=1');
    expect(code).toBe(6);
    expect(document).toMatchObject({
      ...{ execution_mode: 'failed', outcome: 'failed', success: false, result: null, report_kept: false },
      error: { code: 'access_denied' },
      fallback: { real_implementation: 'recorded_performance', success: true, error: null },
    });
  });

  it('runs a command when its definition is named, and only that one', async () => {
    const { json, run, cwd } = project();
    const asked = await run('flow', 'run', '[Say It]');
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain(`runs in ${cwd}:\n> echo "said: $FLOW_WORDS" | tee said`);
    const [, digits = ''] = /--approve ([\da-f]{64})/.exec(asked.stderr) ?? [];
    const list = (await json('flow', 'list')).document['agreements'] as Record<string, string>[];
    const definition = list.find(({ action }) => action === 'say_it')?.['definition_sha256'] ?? '';
    expect(definition).toBe(digits);
    for (const wrong of [digits.slice(0, 63), 'f'.repeat(64), '']) {
      expect((await run('flow', 'run', '[Say It]', '--approve', wrong)).code).toBe(2);
      expect(existsSync(join(cwd, 'said'))).toBe(false);
    }
    const said = ['[Say It]', '--param', 'words=good day'];
    const { code, stdout } = await run('flow', 'run', ...said, '--approve', definition);
    expect(code).toBe(0);
    expect(stdout).toContain('said: good day');
    expect(readFileSync(join(cwd, 'said'), 'utf8')).toBe('said: good day\n');
    // Another wording is another definition.
    writeFlowFile(cwd, { ...shell, shell: { command: 'touch pwned' } });
    expect((await run('flow', 'run', '[Say It]', '--approve', definition)).code).toBe(2);
    expect(existsSync(join(cwd, 'pwned'))).toBe(false);
  });

  it('writes its report as Markdown or JSON', async () => {
    const { run, cwd } = await onStandIn();
    const command = ['flow', 'run', '[Performance Test] calls=1'];
    await run(...command, '--out', 'speed.md');
    await run(...command, '--out', 'speed.json');
    expect(readFileSync(join(cwd, 'speed.md'), 'utf8')).toMatch(/^# Performance Test\n/);
    expect(JSON.parse(readFileSync(join(cwd, 'speed.json'), 'utf8'))).toMatchObject({
      ...{ trigger: '[Performance Test]', execution_mode: 'real', parameters: { calls: 1 } },
      report: { title: 'Performance Test' },
    });
  });

  it('stops when it is interrupted, and holds nothing afterwards', async () => {
    const { environment, cwd, standIn, json } = await onStandIn();
    let child: ChildProcess | null = null;
    standIn.behave = () => {
      child?.kill('SIGINT');
      return { firstTokenDelayMs: 60_000 };
    };
    const { code, document } = await tidyllmJson(['flow', 'run', '[Performance Test]'], {
      ...{ environment, cwd },
      started: (started) => (child = started),
    });
    expect(code).toBe(130);
    expect(document).toMatchObject({ outcome: 'cancelled', success: false, fallback: null });
    expect((await json('budget')).document).toMatchObject({ reserved_usd: '0' });
  });

  it('gives back what it held after it was killed, when the next one starts', async () => {
    const { environment, cwd, home, standIn, json } = await onStandIn();
    let child: ChildProcess | null = null;
    standIn.behave = (_call, index) => {
      if (index === 2) child?.kill('SIGKILL');
      return index === 2 ? { firstTokenDelayMs: 60_000 } : {};
    };
    const killed = await tidyllm(['flow', 'run', '[Performance Test]'], {
      ...{ environment, cwd },
      started: (started) => (child = started),
    });
    expect(killed.code).toBeNull();
    const ledger = join(home, 'ledger', 'live');
    expect(storedRecords(ledger).filter(({ kind }) => kind.startsWith('flow_'))).toMatchObject([
      { kind: 'flow_start', reserved_micro_usd: expect.stringMatching(/^[1-9]/) as string },
    ]);
    expect((await json('budget')).document).toMatchObject({ reserved_usd: '0' });
    standIn.behave = null;
    const next = await json('flow', 'run', '[Performance Test] calls=1');
    expect(next).toMatchObject({ code: 0, document: { success: true } });
    const records = storedRecords(ledger);
    const [first] = records.filter((record) => record.kind === 'flow_start');
    const [call] = records.filter((record) => record.kind === 'EXPIRED_CHARGED');
    const orphan = records.find((record) => record.kind === 'flow_end');
    expect(orphan).toMatchObject({
      ...{ run_id: first?.run_id, outcome: 'orphaned', execution_mode: 'failed', calls: 3 },
    });
    const settled = records.filter((record) => record.kind === 'SETTLE').slice(0, 2);
    const spent = [...settled, call].reduce((sum, one) => sum + BigInt(one?.cost_micro_usd ?? 0), 0n);
    expect(orphan).toMatchObject({ cost_micro_usd: spent.toString() });
    const history = (await json('flow', 'history')).document['executions'];
    expect(history).toMatchObject([
      { outcome: 'success', execution_mode: 'real' },
      { outcome: 'orphaned', execution_mode: 'failed', calls: 3, result: null },
    ]);
    expect((await json('audit', 'verify')).document).toMatchObject({ ok: true });
  });
});

describe('tidyllm flow history and report', () => {
  it('tell what ran, newest first, and what was found then', async () => {
    const { json, run } = await onStandIn();
    const speed = await json('flow', 'run', '[Performance Test] calls=2');
    const costs = await json('flow', 'run', '[Cost Analysis]');
    const refused = await json('flow', 'run', '[Say It]');
    const { document } = await json('flow', 'history');
    expect(document['executions']).toEqual([
      expect.objectContaining({
        ...{ run_id: refused.document['run_id'], outcome: 'refused', error_code: 'flow_not_approved' },
        ...{ execution_mode: 'failed', report_sha256: null, result: null },
      }),
      expect.objectContaining({ run_id: costs.document['run_id'], cost_usd: '0', reserved_usd: '0' }),
      {
        run_id: speed.document['run_id'],
        timestamp: expect.any(String) as string,
        ...{ trigger: '[Performance Test]', action: 'performance_benchmark' },
        ...{ real_implementation: 'performance_test', execution_mode: 'real', outcome: 'success' },
        ...{ confidence: 1, duration_ms: speed.document['duration_ms'], user_id: 'ada' },
        workspace: expect.any(String) as string,
        ...{ reserved_usd: speed.document['reserved_usd'], cost_usd: speed.document['cost_usd'] },
        ...{ calls: 2, result: (speed.document['result'] as { summary: string }).summary },
        ...{ problems: 0, warnings: expect.any(Number) as number, error_code: null, fallback: null },
        report_sha256: expect.stringMatching(sha256) as string,
        sequence: (speed.document['audit_trail'] as { sequence: number }).sequence,
        hash: (speed.document['audit_trail'] as { hash: string }).hash,
      },
    ]);
    expect((await json('flow', 'history', '--limit', '1')).document['executions']).toHaveLength(1);
    const { stdout } = await run('flow', 'history');
    expect(stdout).toMatch(/\[Say It\] +failed +refused/);

    const runId = String(speed.document['run_id']);
    const report = await json('flow', 'report', runId);
    expect(report).toMatchObject({ code: 0, document: { run_id: runId, report: speed.document['result'] } });
    expect(await json('flow', 'report', String(refused.document['run_id']))).toMatchObject({
      ...{ code: 2, document: { error: { code: 'invalid_request' } } },
    });
    expect((await json('flow', 'report', '0198c0de-0000-4000-8000-000000000001')).code).toBe(2);
  });

  it('compare a run with an earlier one', async () => {
    const { json, run, cwd, standIn } = await onStandIn();
    const before = (await json('flow', 'run', '[Performance Test] calls=4')).document['run_id'] as string;
    standIn.behave = (_call, index) => (index === 5 ? { refusal: 'throttled' } : { firstTokenDelayMs: 300 });
    const after = (await json('flow', 'run', '[Performance Test] calls=4')).document['run_id'] as string;
    const { document } = await json('flow', 'report', after, '--compare', before);
    expect(document['comparison']).toMatchObject({
      ...{ before: { run_id: before }, after: { run_id: after }, modes_differ: false, parameters_differ: [] },
    });
    const { figures, findings } = document['comparison'] as {
      figures: { id: string; before: unknown; after: unknown; change: string }[];
      findings: { new: { id: string }[] };
    };
    expect(figures.find(({ id }) => id === 'failed_calls')).toMatchObject({
      before: 0,
      after: 1,
      change: 'worse',
    });
    expect(figures.find(({ id }) => id === 'first_token_p50')).toMatchObject({ change: 'worse' });
    expect(findings.new.map(({ id }) => id)).toContain('failed_calls');
    await run('flow', 'report', after, '--compare', before, '--out', 'compared.md');
    const text = readFileSync(join(cwd, 'compared.md'), 'utf8');
    expect(text).toContain('Calls failed');
    const costs = (await json('flow', 'run', '[Cost Analysis]')).document['run_id'] as string;
    expect((await json('flow', 'report', costs, '--compare', before)).code).toBe(2);
  });
});

describe('tidyllm flow validate', () => {
  it('says that a file is valid, and how many agreements it has', async () => {
    const { json, run, cwd } = project();
    const file = join(cwd, '.tidyllm', 'flow.yaml');
    const { code, document } = await json('flow', 'validate', file);
    expect({ code, document }).toEqual({ code: 0, document: { ok: true, file, agreements: 2, faults: [] } });
    expect((await run('flow', 'validate', file)).stdout).toBe(`${file}: valid, 2 agreement(s)\n`);
    expect((await json('flow', 'validate', join(cwd, 'nowhere.yaml'))).code).toBe(2);
  });

  it(`finds the fault in each of ${malformedFlowFiles.length} malformed files at its line and column`, async () => {
    const { json, cwd } = project();
    const left = [...malformedFlowFiles.entries()];
    const worker = async (): Promise<void> => {
      for (let next = left.shift(); next; next = left.shift()) {
        const [index, { name, text, line, column, message }] = next;
        const file = join(cwd, `flow-${index}.yaml`);
        writeFileSync(file, text);
        const { code, document } = await json('flow', 'validate', file);
        const faults = document['faults'] as { severity: string; message: string }[];
        const found = faults.map((fault) => ({
          ...fault,
          message: fault.message.replaceAll(file, 'flow.yaml'),
        }));
        expect(found, name).toContainEqual(
          expect.objectContaining({
            file,
            line,
            column,
            message: expect.stringContaining(message) as string,
          }),
        );
        const broken = faults.some(({ severity }) => severity === 'error');
        expect({ code, ok: document['ok'] }, name).toEqual({ code: broken ? 2 : 0, ok: !broken });
      }
    };
    await Promise.all(Array.from({ length: 4 }, worker));
    expect(malformedFlowFiles.length).toBeGreaterThanOrEqual(30);
  }, 120_000);
});
