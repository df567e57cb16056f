import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { MlflowReceiver } from '../../src/adapters/mlflowReceiver.ts';
import type { Core } from '../../src/core/core.ts';
import { Comparison } from '../../src/gateways/comparison.ts';
import type { LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { trackingFindings } from '../../src/health/trackingFindings.ts';
import { Network } from '../../src/sessions/network.ts';
import { Sender } from '../../src/tracking/sender.ts';
import { Spool } from '../../src/tracking/spool.ts';
import { traceIdOf, type TrackedCall } from '../../src/tracking/trackedCall.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { runCommand } from '../support/flowRuns.ts';
import { gatewayOnMock, gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import {
  experimentIdOf,
  runsIn,
  spansOf,
  tracesIn,
  tracesOfRun,
  type StoredSpan,
  type StoredTrace,
} from '../support/mlflowTraces.ts';
import { recordsOf } from '../support/records.ts';
import { startMlflow, type Server } from '../support/servers.ts';
import { trackedCallFor } from '../support/trackedCalls.ts';
import { temporaryFolder } from '../support/temporary.ts';

let mlflow: Server;
beforeAll(async () => {
  mlflow = await startMlflow();
}, 120_000);
afterAll(() => mlflow.kill());

let experiments = 0;

/** A gateway that tracks in an experiment of its own. */
async function tracked(
  environment: Record<string, string> = {},
): Promise<TestGateway & { experiment: string; ask: (request?: LlmRequest) => Promise<LlmResponse> }> {
  experiments += 1;
  const experiment = `experiment-${experiments}`;
  const gateway = await gatewayOnStandIn({
    MLFLOW_TRACKING_URI: mlflow.url,
    MLFLOW_EXPERIMENT_NAME: experiment,
    TIDYLLM_RETRY_BASE_DELAY_MS: '1',
    ...environment,
  });
  const ask = (request: LlmRequest = {}): Promise<LlmResponse> =>
    gateway.core.registry
      .calls()
      .execute({ prompt: 'hello', auditReason: 'JIRA-1 tracking', modelId: 'claude-haiku', ...request });
  return { ...gateway, experiment, ask };
}

/** Sends all, and says what is left. */
async function sent({
  tracking,
}: Core): Promise<{ waiting: number; refused: number; lastError: string | null }> {
  const { receivers, fault } = await tracking.tracker.sendNow(AbortSignal.timeout(60_000));
  expect(fault).toBeNull();
  const [{ waiting, refused, lastError } = { waiting: -1, refused: -1, lastError: null }] = receivers;
  return { waiting, refused, lastError };
}

const allSent = { waiting: 0, refused: 0, lastError: null };

async function traceOf(experiment: string, callId: string): Promise<StoredTrace> {
  const traces = await tracesIn(mlflow.url, experiment);
  const found = traces.find((trace) => trace.trace_id === `tr-${traceIdOf(callId)}`);
  if (!found) throw new Error(`MLflow has no trace of ${callId}.`);
  return found;
}

function spanNamed(spans: readonly StoredSpan[], name: RegExp): StoredSpan {
  const found = spans.find((span) => name.test(span.name));
  if (!found) throw new Error(`There is no span ${name}: ${spans.map((one) => one.name).join(', ')}.`);
  return found;
}

describe('a call in MLflow', () => {
  it('has its level, its attempt and its model below each other, and what it belongs to as tags', async () => {
    const { core, experiment, ask } = await tracked();
    const origin = { door: 'chat', folder: temporaryFolder(), branch: 'main' };
    const { auditTrail, cost, tokenUsage } = await ask({ origin, conversation: 'c0ffee' });
    expect(await sent(core)).toEqual(allSent);
    const callId = auditTrail?.callId ?? '';
    const { state, tags, trace_metadata: metadata } = await traceOf(experiment, callId);
    expect(state).toBe('OK');
    expect(tags).toMatchObject({
      'mlflow.traceName': 'claude-haiku',
      'tidyllm.reason': 'JIRA-1 tracking',
      'tidyllm.user': 'ada',
      'tidyllm.workspace': expect.stringContaining('tidyllm-'),
      'tidyllm.branch': 'main',
      'tidyllm.front_door': 'chat',
      'tidyllm.call_id': callId,
      'tidyllm.record': String(auditTrail?.sequence),
      'tidyllm.record_hash': auditTrail?.hash,
      'tidyllm.backend': 'bedrock',
      'tidyllm.simulated': 'false',
      'tidyllm.cache_hit': 'false',
    });
    expect(metadata).toMatchObject({ 'mlflow.trace.user': 'ada', 'mlflow.trace.session': 'c0ffee' });
    const usage = { input_tokens: tokenUsage.input, output_tokens: tokenUsage.output };
    expect(JSON.parse(metadata['mlflow.trace.tokenUsage'] ?? '')).toMatchObject(usage);
    const costs = JSON.parse(metadata['mlflow.trace.cost'] ?? '') as Record<string, number>;
    expect(costs['total_cost']).toBe(Number(cost) / 1e6);
    expect((costs['input_cost'] ?? 0) + (costs['output_cost'] ?? 0)).toBeCloseTo(costs['total_cost'] ?? 0, 9);

    const spans = await spansOf(mlflow.url, `tr-${traceIdOf(callId)}`);
    const [root, attempt, model] = [/^workflow_optimizer$/, /^corporate_llm$/, /^chat /].map((name) =>
      spanNamed(spans, name),
    );
    expect(spans).toHaveLength(3);
    expect(attempt?.parent_span_id).toBe(root?.span_id);
    expect(model?.parent_span_id).toBe(attempt?.span_id);
    expect(model?.attributes).toMatchObject({
      'mlflow.spanType': 'CHAT_MODEL',
      'mlflow.llm.provider': 'bedrock',
    });
    for (const span of [root, attempt])
      expect(Object.keys(span?.attributes ?? {})).not.toContain('mlflow.llm.cost');
  });

  it('shows every attempt, the failed ones with their error', async () => {
    const { core, experiment, ask } = await tracked({ TIDYLLM_RETRY_ATTEMPTS: '2' });
    const { attemptGroup, error } = await ask({ prompt: '@stand-in:throttled' });
    expect(error?.code).toBe('backend_throttled');
    expect(await sent(core)).toEqual(allSent);
    const trace = await traceOf(experiment, attemptGroup ?? '');
    expect(trace).toMatchObject({ state: 'ERROR', tags: { 'tidyllm.attempts': '2' } });
    const spans = await spansOf(mlflow.url, trace.trace_id);
    const attempts = spans.filter(({ name }) => name === 'corporate_llm');
    expect(attempts.map(({ status }) => status.message)).toEqual(['backend_throttled', 'backend_throttled']);
  });

  it('that is refused or answered by the cache is there too, without a model', async () => {
    const { core, experiment, ask } = await tracked({ TIDYLLM_CACHE_ENABLED: 'true' });
    const answers = [await ask(), await ask(), await ask({ auditReason: '' })];
    expect(answers.map(({ cacheHit, status }) => [cacheHit, status])).toEqual([
      [false, 'success'],
      [true, 'success'],
      [false, 'refused'],
    ]);
    expect(await sent(core)).toEqual(allSent);
    const [, hit, refused] = answers.map(({ auditTrail }) => auditTrail?.callId ?? '');
    const traces = await Promise.all([hit, refused].map((id = '') => traceOf(experiment, id)));
    expect(
      traces.map(({ state, tags }) => [state, tags['tidyllm.cache_hit'], tags['tidyllm.error_code']]),
    ).toEqual([
      ['OK', 'true', undefined],
      ['ERROR', 'false', 'audit_reason_missing'],
    ]);
    for (const { trace_id: id, trace_metadata: metadata } of traces) {
      expect((await spansOf(mlflow.url, id)).map(({ name }) => name)).not.toContainEqual(
        expect.stringMatching(/^chat/),
      );
      expect(metadata['mlflow.trace.tokenUsage']).toBeUndefined();
    }
  });

  it('is an EMBEDDING where texts were embedded', async () => {
    const { core, experiment, ask } = await tracked();
    const { prompt: _prompt, ...request } = {
      prompt: '',
      embedding: { texts: ['one'] },
      modelId: 'titan-embed',
    };
    const response = await core.registry.calls().execute({ ...request, auditReason: 'JIRA-1 tracking' });
    expect(response.error).toBeNull();
    await ask();
    expect(await sent(core)).toEqual(allSent);
    const { trace_id: id } = await traceOf(experiment, response.auditTrail?.callId ?? '');
    const model = spanNamed(await spansOf(mlflow.url, id), /^embeddings /);
    expect(model.attributes).toMatchObject({ 'mlflow.spanType': 'EMBEDDING' });
  });
});

describe('prompts and answers in MLflow', () => {
  const prompt = 'mail grace@example.com @stand-in:text=told grace@example.com';

  /** The texts of a call's spans, as MLflow has them. */
  async function textsUnder(policy: string): Promise<string> {
    const { core, experiment, ask } = await tracked({ TIDYLLM_AUDIT_CONTENT: policy });
    const { auditTrail } = await ask({ prompt });
    expect(await sent(core)).toEqual(allSent);
    const { trace_id: id } = await traceOf(experiment, auditTrail?.callId ?? '');
    return JSON.stringify(await spansOf(mlflow.url, id));
  }

  it.each(['none', 'hash'])('are never there with audit.content %s', async (policy) => {
    expect(await textsUnder(policy)).not.toMatch(/grace|told|@/);
  });

  it('are there redacted with audit.content redacted', async () => {
    const texts = await textsUnder('redacted');
    expect(texts).toMatch(/told \[EMAIL-\w{3}\]/);
    expect(texts).not.toContain('grace');
  });

  it('are there with audit.content full, a NUL replaced', async () => {
    const { core, experiment, ask } = await tracked({ TIDYLLM_AUDIT_CONTENT: 'full' });
    const { auditTrail } = await ask({ prompt: 'one\0two @stand-in:text=answered' });
    expect(await sent(core)).toEqual(allSent);
    const { trace_id: id } = await traceOf(experiment, auditTrail?.callId ?? '');
    const { attributes } = spanNamed(await spansOf(mlflow.url, id), /^chat/);
    expect(attributes['mlflow.spanInputs']).toEqual({
      messages: [{ role: 'user', content: 'one\ufffdtwo @stand-in:text=answered' }],
    });
    expect(JSON.stringify(attributes['mlflow.spanOutputs'])).toContain('answered');
  });

  it('are left out once the subject is erased, or policy no longer keeps them', async () => {
    const { core, experiment, ask, home } = await tracked({
      TIDYLLM_AUDIT_CONTENT: 'full',
      MLFLOW_TRACKING_URI: 'http://127.0.0.1:1',
    });
    const { auditTrail } = await ask({ prompt });
    await core.eraseContent('ada', 'JIRA-2 erasure');
    const spool = new Spool(`${home}/spool/live`, 'send');
    const settings = { ...core.loaded.settings.mlflow, tracking_uri: mlflow.url };
    const network = new Network({ environment: {} });
    const receiver = new MlflowReceiver(settings, { network, environment: {} });
    const sender = new Sender({ spool, receivers: [receiver], content: core.content, policy: 'full' });
    onTestFinished(() => {
      sender.dispose();
      network.dispose();
    });
    spool.hurry('mlflow');
    await sender.send(AbortSignal.timeout(60_000));
    const { trace_id: id } = await traceOf(experiment, auditTrail?.callId ?? '');
    expect(JSON.stringify(await spansOf(mlflow.url, id))).not.toMatch(/grace|told/);
  });
});

describe('runs in MLflow', () => {
  it('are FLOW runs with parameters and metrics, and their calls are linked', async () => {
    const { core, experiment } = await tracked();
    const { runId, calls, error } = await runCommand(core, '[Performance Test]');
    expect(error).toBeNull();
    expect(calls).toBeGreaterThan(1);
    expect(await sent(core)).toEqual(allSent);
    const runs = await runsIn(mlflow.url, experiment);
    expect(runs).toHaveLength(1);
    const [{ info, data } = { info: { run_id: '', status: '' }, data: {} }] = runs;
    expect(info.status).toBe('FINISHED');
    expect(data.tags).toContainEqual({ key: 'tidyllm.run', value: runId });
    expect(data.metrics).toContainEqual(expect.objectContaining({ key: 'calls', value: calls }));
    expect(data.params).toContainEqual({ key: 'outcome', value: 'success' });
    expect(await tracesOfRun(mlflow.url, info.run_id, experiment)).toHaveLength(calls);
  });

  it('of a killed process end as killed, by the next that sends', async () => {
    const { core, experiment, standIn } = await tracked();
    let flow: ChildProcess | undefined;
    standIn.behave = (_, index) => {
      if (index > 0) flow?.kill('SIGKILL');
      return {};
    };
    const environment = process.env as Record<string, string>;
    const args = ['flow', 'run', '[Performance Test] calls=9'];
    const { code } = await tidyllm(args, { environment, started: (child) => (flow = child) });
    expect(code).toBeNull();
    await core.ledger.recover();
    expect(await sent(core)).toEqual(allSent);
    const [{ info, data } = { info: { run_id: '', status: '' }, data: {} }] = await runsIn(
      mlflow.url,
      experiment,
    );
    expect(info.status).toBe('KILLED');
    const [start] = await recordsOf(core, 'flow_start');
    expect(data.tags).toContainEqual({ key: 'tidyllm.run', value: start?.run_id });
    expect(data.params).toContainEqual({ key: 'outcome', value: 'orphaned' });
    expect(await recordsOf(core, 'flow_end')).toMatchObject([{ outcome: 'orphaned' }]);
    expect(await tracesOfRun(mlflow.url, info.run_id, experiment)).toHaveLength(1);
  });

  it('are comparisons, with what each model came to', async () => {
    const { core, experiment } = await tracked();
    const request = { prompt: 'hello', auditReason: 'JIRA-1 tracking' };
    const comparison = await Comparison.of(request, ['claude-haiku', 'claude-sonnet'], core);
    const [haiku] = await comparison.run();
    expect(await sent(core)).toEqual(allSent);
    const [run] = await runsIn(mlflow.url, experiment);
    expect(run?.data.tags).toContainEqual({ key: 'tidyllm.run', value: comparison.id });
    const cost = { key: 'claude-haiku/cost_usd', value: Number(haiku?.cost) / 1e6 };
    expect(run?.data.metrics).toContainEqual(expect.objectContaining(cost));
    expect(await tracesOfRun(mlflow.url, run?.info.run_id ?? '', experiment)).toHaveLength(2);
  });
});

describe('what MLflow refuses', () => {
  it('is set aside alone, with the reason; the others arrive, however long their user’s name', async () => {
    const { core, experiment, home } = await tracked();
    const spool = new Spool(`${home}/spool/live`, 'call');
    onTestFinished(() => spool.close());
    // Its trace id has letters that are no hexadecimal digits.
    const bad = trackedCallFor({ id: 'not-hexadecimal' });
    const good = Array.from({ length: 9 }, () => trackedCallFor({ user: 'u'.repeat(500), reason: 'a\0b' }));
    for (const call of [...good.slice(0, 4), bad, ...good.slice(4)] satisfies TrackedCall[])
      spool.add(call, ['mlflow']);
    expect(await sent(core)).toEqual({ waiting: 0, refused: 1, lastError: null });
    const ids = (await tracesIn(mlflow.url, experiment)).map((trace) => trace.trace_id);
    expect(ids.toSorted()).toEqual(good.map(({ id }) => `tr-${traceIdOf(id)}`).toSorted());
    const [found] = trackingFindings(core.loaded, core.tracking.tracker.status());
    expect(found).toMatchObject({
      state: 'warning',
      evidence: expect.stringMatching(/refuses 1 \(HTTP 4\d\d/),
    });
  });
});

describe('MLflow', () => {
  it('gets a new experiment where the old one is gone for good', async () => {
    const { core, experiment, ask } = await tracked();
    await ask();
    expect(await sent(core)).toEqual(allSent);
    const experiment_id = await experimentIdOf(mlflow.url, experiment);
    await fetch(`${mlflow.url}/api/2.0/mlflow/experiments/delete`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ experiment_id }),
    });
    await ask();
    const { waiting, lastError } = await sent(core);
    // MLflow 3.17 takes traces of a deleted experiment, or says that it is gone: then a person must decide.
    if (waiting > 0) expect(lastError).toMatch(/was deleted in MLflow/);
    else expect(lastError).toBeNull();
  });

  it.each([
    [{ MLFLOW_TRACKING_TOKEN: 'secret-token' }, 'Bearer secret-token'],
    [
      { MLFLOW_TRACKING_USERNAME: 'ada', MLFLOW_TRACKING_PASSWORD: 'secret' },
      `Basic ${Buffer.from('ada:secret').toString('base64')}`,
    ],
  ])('gets the login of %o with every request', async (login, expected) => {
    const logins = new Set<string | undefined>();
    const server = createServer(({ headers, url }, response) => {
      logins.add(headers.authorization);
      response.end(url?.includes('get-by-name') ? '{"experiment":{"experiment_id":"7"}}' : '');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { core, ask } = await tracked({ MLFLOW_TRACKING_URI: `http://127.0.0.1:${port}`, ...login });
    await ask();
    expect(await sent(core)).toEqual(allSent);
    expect([...logins]).toEqual([expected]);
  });

  it('that refuses the login keeps calls waiting, and health says why and what to do', async () => {
    const server = createServer((_request, response) => response.writeHead(401).end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { core, ask } = await tracked({ MLFLOW_TRACKING_URI: `http://127.0.0.1:${port}` });
    await ask();
    expect(await sent(core)).toMatchObject({
      waiting: 1,
      refused: 0,
      lastError: expect.stringContaining('refuses the login'),
    });
    const [found] = trackingFindings(core.loaded, core.tracking.tracker.status());
    expect(found).toMatchObject({ state: 'warning', hint: expect.stringContaining('tidyllm health mlflow') });
  });

  it('at the default address where nobody listens is no fault', async () => {
    const { core } = await gatewayOnMock({ MLFLOW_TRACKING_URI: '' });
    expect(core.loaded.settings.mlflow.tracking_uri).toBe('http://localhost:5000');
    const found = trackingFindings(core.loaded, {
      fault: null,
      folder: '/spool',
      receivers: core.tracking.tracker
        .status()
        .receivers.map((one) => ({ ...one, waiting: 3, lastError: 'refused' })),
    });
    expect(found).toMatchObject([{ state: 'not_configured', hint: '' }]);
  });

  it('is asked nothing where mlflow.enabled is false, and getCapabilities says so', async () => {
    const { core, ask } = await tracked({ TIDYLLM_MLFLOW_ENABLED: 'false' });
    expect((await ask()).success).toBe(true);
    expect(core.tracking.tracker.status().receivers).toEqual([]);
    const capabilities = core.registry.listServices().map((one) => one.capabilities?.['mlflowEnabled']);
    expect(capabilities).toContain(false);
    const on = await tracked();
    expect(on.core.registry.listServices().map((one) => one.capabilities?.['mlflowEnabled'])).toContain(true);
  });
});

describe('the command line', () => {
  function environmentOf(home: string, experiment: string): Record<string, string> {
    return {
      TIDYLLM_HOME: home,
      XDG_STATE_HOME: home,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: `${home}/none`,
      AWS_SHARED_CREDENTIALS_FILE: `${home}/none`,
      MLFLOW_TRACKING_URI: mlflow.url,
      MLFLOW_EXPERIMENT_NAME: experiment,
    };
  }

  it('a call waits where its command could not send it, the next command sends it, and audit show names the trace', async () => {
    const home = temporaryFolder();
    const environment = environmentOf(home, 'commands');
    const down = { ...environment, MLFLOW_TRACKING_URI: 'http://127.0.0.1:1' };
    const made = await tidyllmJson(['chat', 'hello', '--reason', 'JIRA-1 tracking'], { environment: down });
    expect(made.code).toBe(0);
    const before = await tidyllmJson(['tracking', 'status'], { environment: down });
    expect(before.document).toMatchObject({ receivers: [{ receiver: 'mlflow', waiting: 1, failures: 1 }] });
    const after = await tidyllmJson(['tracking', 'send'], { environment });
    expect(after).toMatchObject({ code: 0, document: { receivers: [{ waiting: 0 }] } });
    const { call_id: callId } = made.document['audit_trail'] as { call_id: string };
    const trace = await traceOf('commands', callId);
    const shown = await tidyllmJson(['audit', 'show', callId], { environment });
    expect(shown.document).toMatchObject({ trace_id: traceIdOf(callId) });
    expect((await tidyllm(['audit', 'show', callId], { environment })).stdout).toContain(trace.trace_id);
  });
});

it('a page of MLflow is named for a call', async () => {
  const { core, experiment, ask } = await tracked();
  const { auditTrail } = await ask();
  const callId = auditTrail?.callId ?? '';
  expect(await sent(core)).toEqual(allSent);
  const id = await experimentIdOf(mlflow.url, experiment);
  const page = `${mlflow.url}/#/experiments/${id}/traces?selectedEvaluationId=tr-${traceIdOf(callId)}`;
  expect(await core.tracking.pageOf({ call: callId })).toBe(page);
});

it('a spool that can’t be used fails no call, and health says so', async () => {
  const { core, ask, home } = await tracked();
  writeFileSync(join(home, 'spool'), '');
  expect(await ask()).toMatchObject({ success: true, gatewayTracked: true });
  const [found] = trackingFindings(core.loaded, core.tracking.tracker.status());
  expect(found).toMatchObject({ state: 'warning', evidence: expect.stringContaining('can’t be used') });
});

it('nothing of a prompt or key is in the spool', async () => {
  const { core, ask, home } = await tracked({
    TIDYLLM_AUDIT_CONTENT: 'full',
    MLFLOW_TRACKING_URI: 'http://127.0.0.1:1',
    MLFLOW_TRACKING_TOKEN: 'secret-token',
  });
  await ask({ prompt: 'a very private question' });
  const { folder } = core.tracking.tracker.status();
  expect(folder).toBe(`${home}/spool/live`);
  const files = readdirSync(folder).filter((name) => name.startsWith('spool.db'));
  const contents = files.map((name) => readFileSync(join(folder, name), 'latin1')).join('');
  expect(contents).toContain('JIRA-1 tracking');
  expect(contents).not.toMatch(/very private|secret-token/);
});
