import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../src/workflowRuns/runView.ts';
import { recordsOf } from '../support/records.ts';
import { startS3, type Server } from '../support/servers.ts';
import { analysis, pipeline } from '../support/workflows.ts';
import { statusesOf, stepOf, workflowBench } from '../support/workflowRuns.ts';

/** A step of a model that answers with its own name. */
function model(id: string, after: readonly string[] = [], more = ''): string {
  return `  - { id: ${id}, type: ai_processing, depends_on: [${after.join(', ')}], config: { prompt: "Task ${id}. @stand-in:text=${id}${more}", max_tokens: 20 } }\n`;
}

/** A step of a model that answers once the gate of the stand-in is open. */
function gated(id: string, after: string): string {
  return `  - { id: ${id}, type: ai_processing, depends_on: [${after}], config: { prompt: "Task ${id}, after {{${after}}}. @stand-in:gate", max_tokens: 20 } }\n`;
}

const chain = `name: Chain\nsteps:\n${model('one')}${model('two', ['one'])}${model('three', ['two'])}`;

describe('the workflows of the product’s description, as written', () => {
  let s3: Server;
  beforeAll(async () => {
    s3 = await startS3('bucket');
    await fetch(`${s3.url}/finance-data`, { method: 'PUT' });
  }, 120_000);
  afterAll(() => s3.kill());

  it('run from an object of S3 to another one', async () => {
    const { run, prompts, core } = await workflowBench({ TIDYLLM_S3_ENDPOINT: s3.url });
    await fetch(`${s3.url}/bucket/data`, { method: 'PUT', body: 'Four orders came in.' });
    const result = await run(pipeline);
    expect(result.error).toBeNull();
    expect(result.outputs).toEqual({ output: 's3://bucket/results' });
    const [prompt] = prompts();
    expect(prompt).toContain('Four orders came in.');
    expect(prompt?.endsWith('process')).toBe(true);
    expect(await core.budget()).toMatchObject({ reserved: 0n, spent: result.view.cost });
    const stored = await run(
      'name: Back\nsteps:\n  - { id: back, type: data_input, config: { source: s3://bucket/results } }\n',
    );
    const [answer] = (
      await core.workflows.list(20, { file: result.view.file ?? '', name: result.view.workflow })
    ).runs;
    expect(answer?.status).toBe('success');
    expect(String(stored.outputs['back']).trim()).toMatch(/\w/);
  });

  it('run in the short form, each task on what the one before came to', async () => {
    const { run, prompts } = await workflowBench({ TIDYLLM_S3_ENDPOINT: s3.url });
    for (const [name, body] of [['january.csv', 'total\n12\n'] as const, ['notes.txt', 'Late.'] as const])
      await fetch(`${s3.url}/finance-data/q4-2024/${name}`, { method: 'PUT', body });
    const result = await run(analysis);
    expect(result.error).toBeNull();
    expect(prompts().map((prompt) => prompt.split('\n').at(-1))).toEqual([
      'extract',
      'validate',
      'analyze',
      'report',
    ]);
    expect(prompts()[0]).toMatch(/s3:\/\/finance-data\/q4-2024\/january\.csv[^]*"total": "12"[^]*Late\./);
    expect(result.view.slaMissed).toBe(false);
    expect(result.view.warnings.map((one) => one.split(' ')[1])).toEqual(['sox.retention', 'gdpr.5_1_b']);
  });

  it('say which object is missing', async () => {
    const { run } = await workflowBench({ TIDYLLM_S3_ENDPOINT: s3.url });
    const { error } = await run(pipeline.replace('bucket/data', 'bucket/nothing'));
    expect(error).toMatchObject({
      code: 'invalid_request',
      message: 'There is no object nothing in the bucket bucket.',
    });
  });
});

