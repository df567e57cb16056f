import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOf, shortest, type ChatMessage, type ContentBlock } from '../../src/content/messages.ts';
import type { LlmRequest } from '../../src/gateways/modelCalls.ts';
import type { MessagesRequest } from '../standIn/anthropic/request.ts';
import { anthropic, gatewayOn, type DirectGateway } from '../support/directGateways.ts';
import { times } from '../support/nightly.ts';
import { answered, pdf, png } from '../support/richRequests.ts';

function sent({ standIn }: DirectGateway, index = -1): MessagesRequest {
  return standIn.calls.at(index)?.body as MessagesRequest;
}

/** Answers as Anthropic gives them: citations have a type, and ids and names letters that need no alias. */
const answer = answered.map((blocks) =>
  blocks.map((block, index): ContentBlock => {
    if (block.type === 'tool_use')
      return { ...block, id: `toolu_${index}`, name: block.name.replaceAll(/[^a-z_]/g, '').slice(0, 60) };
    if (block.type !== 'text' || !block.citations) return block;
    return { ...block, citations: block.citations.map((one) => ({ type: 'char_location', ...one })) };
  }),
);
const tools = [
  {
    name: 'read_file',
    description: 'Reads a file',
    input_schema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  },
];

describe('an answer of any blocks', () => {
  it.each([true, false])('comes as it was sent, and goes back as it came (stream: %s)', async (stream) => {
    const gateway = await gatewayOn(anthropic);
    await fc.assert(
      fc.asyncProperty(answer, async (blocks) => {
        const prompt = `@stand-in:blocks=${JSON.stringify(blocks)}`;
        const first = await gateway.ask({ prompt, stream });
        expect(first.error).toBeNull();
        expect(first.message).toEqual({ role: 'assistant', content: shortest(blocks) });
        const results = blocks.flatMap((block): ContentBlock[] =>
          block.type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: block.id, content: 'done' }] : [],
        );
        const next = await gateway.ask({
          messages: [
            { role: 'user', content: prompt },
            first.message as ChatMessage,
            { role: 'user', content: [...results, { type: 'text', text: 'And now?' }] },
          ],
        });
        expect(next.error).toBeNull();
        expect(blocksOf(sent(gateway).messages?.[1]?.content as never)).toEqual(blocks);
      }),
      { numRuns: times(25, 400) },
    );
  });

  it('keeps reasoning and its signature through a tool loop', async () => {
    const gateway = await gatewayOn(anthropic);
    const request: LlmRequest = { tools, reasoning: { budget_tokens: 1_500 } };
    const question: ChatMessage = { role: 'user', content: '@stand-in:use-tool' };
    const first = await gateway.ask({ ...request, messages: [question] });
    expect(first).toMatchObject({ success: true, stopReason: 'tool_use' });
    const [thinking, , use] = blocksOf(first.message?.content ?? '');
    const content: ContentBlock[] = [
      {
        type: 'tool_result',
        tool_use_id: use?.type === 'tool_use' ? use.id : '',
        content: [{ type: 'json', json: { lines: 42 } }],
      },
    ];
    const second = await gateway.ask({
      ...request,
      messages: [question, first.message as ChatMessage, { role: 'user', content }],
    });
    expect(second).toMatchObject({ success: true, content: 'The tool said: {"lines":42}' });
    expect(sent(gateway).messages?.[1]?.content).toContainEqual(thinking);
    expect(sent(gateway).thinking).toEqual({ type: 'enabled', budget_tokens: 1_500 });
  });
});

