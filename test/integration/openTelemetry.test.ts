import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { traceIdOf } from '../../src/tracking/trackedCall.ts';
import { tidyllm } from '../support/commandLine.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { startOtlp, type OtlpServer } from '../support/servers.ts';
import { temporaryFolder } from '../support/temporary.ts';

type Value = {
  stringValue?: string;
  intValue?: string | number;
  doubleValue?: number;
  boolValue?: boolean;
} & {
  arrayValue?: { values: Value[] };
};
interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: Value }[];
  status: { code: number; message?: string };
}
interface Point {
  attributes: { key: string; value: Value }[];
  count: string;
  sum: number;
}
interface Metric {
  name: string;
  unit: string;
  histogram: { dataPoints: Point[]; aggregationTemporality: number };
}
interface Received {
  resourceSpans?: { scopeSpans: { spans: Span[] }[] }[];
  resourceMetrics?: { scopeMetrics: { metrics: Metric[] }[] }[];
}

/** The collector is a program of its own, which not every machine has; the schema is checked everywhere. */
const { OTEL_COLLECTOR: collector } = process.env;
const servers: [name: string, program: string | undefined][] = [
  ['a server with the schema of OTLP', undefined],
  ...(collector ? [['the OpenTelemetry collector', collector] satisfies [string, string]] : []),
];