describe('a run of a workflow', () => {
  it('does the work of every step, and ends with where its output was written', async () => {
    const { file, run, folder, prompts, records } = await workflowBench();
    file('orders.csv', 'id,city,total\n1,Bonn,20\n2,Köln,5\n3,Bonn,7\n');
    file('cities.json', JSON.stringify([{ city: 'Bonn', country: 'DE' }]));
    const result = await run(`name: Orders
inputs: { least: 6 }
steps:
  - { id: orders, type: data_input, config: { source: orders.csv } }
  - { id: cities, type: data_input, config: { source: cities.json } }
  - { id: large, type: transform, depends_on: [orders], config: { filter: { field: total, above: 6 } } }
  - { id: places, type: transform, depends_on: [large, cities], config: { join: { left: "{{large}}", right: "{{cities}}", on: city } } }
  - { id: named, type: transform, depends_on: [places], config: { map: { name: "{{item.id}} in {{item.country}}, at least {{inputs.least}}" } } }
  - { id: names, type: transform, depends_on: [named], config: { select: name } }
  - { id: summary, type: ai_processing, depends_on: [names], config: { prompt: "Summarise {{names}}. @stand-in:text=Two." } }
  - { id: report, type: data_output, depends_on: [summary, names], config: { destination: out/report.json } }
`);
    expect(result.error).toBeNull();
    expect(new Set(Object.values(statusesOf(result)))).toEqual(new Set(['success']));
    expect(result.outputs).toEqual({ report: 'out/report.json' });
    expect(JSON.parse(readFileSync(join(folder, 'out/report.json'), 'utf8'))).toEqual({
      summary: 'Two.',
      names: ['1 in DE, at least 6', '3 in DE, at least 6'],
    });
    expect(prompts()).toHaveLength(1);
    const all = await records();
    const settled = all.find((record) => record.kind === 'SETTLE');
    expect(result.view.cost?.toString()).toBe(settled?.cost_micro_usd);
    expect(stepOf(result, 'summary').cost).toBe(result.view.cost);
    expect(all).toContainEqual(
      expect.objectContaining({
        kind: 'note',
        topic: 'call.step',
        data: { workflow_run_id: result.view.runId, step: 'summary' },
      }),
    );
    expect(all.find((record) => record.kind === 'flow_start')).toMatchObject({
      agreement: 'workflow_orders',
      trigger: '[Workflow Orders]',
      flow_encoding: '@workflow#run!execute@steps',
      reason: 'JIRA-1 test of workflows',
    });
  });

  it('searches the workspace, runs an agreement, and gives the results of nested steps', async () => {
    const { file, run, prompts } = await workflowBench();
    file('src/invoice.md', 'The invoice total is rounded up, once.\n');
    const result = await run(`name: Looked up
cost_limit_usd: 5
steps:
  - { id: found, type: retrieve, config: { query: invoice total rounded, limit: 1 } }
  - { id: spent, type: flow, config: { command: "[Cost Analysis]" } }
  - id: both
    type: nested
    steps:
      - { id: place, type: transform, depends_on: [found], config: { select: path } }
      - { id: title, type: transform, depends_on: [spent], config: { select: title, from: "{{spent}}" } }
  - { id: asked, type: ai_processing, depends_on: [both], config: { prompt: "Places {{both.place}}, report {{both.title}}." } }
`);
    expect(result.error).toBeNull();
    expect(prompts().at(-1)).toContain('src/invoice.md');
    expect(prompts().at(-1)).toContain('report Cost Analysis.');
    expect(statusesOf(result)).toEqual({
      found: 'success',
      spent: 'success',
      'both.place': 'success',
      'both.title': 'success',
      asked: 'success',
    });
  });

  it('gives the fields of an answer by its schema, and refuses one that doesn’t fit', async () => {
    const { run, prompts } = await workflowBench();
    const steps = (answer: string): string => `name: Form
steps:
  - id: form
    type: ai_processing
    config:
      prompt: 'Fill it in. @stand-in:blocks=[{"text":${JSON.stringify(answer)}}]'
      model: claude-sonnet
      schema: { type: object, properties: { city: { type: string } }, required: [city], additionalProperties: false }
  - { id: next, type: ai_processing, depends_on: [form], config: { prompt: "City {{form.city}}" } }
`;
    expect((await run(steps('{"city":"Bonn"}'))).error).toBeNull();
    expect(prompts().at(-1)).toBe('City Bonn');
    const { error, view } = await run(steps('{"town":"Bonn"}'));
    expect(error).toMatchObject({ code: 'answer_invalid' });
    // What was answered is paid at its price, though it can't be used.
    expect(view.cost).toBeGreaterThan(0n);
  });

  it('keeps the results of steps apart that have the same short id inside different ones', async () => {
    const { run, folder } = await workflowBench();
    const inside = (id: string): string =>
      `  - { id: ${id}, type: nested, steps: [{ id: part, type: transform, config: { template: "of ${id}" } }] }\n`;
    await run(
      `name: Apart\nsteps:\n${inside('left')}${inside('right')}  - { id: out, type: data_output, depends_on: [left.part, right.part], config: { destination: out.json } }\n`,
    );
    expect(JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'))).toEqual({
      'left.part': 'of left',
      'right.part': 'of right',
    });
  });

  it('takes no value for an input that wasn’t given, whatever its name', async () => {
    const { run } = await workflowBench();
    const text =
      'name: Named\ninputs: { constructor: null }\nsteps:\n  - { id: one, type: transform, config: { template: "{{inputs.constructor}}" } }\n';
    await expect(run(text)).rejects.toMatchObject({ message: 'The input "constructor" must be given.' });
    expect((await run(text, { inputs: { constructor: 'x' } })).outputs).toEqual({ one: 'x' });
  });

  it('reads a folder without what git keeps, and none outside of the workspace', async () => {
    const { run, file } = await workflowBench();
    file('.git/HEAD', 'ref: refs/heads/main\n');
    file('data/a.txt', 'A\n');
    const reading = (source: string): string =>
      `name: Read\nsteps:\n  - { id: read, type: data_input, config: { source: ${source} } }\n`;
    expect((await run(reading('./'))).outputs['read']).toEqual([{ path: 'data/a.txt', content: 'A\n' }]);
    for (const source of ['../', '/etc/', 'data/../../'])
      expect((await run(reading(source))).error?.message).toBe(
        `${source} can’t be used: it is outside of the workspace.`,
      );
    file('data/utf16.txt', Buffer.from([0xff, 0xfe]));
    expect((await run(reading('data/utf16.txt'))).error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/^data\/utf16\.txt can’t be read: .*UTF-16/) as string,
    });
  });

  it('runs so many steps at once as the settings allow, the longest way first', async () => {
    const { run, standIn } = await workflowBench({ TIDYLLM_AI_CONCURRENCY: '2' });
    let most = 0;
    standIn.behave = (_call, _index, underWay) => {
      most = Math.max(most, underWay);
      return {};
    };
    const started: string[] = [];
    const result = await run(
      `name: Wide
steps:
  - { id: a, type: ai_processing, config: { prompt: A, max_tokens: 10 } }
  - { id: b, type: ai_processing, config: { prompt: B, max_tokens: 20 } }
  - { id: c, type: ai_processing, config: { prompt: "C @stand-in:gate", max_tokens: 900 } }
  - { id: d, type: ai_processing, depends_on: [b], config: { prompt: D, max_tokens: 900 } }
`,
      {
        onEvent: (event) => {
          if (event.type === 'step_started' && started.push(event.step) === 4) standIn.openGate();
        },
      },
    );
    expect(result.error).toBeNull();
    expect(started.toSpliced(0, 2, ...started.slice(0, 2).toSorted())).toEqual(['b', 'c', 'd', 'a']);
    expect(most).toBe(2);
  });

  it('runs them one by one without the DAG manager', async () => {
    const { run, standIn } = await workflowBench({ TIDYLLM_WORKFLOW_ENABLE_DAG_MANAGER: 'false' });
    let most = 0;
    standIn.behave = (_call, _index, underWay) => {
      most = Math.max(most, underWay);
      return { delayMs: 10 };
    };
    const steps = 'abc'.split('').map((id) => `  - { id: ${id}, type: ai_processing }\n`);
    expect((await run(`name: Narrow\nsteps:\n${steps.join('')}`)).view.slots).toBe(1);
    expect(most).toBe(1);
  });
});