describe('a request', () => {
  it('has everything that it was asked with in Anthropic’s form', async () => {
    const gateway = await gatewayOn(anthropic);
    const image: ContentBlock = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: png(60, 30) },
    };
    const response = await gateway.ask({
      system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [
        {
          role: 'user',
          content: [
            image,
            {
              type: 'document',
              title: 'a_b: “ü”.pdf',
              citations: { enabled: true },
              source: { type: 'base64', media_type: 'application/pdf', data: pdf(2) },
            },
            {
              type: 'document',
              source: {
                type: 'base64',
                media_type: 'text/markdown',
                data: Buffer.from('# Grüße').toString('base64'),
              },
            },
            { type: 'text', text: 'Look.', cache_control: { type: 'ephemeral' } },
          ],
        },
      ],
      tools,
      toolChoice: { type: 'any' },
      stopSequences: ['END'],
      temperature: 0.2,
    });
    expect(response).toMatchObject({ success: true, adjustments: [] });
    expect(sent(gateway)).toMatchObject({
      model: 'claude-sonnet-4-6',
      max_tokens: 2000,
      stream: true,
      service_tier: 'standard_only',
      system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      tools,
      tool_choice: { type: 'any' },
      stop_sequences: ['END'],
      temperature: 0.2,
      messages: [
        {
          role: 'user',
          content: [
            image,
            { type: 'document', title: 'a_b: “ü”.pdf', source: { media_type: 'application/pdf' } },
            { source: { type: 'text', media_type: 'text/plain', data: '# Grüße' } },
            { type: 'text', text: 'Look.', cache_control: { type: 'ephemeral' } },
          ],
        },
      ],
    });
    expect(gateway.standIn.calls[0]?.headers).toMatchObject({ 'anthropic-version': '2023-06-01' });
  });

  it('asks for an answer of a given form beside an effort, and for a beta in a header', async () => {
    const gateway = await gatewayOn(anthropic);
    const schema = { type: 'object', properties: { answer: { type: 'string' } } };
    const response = await gateway.ask({
      prompt: 'hello',
      modelId: 'claude-opus',
      outputSchema: { schema },
      reasoning: { effort: 'low' },
      additionalFields: { anthropic_beta: ['one', 'two'] },
    });
    expect(response).toMatchObject({ success: true, modelUsed: 'claude-opus-4-8' });
    expect(sent(gateway)).toMatchObject({
      thinking: { type: 'adaptive' },
      output_config: { effort: 'low', format: { type: 'json_schema', schema } },
    });
    expect(sent(gateway)).not.toHaveProperty('anthropic_beta');
    expect(gateway.standIn.calls[0]?.headers['anthropic-beta']).toBe('one,two');
  });

  it.each<[string, LlmRequest, string]>([
    ['a guardrail', { prompt: 'x', guardrail: { id: 'g', version: '1' } }, 'no guardrails'],
    ['tools of the server', { prompt: 'x', additionalFields: { tools: [] } }, 'the additional field tools'],
    [
      'a document that it can’t read',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'x' },
              {
                type: 'document',
                source: { type: 'base64', media_type: 'application/msword', data: 'AAAA' },
              },
            ],
          },
        ],
      },
      'no documents of the type application/msword',
    ],
  ])('is refused before money is held: %s', async (_name, request, rule) => {
    const gateway = await gatewayOn(anthropic);
    const { error, cost } = await gateway.ask(request);
    expect({ error, cost }).toMatchObject({ cost: 0n, error: { code: 'invalid_request' } });
    expect(error?.message).toContain('Anthropic would refuse this call');
    expect(error?.message).toContain(rule);
    expect(gateway.standIn.calls).toEqual([]);
  });
});

describe('usage', () => {
  const classes = {
    ...{
      input_tokens: 100,
      output_tokens: 20,
      cache_read_input_tokens: 1_000,
      cache_creation_input_tokens: 300,
    },
    cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
  };

  it.each([true, false])('is the last one, in every class of cache (stream: %s)', async (stream) => {
    const gateway = await gatewayOn(anthropic);
    const response = await gateway.ask({ prompt: `@stand-in:usage=${JSON.stringify(classes)}`, stream });
    expect(response.tokenUsage).toEqual({
      ...{ input: 100, output: 20, cacheRead: 1_000, cacheWrite5m: 100, cacheWrite1h: 200 },
    });
    // 100 × $3 + 20 × $15 + 1,000 × $0.30 + 100 × $3.75 + 200 × $6 per million.
    expect(response).toMatchObject({ cost: 2_475n, costEstimated: false });
  });

  it('costs more where it was served in one geography alone', async () => {
    const gateway = await gatewayOn(anthropic);
    const usage = { input_tokens: 1_000, output_tokens: 200, inference_geo: 'us' };
    const response = await gateway.ask({ prompt: `@stand-in:usage=${JSON.stringify(usage)}` });
    expect(response.cost).toBe(6_600n);
  });

  it.each([{ output_tokens: -1 }, { input_tokens: 'many' }, { output_tokens: 1.5 }])(
    'that can’t be is charged by the worst case: %j',
    async (usage) => {
      const gateway = await gatewayOn(anthropic);
      const response = await gateway.ask({ prompt: `@stand-in:usage=${JSON.stringify(usage)}` });
      expect(response).toMatchObject({ costEstimated: true, error: { code: 'stream_incomplete' } });
      expect(response.tokenUsage.output).toBe(2000);
    },
  );
});

it.each([
  ['refusal', 'content_filtered'],
  ['max_tokens', 'max_tokens'],
  ['pause_turn', 'pause_turn'],
  ['model_context_window_exceeded', 'model_context_window_exceeded'],
])('an answer that stopped for %s says so', async (reason, told) => {
  const gateway = await gatewayOn(anthropic);
  expect(await gateway.ask({ prompt: `@stand-in:stop=${reason}` })).toMatchObject({
    success: true,
    stopReason: told,
  });
});
