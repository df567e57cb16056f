import { BedrockRuntimeClient, InvokeModelCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Core } from '../../src/core/core.ts';
import { embed, type EmbeddingRequest, type Embeddings } from '../../src/gateways/embeddings.ts';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { directServices, gatewayOn } from '../support/directGateways.ts';
import { figureOf, reportOf, runCommand } from '../support/flowRuns.ts';
import { gatewayOnMock, gatewayOnStandIn, isolatedEnvironment } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const titan = 'amazon.titan-embed-text-v2:0';
const cohere = 'cohere.embed-multilingual-v3';
const reason = 'JIRA-1 find similar texts';
const caching = { TIDYLLM_CACHE_ENABLED: 'true' };
const retrying = {
  TIDYLLM_RETRY_ATTEMPTS: '3',
  TIDYLLM_RETRY_BASE_DELAY_MS: '1',
  TIDYLLM_RETRY_MAX_DELAY_MS: '5',
};

async function embedded(core: Core, changes: Partial<EmbeddingRequest> = {}): Promise<Embeddings> {
  const gateway = { calls: core.registry.calls(), catalogue: core.catalogue };
  return embed(gateway, { texts: ['a cat'], modelId: titan, auditReason: reason, ...changes });
}

describe('the stand-in of InvokeModel', () => {
  it.each([
    [
      titan,
      { inputText: 'a cat', dimensions: 256 },
      ['embedding', 'embeddingsByType', 'inputTextTokenCount'],
    ],
    ['amazon.titan-embed-text-v1', { inputText: 'a cat' }, ['embedding', 'inputTextTokenCount']],
    [
      cohere,
      { texts: ['a cat'], input_type: 'search_query' },
      ['embeddings', 'id', 'response_type', 'texts'],
    ],
  ])('answers the AWS SDK as %s does', async (modelId, body, members) => {
    const standIn = await startBedrockStandIn();
    onTestFinished(() => standIn.close());
    const client = new BedrockRuntimeClient({
      region: 'us-east-1',
      endpoint: standIn.url,
      credentials: { accessKeyId: 'AKIASTANDIN', secretAccessKey: 'secret' },
      requestHandler: new NodeHttpHandler(),
    });
    onTestFinished(() => client.destroy());
    const command = new InvokeModelCommand({ modelId, body: JSON.stringify(body) });
    const answer = JSON.parse(Buffer.from((await client.send(command)).body).toString()) as object;
    expect(Object.keys(answer).sort()).toEqual(members);
    const wrong = new InvokeModelCommand({ modelId, body: JSON.stringify({ ...body, max_tokens: 5 }) });
    await expect(client.send(wrong)).rejects.toMatchObject({ name: 'ValidationException' });
  });
});