describe('a run that can’t be completed', () => {
  it('begins nothing after a failed step, ends what runs, and is resumed without paying again', async () => {
    const { run, resume, standIn, prompts, core } = await workflowBench({ TIDYLLM_RETRY_ATTEMPTS: '1' });
    let fails = true;
    standIn.behave = ({ body }) => {
      const text = JSON.stringify(body.messages);
      if (fails && text.includes('Bad')) return { refusal: 'validation' };
      return { delayMs: text.includes('Good') ? 60 : 0 };
    };
    const first = await run(`name: Fails
steps:
  - { id: good, type: ai_processing, config: { prompt: Good } }
  - { id: bad, type: ai_processing, config: { prompt: Bad } }
  - { id: end, type: ai_processing, depends_on: [good, bad], config: { prompt: "End {{good}}" } }
`);
    expect(first.error).toMatchObject({ code: 'backend_rejected' });
    expect(first.view).toMatchObject({ status: 'failed', resumable: true });
    expect(statusesOf(first)).toEqual({ good: 'success', bad: 'failed', end: 'waiting' });
    expect(stepOf(first, 'bad').error?.code).toBe('backend_rejected');
    expect((await core.budget()).reserved).toBe(0n);
    fails = false;
    const elsewhere = { origin: { door: 'cli', folder: '/elsewhere', branch: null } };
    await expect(resume(first.view.runId, elsewhere)).rejects.toThrow('The run belongs to ');
    const second = await resume(first.view.runId);
    expect(second.error).toBeNull();
    expect(prompts().filter((prompt) => prompt === 'Good')).toHaveLength(1);
    expect(second.view.cost).toBe((await core.budget()).spent);
    expect(stepOf(second, 'good').cost).toBe(stepOf(first, 'good').cost);
    await expect(resume(first.view.runId)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('is over') as string,
    });
  });

  it('ends where a model refuses: no step works on what a filter left', async () => {
    const { run, prompts } = await workflowBench();
    const refused = model('one').replace('@stand-in:text=one', '@stand-in:stop=content_filtered');
    const result = await run(`name: Refused\nsteps:\n${refused}${model('two', ['one'])}`);
    expect(result.error).toMatchObject({
      code: 'answer_invalid',
      message: expect.stringContaining('filter blocked') as string,
    });
    expect(statusesOf(result)).toEqual({ one: 'failed', two: 'waiting' });
    expect(stepOf(result, 'one').cost).toBeGreaterThan(0n);
    expect(prompts()).toHaveLength(1);
  });

  it('uses a complete answer whose call failed after it, instead of paying for another', async () => {
    const { run, resume, standIn, core } = await workflowBench();
    const { view, error } = await run(
      'name: Cut\nsteps:\n  - { id: one, type: ai_processing, config: { prompt: "@stand-in:no-metadata", max_tokens: 20 } }\n',
    );
    expect(error?.code).toBe('stream_incomplete');
    const resumed = await resume(view.runId);
    expect(resumed.error).toBeNull();
    expect(statusesOf(resumed)).toEqual({ one: 'success' });
    expect(String(resumed.outputs['one'])).not.toBe('');
    expect(standIn.calls).toHaveLength(1);
    expect(resumed.view.cost).toBe((await core.budget()).spent);
  });

  it('ends when its cost limit is reached, and never spends more', async () => {
    const { run, core } = await workflowBench();
    const { error, view } = await run(chain.replace('name: Chain', 'name: Chain\ncost_limit_usd: "0.0015"'));
    expect(error).toMatchObject({ code: 'cost_limit_exceeded' });
    expect(view.cost ?? 0n).toBeLessThanOrEqual(1500n);
    expect(await core.budget()).toMatchObject({ reserved: 0n, spent: view.cost });
  });

  it('isn’t begun when the day can’t pay for it, or its agreements cost more than it may', async () => {
    const { run, core, prompts } = await workflowBench({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.5' });
    await expect(run(chain)).rejects.toMatchObject({ code: 'budget_exceeded' });
    const flow = `name: Dear\ncost_limit_usd: "0.000001"\nsteps:\n  - { id: test, type: flow, config: { command: "[Performance Test]" } }\n`;
    await expect(run(flow)).rejects.toMatchObject({ code: 'cost_limit_exceeded' });
    await expect(run(flow.replace('[Performance Test]', '[No Such Thing]'))).rejects.toMatchObject({
      code: 'flow_not_matched',
    });
    expect(prompts()).toEqual([]);
    expect(await core.budget()).toMatchObject({ reserved: 0n, spent: 0n });
    // Only the first one was begun, and says why it ended.
    expect((await core.workflows.list(20)).runs).toMatchObject([
      { status: 'failed', resumable: true, error: { code: 'budget_exceeded' } },
    ]);
  });

  it('ends its calls when it is stopped, and goes on later', async () => {
    const { run, resume, standIn, core } = await workflowBench();
    const stop = new AbortController();
    const text = `name: Stopped\nsteps:\n${model('one')}${gated('two', 'one')}${model('three', ['two'])}`;
    standIn.behave = null;
    const running = run(text, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'step_started' && event.step === 'two')
          void until(() => standIn.calls.length === 2).then(() => stop.abort());
      },
    });
    const stopped = await running;
    expect(stopped.error?.code).toBe('cancelled');
    expect(stopped.error?.exitCode).toBe(130);
    expect(stopped.view).toMatchObject({ status: 'cancelled', resumable: true });
    expect(statusesOf(stopped)).toEqual({ one: 'success', two: 'cancelled', three: 'waiting' });
    expect((await core.budget()).reserved).toBe(0n);
    standIn.openGate();
    const resumed = await resume(stopped.view.runId);
    expect(resumed.error).toBeNull();
    expect(standIn.calls).toHaveLength(4);
    expect(resumed.view.cost).toBe((await core.budget()).spent);
  });

  it('asks before a step is repeated that can’t run twice', async () => {
    const { run, resume, standIn } = await workflowBench();
    const stop = new AbortController();
    const { view } = await run(
      `name: Once\nsteps:\n  - { id: sent, type: ai_processing, idempotent: false, config: { prompt: "Send. @stand-in:gate", max_tokens: 20 } }\n`,
      {
        signal: stop.signal,
        onEvent: (event) => {
          if (event.type === 'step_started')
            void until(() => standIn.calls.length === 1).then(() => stop.abort());
        },
      },
    );
    await expect(resume(view.runId)).rejects.toMatchObject({
      code: 'invalid_request',
      hint: expect.stringContaining('--repeat sent') as string,
    });
    standIn.openGate();
    const asked: string[] = [];
    const { error } = await resume(view.runId, { mayRepeat: (step) => asked.push(step) > 0 });
    expect({ error, asked }).toEqual({ error: null, asked: ['sent'] });
  });

  it('is never worked on twice at the same time, and is seen by others while it goes on', async () => {
    const { run, resume, standIn, core } = await workflowBench();
    let runId = '';
    const running = run(
      'name: Held\nsteps:\n  - { id: one, type: ai_processing, config: { prompt: "One. @stand-in:gate" } }\n',
      {
        onEvent: (event) => {
          if (event.type === 'run_started') ({ runId } = event);
        },
      },
    );
    await until(() => standIn.calls.length === 1);
    await expect(resume(runId)).rejects.toMatchObject({ code: 'flow_running' });
    expect(await core.workflows.view(runId)).toMatchObject({
      status: 'running',
      cost: null,
      steps: [{ id: 'one', status: 'running' }],
    });
    standIn.openGate();
    expect((await running).error).toBeNull();
    expect(await core.workflows.view(runId)).toMatchObject({ status: 'success', resumable: false });
  });

  it('runs as it was begun, although its file was changed since', async () => {
    const { run, resume, standIn, file, prompts } = await workflowBench({ TIDYLLM_RETRY_ATTEMPTS: '1' });
    standIn.behave = (_call, index) => (index === 1 ? { refusal: 'validation' } : {});
    const text = chain.replaceAll('@stand-in:text=', '');
    file('workflow.yaml', text);
    const { view } = await run(text);
    file('workflow.yaml', 'name: Another\nsteps: []\n');
    expect((await resume(view.runId)).error).toBeNull();
    expect(prompts().map((prompt) => /Task (\w+)/.exec(prompt)?.[1])).toEqual(['one', 'two', 'two', 'three']);
  });
});