describe.each(servers)('%s', (_name, program) => {
  let server: OtlpServer;
  beforeAll(async () => {
    server = await startOtlp(program);
  }, 60_000);
  afterAll(() => server.kill());

  async function tracked(environment: Record<string, string> = {}): Promise<TestGateway> {
    return gatewayOnStandIn({
      TIDYLLM_MLFLOW_ENABLED: 'false',
      TIDYLLM_TELEMETRY_OTLP_ENDPOINT: server.url,
      ...environment,
    });
  }

  function ask({ core }: TestGateway, request: LlmRequest): Promise<LlmResponse> {
    return core.registry
      .calls()
      .execute({ auditReason: 'JIRA-1 telemetry', modelId: 'claude-haiku', ...request });
  }

  async function send({ core }: TestGateway): Promise<void> {
    const status = await core.tracking.tracker.sendNow(AbortSignal.timeout(60_000));
    expect(status).toMatchObject({ fault: null, receivers: [{ waiting: 0, refused: 0, lastError: null }] });
  }

  function received(): Received[] {
    if (!existsSync(server.file)) return [];
    const lines = readFileSync(server.file, 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as Received);
  }

  /** The spans of a call, once they are there: a collector writes them a little later. */
  async function spansOf({ auditTrail }: LlmResponse): Promise<Span[]> {
    const traceId = traceIdOf(auditTrail?.callId ?? '');
    const found = (): Span[] =>
      received()
        .flatMap(({ resourceSpans = [] }) => resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
        .filter((span) => span.traceId === traceId);
    await expect.poll(() => found().length).toBeGreaterThan(0);
    return found();
  }

  it('gets a call as spans by the conventions for generative AI, without its texts', async () => {
    const gateway = await tracked();
    const response = await ask(gateway, {
      prompt: 'a private hello',
      conversation: 'c0ffee',
      temperature: 0.5,
    });
    await send(gateway);
    const spans = await spansOf(response);
    const [root, attempt, model] = spans;
    expect(spans.map(({ name }) => name)).toEqual([
      'workflow_optimizer',
      'corporate_llm',
      `chat ${response.modelUsed}`,
    ]);
    expect([attempt?.parentSpanId, model?.parentSpanId]).toEqual([root?.spanId, attempt?.spanId]);
    // SPAN_KIND_CLIENT
    expect(model?.kind).toBe(3);
    expect(factsOf(model?.attributes)).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'aws.bedrock',
      'gen_ai.request.model': response.modelUsed,
      'gen_ai.response.model': response.modelUsed,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.max_tokens': 4000,
      'gen_ai.response.finish_reasons': ['end_turn'],
      'gen_ai.usage.input_tokens': response.tokenUsage.input,
      'gen_ai.usage.output_tokens': response.tokenUsage.output,
      'gen_ai.conversation.id': 'c0ffee',
      'tidyllm.cost_usd': Number(response.cost) / 1e6,
    });
    expect(factsOf(root?.attributes)).toMatchObject({
      'tidyllm.reason': 'JIRA-1 telemetry',
      'user.id': 'ada',
    });
    expect(readFileSync(server.file, 'utf8')).not.toContain('private hello');
  });

  it('gets a failed call with its error', async () => {
    const gateway = await tracked();
    const response = await ask(gateway, { prompt: '@stand-in:throttled' });
    await send(gateway);
    const spans = await spansOf(response);
    for (const { status, attributes } of spans) {
      expect(status).toEqual({ code: 2, message: 'backend_throttled' });
      expect(factsOf(attributes)).toMatchObject({ 'error.type': 'backend_throttled' });
    }
  });

  it.each([
    ['redacted', false],
    ['full', true],
  ])('gets texts with audit.content %s: %s', async (policy, there) => {
    const gateway = await tracked({ TIDYLLM_AUDIT_CONTENT: policy });
    const response = await ask(gateway, { prompt: `question under ${policy}` });
    await send(gateway);
    const texts = JSON.stringify(await spansOf(response));
    expect(texts.includes(`question under ${policy}`)).toBe(there);
    expect(texts.includes('gen_ai.output.messages')).toBe(there);
  });

  it('gets tokens and durations as the two metrics of the conventions', async () => {
    const gateway = await tracked();
    // One model that no other test asks, so that its points are of this test alone.
    const responses = [
      await ask(gateway, { prompt: 'one', modelId: 'claude-sonnet' }),
      await ask(gateway, { prompt: 'two', modelId: 'claude-sonnet' }),
    ];
    await send(gateway);
    await spansOf(responses[1] as LlmResponse);
    const model = responses[0]?.modelUsed;
    const points = (name: string): Point[] =>
      received()
        .flatMap(({ resourceMetrics = [] }) => resourceMetrics)
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
        .filter((metric) => metric.name === name)
        .flatMap(({ histogram }) => histogram.dataPoints)
        .filter(({ attributes }) => factsOf(attributes)['gen_ai.response.model'] === model);
    await expect.poll(() => points('gen_ai.client.operation.duration').length).toBeGreaterThan(0);
    const sum = (all: readonly Point[]): number => all.reduce((total, point) => total + point.sum, 0);
    const count = (all: readonly Point[]): number =>
      all.reduce((total, point) => total + Number(point.count), 0);
    const of = (type: string): Point[] =>
      points('gen_ai.client.token.usage').filter(
        ({ attributes }) => factsOf(attributes)['gen_ai.token.type'] === type,
      );
    expect(sum(of('input'))).toBe(responses.reduce((total, { tokenUsage }) => total + tokenUsage.input, 0));
    expect(sum(of('output'))).toBe(responses.reduce((total, { tokenUsage }) => total + tokenUsage.output, 0));
    expect(count(points('gen_ai.client.operation.duration'))).toBe(2);
    const seconds = responses.reduce((total, { processingTimeMs }) => total + processingTimeMs / 1000, 0);
    expect(sum(points('gen_ai.client.operation.duration'))).toBeGreaterThan(0);
    expect(sum(points('gen_ai.client.operation.duration'))).toBeLessThan(seconds);
  });

  it('is told of by the user’s settings only: a workspace can’t name another', async () => {
    const [home, folder] = [temporaryFolder(), temporaryFolder()];
    mkdirSync(`${folder}/.tidyllm`);
    mkdirSync(`${folder}/.git`);
    writeFileSync(
      `${folder}/.tidyllm/settings.yaml`,
      `telemetry:\n  otlp_endpoint: ${server.url}\nmlflow:\n  tracking_uri: ${server.url}\n`,
    );
    const { stdout } = await tidyllm(['--json', 'tracking', 'status'], {
      environment: { TIDYLLM_HOME: home, XDG_STATE_HOME: home, AWS_EC2_METADATA_DISABLED: 'true' },
      cwd: folder,
    });
    expect(stdout).not.toContain(server.url);
  });
});

function factsOf(attributes: Span['attributes'] = []): Record<string, unknown> {
  const plain = ({ arrayValue, intValue, ...value }: Value): unknown =>
    arrayValue?.values.map(plain) ??
    (intValue === undefined ? undefined : Number(intValue)) ??
    value.stringValue ??
    value.doubleValue ??
    value.boolValue;
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}