describe('an embedding', () => {
  it.each([
    [titan, { dimensions: 256 }, 256, { inputText: 'a cat', dimensions: 256, normalize: true }],
    [titan, { normalize: false }, 1024, { inputText: 'a cat', dimensions: 1024, normalize: false }],
    ['titan-embed', { dimensions: 512 }, 512, { inputText: 'a cat', dimensions: 512, normalize: true }],
    ['amazon.titan-embed-text-v1', {}, 1536, { inputText: 'a cat' }],
    [
      ...['cohere.embed-english-v3', { input_type: 'search_query' }, 1024],
      {
        ...{ texts: ['a cat'], input_type: 'search_query', truncate: 'NONE' },
        embedding_types: ['float'],
      },
    ],
    [
      ...['cohere.embed-v4:0', { dimensions: 512 }, 512],
      {
        ...{ texts: ['a cat'], input_type: 'search_document', truncate: 'NONE', output_dimension: 512 },
        embedding_types: ['float'],
      },
    ],
  ] as [string, Partial<EmbeddingRequest>, number, object][])(
    'of %s with %j comes with %i dimensions',
    async (modelId, options, dimensions, sent) => {
      const { core, standIn } = await gatewayOnStandIn();
      const result = await embedded(core, { modelId, ...options });
      expect(result).toMatchObject({ success: true, error: null, cacheHit: false, simulated: false });
      expect(result.vectors.map((vector) => vector?.length)).toEqual([dimensions]);
      expect(standIn.calls.map(({ operation, invoked }) => [operation, invoked])).toEqual([['invoke', sent]]);
    },
  );

  it('is reserved before it is sent, settled with the counted tokens, and recorded like any call', async () => {
    const { core } = await gatewayOnStandIn();
    const text = 'A sentence that has quite a number of words. '.repeat(200);
    const { cost, inputTokens, calls } = await embedded(core, { texts: [text] });
    expect(inputTokens).toBe(text.length / 4);
    // $0.02 for 1,000,000 tokens.
    expect(cost).toBe(BigInt(Math.ceil(inputTokens * 0.02)));
    const [reserved] = await recordsOf(core, 'RESERVE');
    const [settled] = await recordsOf(core, 'SETTLE');
    expect(reserved).toMatchObject({ reason, model_id: titan, max_tokens: 0, temperature: null });
    expect(BigInt(reserved!.reserved_micro_usd)).toBeGreaterThan(cost);
    expect(settled).toMatchObject({
      ...{ outcome: 'success', cost_micro_usd: cost.toString(), estimated: false },
      tokens: { input_tokens: inputTokens, output_tokens: 0 },
    });
    expect(await recordsOf(core, 'note')).toMatchObject([
      { topic: 'request.content', data: { embedded_texts: 1 } },
      { topic: 'compliance.request', data: { decision: 'allow' } },
    ]);
    expect(calls[0]?.auditTrail).toMatchObject({ sequence: settled?.seq });
    expect(await core.ledger.budget()).toMatchObject({ spent: cost, reserved: 0n });
  });

  it.each([
    ['no count', 'a cat @stand-in:uncounted'],
    ['no count above zero', 'a cat @stand-in:header=0', 'cohere.embed-english-v3'],
    ['a count that is none', 'a cat @stand-in:header=many', 'cohere.embed-english-v3'],
  ])('with %s is charged with its worst case', async (_name, text, modelId = titan) => {
    const { core } = await gatewayOnStandIn();
    await embedded(core, { texts: [text], modelId });
    const [reserved] = await recordsOf(core, 'RESERVE');
    const [settled] = await recordsOf(core, 'SETTLE');
    expect(settled).toMatchObject({ estimated: true, cost_micro_usd: reserved?.reserved_micro_usd });
  });

  it.each(['html', 'fewer-vectors'])('that can’t be used (%s) fails and is charged', async (directive) => {
    const { core } = await gatewayOnStandIn();
    const result = await embedded(core, { texts: [`a cat @stand-in:${directive}`] });
    expect(result).toMatchObject({ success: false, vectors: [null] });
    expect(result.error?.exitCode).toBe(6);
    expect(result.cost).toBeGreaterThan(0n);
  });

  it.each([
    ['no reason', { auditReason: ' ' }, 'audit_reason_missing'],
    ['a blank text', { texts: [' '] }, 'invalid_request'],
    ['no text', { texts: [] }, 'invalid_request'],
    ['a text that is too long', { texts: ['x'.repeat(2049)], modelId: cohere }, 'invalid_request'],
    ['dimensions that the model hasn’t', { dimensions: 300 }, 'invalid_request'],
    ['a model that answers', { modelId: 'claude-sonnet' }, 'model_not_recognized'],
    ['an unknown model', { modelId: 'text-embedding-9' }, 'model_not_recognized'],
    [
      'a model without a form here',
      { modelId: 'amazon.nova-2-multimodal-embeddings-v1:0' },
      'invalid_request',
    ],
  ])('with %s is refused before anything is sent, with a record', async (_name, changes, code) => {
    const { core, standIn } = await gatewayOnStandIn();
    const result = await embedded(core, changes);
    expect(result).toMatchObject({ success: false, cost: 0n, error: { code } });
    expect(result.error?.hint).not.toBe('');
    expect(standIn.calls).toEqual([]);
    expect(await recordsOf(core, 'REFUSE')).toMatchObject([{ error_code: code }]);
  });

  it('without a known price is refused', async () => {
    const { core, standIn } = await gatewayOnStandIn({ AWS_REGION: 'eu-central-1' });
    expect(await embedded(core)).toMatchObject({ error: { code: 'price_unknown' } });
    expect(standIn.calls).toEqual([]);
  });

  it('stops at the budget, and offers no model whose vectors could not be compared', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.0001' });
    const result = await embedded(core, { texts: ['x'.repeat(40_000)] });
    expect(result.error).toMatchObject({ code: 'budget_exceeded', offer: { maxTokens: null, models: [] } });
    expect(standIn.calls).toEqual([]);
  });

  it('of a request with a conversation is refused', async () => {
    const { core } = await gatewayOnStandIn();
    const request = { embedding: { texts: ['a cat'] }, prompt: 'And?', modelId: titan, auditReason: reason };
    const response = await core.registry.calls().execute(request);
    expect(response.error).toMatchObject({ code: 'invalid_request' });
    expect(response.error?.message).toContain('no prompt');
  });

  it('is asked again after throttling, each attempt with a record, and charged once', async () => {
    const { core, standIn } = await gatewayOnStandIn(retrying);
    standIn.behave = (_call, index) => (index < 2 ? { refusal: 'throttled' } : {});
    const result = await embedded(core);
    expect(result).toMatchObject({ success: true, calls: [{ attempts: 3 }] });
    expect(await recordsOf(core, 'VOID')).toHaveLength(2);
    expect(await core.ledger.budget()).toMatchObject({ spent: result.cost });
  });

  it('comes from the cache the second time, number by number the same, at no cost', async () => {
    const { core, standIn } = await gatewayOnStandIn(caching);
    const first = await embedded(core);
    const second = await embedded(core);
    expect(second).toMatchObject({ cacheHit: true, cost: 0n, vectors: first.vectors });
    expect(second.inputTokens).toBe(first.inputTokens);
    const shorter = await embedded(core, { dimensions: 256 });
    expect(shorter).toMatchObject({ cacheHit: false });
    expect(standIn.calls).toHaveLength(2);
  });

  it('is charged when it was stopped after it was sent', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const stopped = new AbortController();
    const gateway = { calls: core.registry.calls(), catalogue: core.catalogue };
    const request = { texts: ['a cat @stand-in:hang'], modelId: titan, auditReason: reason };
    const hung = embed(gateway, request, { signal: stopped.signal });
    await expect.poll(() => standIn.calls.length).toBe(1);
    stopped.abort();
    const result = await hung;
    expect(result.error).toMatchObject({ code: 'cancelled' });
    expect(await recordsOf(core, 'SETTLE')).toMatchObject([{ outcome: 'cancelled', estimated: true }]);
  });
});