describe('what a run keeps', () => {
  it('is sealed, and with another content policy than full nothing of its texts is on disk', async () => {
    const { run, resume, home, folder } = await workflowBench({
      TIDYLLM_AUDIT_CONTENT: 'hash',
      TIDYLLM_CACHE_ENABLED: 'false',
      TIDYLLM_RETRY_ATTEMPTS: '1',
    });
    const text = `name: Quiet\nsteps:\n${model('one', [], ' ORANGES')}  - { id: two, type: data_input, depends_on: [one], config: { source: missing.txt } }\n`;
    const { view, error } = await run(text, { file: null });
    expect(error).toMatchObject({ code: 'invalid_request' });
    expect(view).toMatchObject({ resumable: false, status: 'failed' });
    expect(view.warnings).toEqual([expect.stringContaining('can’t be resumed')]);
    await expect(resume(view.runId)).rejects.toMatchObject({
      hint: expect.stringContaining('audit.content: full') as string,
    });
    expect(filesIn(home).filter((path) => readFileSync(path).includes('ORANGES'))).toEqual([]);
    expect(filesIn(folder)).toEqual([]);
  });

  it('can’t be read when a line was changed or taken out, and is gone when its user is erased', async () => {
    const { run, home, core } = await workflowBench();
    const { view } = await run(chain);
    const path = join(home, 'workflows', 'live', `${view.runId}.lines`);
    const lines = readFileSync(path, 'utf8');
    expect(lines).not.toContain('Task one');
    writeFileSync(path, lines.split('\n').toSpliced(2, 1).join('\n'));
    await expect(core.workflows.view(view.runId)).rejects.toMatchObject({ code: 'content_unavailable' });
    expect(await core.workflows.list(20)).toEqual({ runs: [], unreadable: 1 });
    writeFileSync(path, lines);
    expect((await core.workflows.list(20)).runs).toHaveLength(1);
    await core.eraseContent('ada', 'JIRA-2 asked to be forgotten');
    expect(await core.workflows.list(20)).toEqual({ runs: [], unreadable: 0 });
  });

  it('is listed so far back as it is asked for, also of one workflow among others', async () => {
    const { run, core, folder } = await workflowBench();
    const named = (name: string): string =>
      `name: ${name}\nsteps:\n  - { id: one, type: transform, config: { template: x } }\n`;
    const ids: string[] = [];
    for (const name of ['Mine', 'Other', 'Mine', 'Mine', 'Other']) {
      const { view } = await run(named(name));
      if (name === 'Mine') ids.unshift(view.runId);
    }
    const mine = { file: join(folder, 'workflow.yaml'), name: 'Mine' };
    expect((await core.workflows.list(2, mine)).runs.map(({ runId }) => runId)).toEqual(ids.slice(0, 2));
    expect((await core.workflows.list(9, mine)).runs.map(({ runId }) => runId)).toEqual(ids);
    expect((await core.workflows.list(4)).runs).toHaveLength(4);
  });

  it('says which answers came from the cache, which cost nothing', async () => {
    const { run, prompts, core } = await workflowBench({ TIDYLLM_CACHE_ENABLED: 'true' });
    const first = await run(chain);
    const second = await run(chain);
    expect(prompts()).toHaveLength(3);
    expect(second.view.steps.map(({ cached, cost }) => ({ cached, cost }))).toEqual(
      Array.from({ length: 3 }, () => ({ cached: true, cost: 0n })),
    );
    expect((await core.budget()).spent).toBe(first.view.cost);
  });

  it('gives operations measured durations and costs', async () => {
    const { run, core, folder } = await workflowBench({ TIDYLLM_CACHE_ENABLED: 'false' });
    const given = { file: join(folder, 'workflow.yaml'), text: chain };
    expect(await core.workflows.processWorkflow('analyze', given)).toMatchObject({ estimated: true });
    await run(chain);
    const { view } = await run(chain);
    const analyzed = await core.workflows.processWorkflow('analyze', given);
    expect(analyzed.estimated).toBe(false);
    expect(analyzed.steps.map(({ basis }) => basis)).toEqual(Array(3).fill('median of 2 runs'));
    expect(analyzed.steps[0]?.medianCost).toBe(view.steps[0]?.cost);
    const other = await core.workflows.processWorkflow('analyze', { ...given, file: '/elsewhere.yaml' });
    expect(other.estimated).toBe(true);
  });
});

describe('what was agreed about a run', () => {
  it('is warned about before it is missed, and said when it was', async () => {
    const { run, standIn } = await workflowBench();
    standIn.behave = () => ({ delayMs: 120 });
    const events: RunEvent[] = [];
    const agreed = chain
      .replaceAll(/@stand-in:text=\w+/g, '')
      .replace('name: Chain', 'name: Chain\nflow_agreements: { performance_sla: 0.2 }');
    const { view } = await run(agreed, { onEvent: (event) => events.push(event) });
    const types = events.map(({ type }) => type);
    expect(types.indexOf('warning')).toBeLessThan(types.lastIndexOf('step_started'));
    expect(view.warnings).toEqual([expect.stringMatching(/^The agreed 0\.2 s will probably be missed/)]);
    expect(view).toMatchObject({ slaMissed: true, status: 'success' });
  });

  it('has no effect where agreements in workflows are off', async () => {
    const { run } = await workflowBench({ TIDYLLM_WORKFLOW_ENABLE_FLOW_AGREEMENTS: 'false' });
    const { view } = await run(
      chain.replace('name: Chain', 'name: Chain\nflow_agreements: { performance_sla: 0.001 }'),
    );
    expect(view).toMatchObject({ slaSeconds: null, slaMissed: false, warnings: [] });
  });

  it('is checked before it starts: a secret never leaves, and what is kept back is recorded', async () => {
    const { run, prompts, core } = await workflowBench();
    const key = ['Use AKIA', 'QYLPMN5HNM3DGHVA'].join('');
    const secret = chain
      .replace('Task one', key)
      .replace(
        'name: Chain',
        'name: Chain\nflow_agreements: { performance_sla: 300, compliance_level: enterprise }',
      );
    await expect(run(secret)).rejects.toMatchObject({ code: 'compliance_blocked', exitCode: 8 });
    expect(prompts()).toEqual([]);
    expect(await recordsOf(core, 'REFUSE')).toMatchObject([
      { error_code: 'compliance_blocked', flow: { agreement: 'workflow_chain', cost_limit_micro_usd: '0' } },
    ]);
    const redacts = { TIDYLLM_COMPLIANCE_SECRETS: 'redact' };
    const redacted = await workflowBench(redacts);
    expect((await redacted.run(secret)).view.warnings).toEqual([
      expect.stringContaining('enterprise.secrets'),
    ]);
    const unchecked = await workflowBench({ ...redacts, TIDYLLM_WORKFLOW_COMPLIANCE_MODE: 'false' });
    expect((await unchecked.run(secret)).view.warnings).toEqual([]);
  });
});