describe('a report on embeddings', () => {
  it('names no model that answers as a cheaper one', async () => {
    const { core } = await gatewayOnStandIn();
    await embedded(core, { texts: ['x '.repeat(1000)], modelId: 'cohere.embed-v4:0' });
    const report = reportOf(await runCommand(core, '[Cost Analysis]'));
    expect(figureOf(report, 'calls')).toBe(1);
    expect(figureOf(report, 'saving_model')).toBe('0');
  });
});

describe('many texts', () => {
  const texts = Array.from({ length: 200 }, (_, number) => `Text number ${number}.`);

  it.each([
    [cohere, [96, 96, 8]],
    [titan, texts.map(() => 1)],
  ])('of %s are split into governed calls, and their vectors come in order', async (modelId, sizes) => {
    const { core, standIn } = await gatewayOnStandIn();
    const all = await embedded(core, { texts, modelId });
    expect(all.error).toBeNull();
    const sent = standIn.calls.map(({ invoked }) =>
      Array.isArray(invoked?.texts) ? invoked.texts.length : 1,
    );
    expect(sent.toSorted((one, other) => other - one)).toEqual(sizes);
    expect(await recordsOf(core, 'SETTLE')).toHaveLength(sizes.length);
    const [last] = (await embedded(core, { texts: texts.slice(-1), modelId })).vectors;
    expect(all.vectors).toHaveLength(200);
    expect(all.vectors.at(-1)).toEqual(last);
    expect(new Set(all.vectors.map((vector) => JSON.stringify(vector))).size).toBeGreaterThan(190);
    const { spent } = await core.ledger.budget();
    expect(spent).toBeGreaterThanOrEqual(all.cost);
  });

  it('end with the first that fails, and what came is kept', async () => {
    const { core } = await gatewayOnStandIn();
    const some = texts.map((text, number) => (number === 100 ? `${text} @stand-in:denied` : text));
    const result = await embedded(core, { texts: some, modelId: cohere });
    expect(result).toMatchObject({ success: false, error: { code: 'access_denied' } });
    expect(result.vectors[0]).toHaveLength(1024);
    expect(result.vectors[100]).toBeNull();
  });
});