describe('what the calls of a run are for', () => {
  it('is said by the file, where policy asks for it', async () => {
    const required = {
      TIDYLLM_COMPLIANCE_USE_CLASSES: 'internal',
      TIDYLLM_COMPLIANCE_USE_CLASS_REQUIRED: 'true',
    };
    const { run, core } = await workflowBench(required);
    await expect(run(chain)).rejects.toMatchObject({ code: 'compliance_blocked' });
    const { error } = await run(`use_class: internal\n${chain}`);
    expect(error).toBeNull();
    const classes = (await recordsOf(core, 'note')).flatMap(({ data }) => data['use_class'] ?? []);
    expect(classes).toEqual(['internal', 'internal', 'internal']);
  });
});

describe('a run is refused', () => {
  it('without a reason, an input, a valid file, or trust', async () => {
    const { run, core } = await workflowBench();
    await expect(run(chain, { reason: ' ' })).rejects.toMatchObject({ code: 'audit_reason_missing' });
    await expect(run(chain, { trusted: false })).rejects.toMatchObject({ code: 'flow_not_approved' });
    await expect(run(chain, { inputs: { city: 'Bonn' } })).rejects.toThrow('no input "city"');
    await expect(run(`inputs: { city: null }\n${chain}`)).rejects.toThrow('"city" must be given');
    await expect(run('name: Empty\nsteps: []\n')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await core.workflows.list(20)).toEqual({ runs: [], unreadable: 0 });
  });

  it.each([
    ['../elsewhere.txt', /outside of the workspace/],
    ['/etc/hostname', /outside of the workspace/],
    ['link.txt', /a link is on the way/],
    ['linked/secret.txt', /a link is on the way/],
    ['.env', /holds keys/],
    ['customers/ada.txt', /Policy keeps .* back/],
    ['missing.txt', /can’t be read/],
  ])('to read %s', async (source, message) => {
    const bench = await workflowBench();
    const { file, folder } = bench;
    file('.env', 'A=1');
    file('customers/ada.txt', 'x');
    file('.tidyllm/settings.yaml', 'compliance: { paths_denied: [customers] }\n');
    mkdirSync(join(folder, 'real'));
    symlinkSync('/etc/hostname', join(folder, 'link.txt'));
    symlinkSync('/etc', join(folder, 'linked'));
    const denied = await workflowBench(
      {},
      { folders: [folder], workspaceFiles: [join(folder, '.tidyllm/settings.yaml')] },
    );
    const { error } = await denied.run(
      `name: Reads\nsteps:\n  - { id: in, type: data_input, config: { source: ${source} } }\n`,
      { origin: { door: 'cli', folder, branch: null } },
    );
    expect(error?.message).toMatch(message);
  });

  it.each([
    ['../out.txt', /outside of the workspace/],
    ['.git/hooks/post-commit', /file of git/],
    ['.vscode/tasks.json', /sets what tools do/],
    ['link.txt', /a link is on the way/],
    ['id_rsa', /holds keys/],
  ])('to write %s', async (destination, message) => {
    const { run, folder } = await workflowBench();
    symlinkSync(join(folder, '..', 'target.txt'), join(folder, 'link.txt'));
    const { error } = await run(
      `name: Writes\nsteps:\n  - { id: text, type: transform, config: { template: x } }\n  - { id: out, type: data_output, depends_on: [text], config: { destination: ${destination} } }\n`,
    );
    expect(error?.message).toMatch(message);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