describe('back-ends', () => {
  it.each(directServices)('that make no embeddings refuse, and say which one does: $id', async (service) => {
    const { core, standIn } = await gatewayOn(service);
    const result = await embedded(core);
    expect(result.error).toMatchObject({ code: 'invalid_request' });
    expect(result.error?.hint).toContain('--backend bedrock');
    expect(await recordsOf(core, 'REFUSE')).toHaveLength(1);
    expect(standIn.calls).toEqual([]);
  });

  it('the mock gives the same text the same vector, of length 1, and says that it is simulated', async () => {
    const { core } = await gatewayOnMock();
    const { vectors, simulated } = await embedded(core, { texts: ['a cat', 'a dog', 'a cat'] });
    expect(simulated).toBe(true);
    expect(vectors[0]).toEqual(vectors[2]);
    expect(vectors[0]).not.toEqual(vectors[1]);
    expect(Math.hypot(...(vectors[0] ?? []))).toBeCloseTo(1, 4);
  });
});

describe('tidyllm embed', () => {
  const onMock = () => ({ ...isolatedEnvironment(temporaryFolder()), TIDYLLM_AI_BACKENDS: 'mock' });

  it('prints exactly one document', async () => {
    const args = ['embed', '--reason', reason, '--dimensions', '256', 'a cat'];
    const { code, document, stderr } = await tidyllmJson(args, { environment: onMock() });
    expect(code).toBe(0);
    expect(document).toEqual({
      ...{ model_used: titan, dimensions: 256, embedding: expect.any(Array) as unknown },
      ...{ input_tokens: 2, cost_usd: '0.000001', cache_hit: false },
      audit_trail: {
        ...{ call_id: expect.any(String) as unknown, sequence: expect.any(Number) as unknown },
        ...{ hash: expect.any(String) as unknown, ledger: expect.any(String) as unknown },
      },
      compliance: {
        decision: 'allow',
        findings: [],
        answer_findings: [],
        late: false,
        exceptions: [],
        use_class: null,
      },
    });
    expect(document['embedding']).toHaveLength(256);
    expect(stderr).toContain('SIMULATED');
  });

  it('reads standard input, and prints the vector for people too', async () => {
    const args = [
      'embed',
      '--reason',
      reason,
      '--model',
      'cohere-embed',
      '--input-type',
      'search_query',
      '-',
    ];
    const { code, stdout, stderr } = await tidyllm(args, { environment: onMock(), stdin: 'a cat' });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveLength(1024);
    expect(stderr).toMatch(/SIMULATED · 1024 dimensions · 2 tokens · \$0\.000001 · #\d+/);
  });

  it.each([
    [[], 4, 'audit_reason_missing'],
    [['--reason', reason, '--model', 'claude-sonnet'], 5, 'model_not_recognized'],
    [['--reason', reason, '--input-type', 'poem'], 2, 'invalid_request'],
  ])('with %j exits with %i', async (options, exitCode, code) => {
    const { code: exited, document } = await tidyllmJson(['embed', ...options, 'a cat'], {
      environment: onMock(),
    });
    expect(exited).toBe(exitCode);
    expect(document).toMatchObject({ error: { code } });
    expect(document).toMatchObject({ dimensions: null, embedding: null, input_tokens: 0, cost_usd: '0' });
  });
});
