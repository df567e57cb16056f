import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOf, shortest, type ChatMessage, type ContentBlock } from '../../src/content/messages.ts';
import type { LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import type { ChatRequest } from '../standIn/openAi/chat.ts';
import { encryptedOf, type Item, type ResponsesRequest } from '../standIn/openAi/responses.ts';
import { compatible, gatewayOn, openai, type DirectGateway } from '../support/directGateways.ts';
import { times } from '../support/nightly.ts';
import { pdf, png } from '../support/richRequests.ts';

const tools = [
  {
    name: 'read_file',
    description: 'Reads a file',
    input_schema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  },
];
const both = [
  ['Responses', openai],
  ['Chat Completions', compatible],
] as const;

function responsesSent({ standIn }: DirectGateway, index = -1): ResponsesRequest {
  return standIn.calls.at(index)?.body as ResponsesRequest;
}

function chatSent({ standIn }: DirectGateway, index = -1): ChatRequest {
  return standIn.calls.at(index)?.body as ChatRequest;
}

const said = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).filter((one) => one.trim() !== '');
const use = fc
  .tuple(fc.constantFrom('read_file', 'search'), fc.jsonValue({ maxDepth: 2 }))
  .map(([name, value]) => ({ name, arguments: JSON.stringify({ value }) }));

describe('an answer of Responses', () => {
  const items: fc.Arbitrary<Item[]> = fc
    .tuple(
      fc.array(fc.array(said, { maxLength: 2 }), { maxLength: 2 }),
      fc.array(fc.array(said, { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
      fc.array(use, { maxLength: 2 }),
    )
    .map(([thoughts, texts, uses]): Item[] => [
      ...thoughts.map((parts, index) => ({
        ...{ type: 'reasoning', id: `rs_${index}` },
        summary: parts.map((text) => ({ type: 'summary_text', text })),
        encrypted_content: encryptedOf(`rs_${index}`, parts.join('\n\n')),
      })),
      ...texts.map((parts, index) => ({
        ...{ type: 'message', id: `msg_${index}`, role: 'assistant' },
        content: parts.map((text) => ({ type: 'output_text', text, annotations: [] })),
      })),
      ...uses.map((call, index) => ({
        ...{ type: 'function_call', id: `fc_${index}`, call_id: `call_${index}`, ...call },
      })),
    ])
    .filter((all) => all.length > 0);

  /** What is sent back of an item. */
  const replayed = (item: Item): Item => {
    if (item.type === 'reasoning') {
      const text = (item.summary ?? []).map((part) => part.text).join('\n\n');
      return { ...item, summary: text === '' ? [] : [{ type: 'summary_text', text }] };
    }
    const { id: _id, ...rest } = item;
    return rest;
  };

  it.each([true, false])('comes as it was sent, and goes back as it came (stream: %s)', async (stream) => {
    const gateway = await gatewayOn(openai);
    await fc.assert(
      fc.asyncProperty(items, async (output) => {
        const prompt = `@stand-in:items=${JSON.stringify(output)}`;
        const first = await gateway.ask({ prompt, stream });
        expect(first.error).toBeNull();
        const blocks = blocksOf(first.message?.content ?? '');
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
        const sent = (responsesSent(gateway).input as Item[]).slice(1, -1 - results.length);
        const parts = sent.flatMap((item) => (item.type === 'message' ? (item.content as object[]) : [item]));
        const given = output
          .map(replayed)
          .flatMap((item) => (item.type === 'message' ? (item.content as object[]) : [item]));
        expect(parts).toEqual(given);
      }),
      { numRuns: times(25, 400) },
    );
  });

  it('is never kept by OpenAI, and is asked for in the tier that has a price', async () => {
    const gateway = await gatewayOn(openai);
    await gateway.ask({ prompt: 'hello' });
    expect(responsesSent(gateway)).toMatchObject({
      store: false,
      service_tier: 'default',
      max_output_tokens: 2000,
    });
  });

  it('leaves reasoning of another service out, and takes none of OpenAI’s elsewhere', async () => {
    const gateway = await gatewayOn(openai);
    const response = await gateway.ask({
      messages: [
        { role: 'user', content: 'one' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'mine', signature: 'c2lnbmVk' },
            { type: 'text', text: 'two' },
          ],
        },
        { role: 'user', content: 'three' },
      ],
    });
    expect(response.success).toBe(true);
    expect(response.adjustments).toContain(
      'Reasoning without a signature that this model can check was left out.',
    );
    expect(JSON.stringify(responsesSent(gateway))).not.toContain('mine');
  });
});

describe.each(both)('%s', (name, service) => {
  const isChat = name === 'Chat Completions';

  it('goes through a tool loop with images and results in JSON', async () => {
    const gateway = await gatewayOn(service);
    const image: ContentBlock = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: png(60, 30) },
    };
    const question: ChatMessage = {
      role: 'user',
      content: [image, { type: 'text', text: '@stand-in:use-tool' }],
    };
    const first = await gateway.ask({ messages: [question], tools });
    expect(first).toMatchObject({ success: true, stopReason: 'tool_use', costEstimated: false });
    const result: ChatMessage = {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'call_1',
          content: [{ type: 'json', json: { lines: 42 } }, image],
        },
      ],
    };
    const second = await gateway.ask({ messages: [question, first.message as ChatMessage, result], tools });
    expect(second.error).toBeNull();
    expect(second.content).toContain('The tool said: {"lines":42}');
    expect(JSON.stringify(gateway.standIn.calls[1]?.body)).toContain(`data:image/png;base64,${png(60, 30)}`);
  });

  it('has what it was asked with: system, form, documents, tools and their choice', async () => {
    const gateway = await gatewayOn(service);
    const schema = { type: 'object', properties: { answer: { type: 'string' } } };
    const response = await gateway.ask({
      system: [
        { type: 'text', text: 'be brief' },
        { type: 'text', text: 'and kind', cache_control: { type: 'ephemeral' } },
      ],
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'document',
              title: 'report.pdf',
              source: { type: 'base64', media_type: 'application/pdf', data: pdf(2) },
            },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Grüße' } },
            { type: 'text', text: 'Look.' },
          ],
        },
      ],
      tools,
      toolChoice: { type: 'tool', name: 'read_file' },
      outputSchema: { schema },
    });
    expect(response.error).toBeNull();
    const body = JSON.stringify(gateway.standIn.calls[0]?.body);
    for (const part of [
      'be brief\\n\\nand kind',
      'report.pdf',
      'application/pdf',
      'Grüße',
      '"name":"answer"',
    ])
      expect(body).toContain(part);
    if (isChat)
      expect(chatSent(gateway)).toMatchObject({
        tool_choice: { type: 'function', function: { name: 'read_file' } },
        response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
        max_tokens: 2000,
        stream_options: { include_usage: true },
      });
    else
      expect(responsesSent(gateway)).toMatchObject({
        tool_choice: { type: 'function', name: 'read_file' },
        tools: [{ type: 'function', name: 'read_file', strict: false }],
        text: { format: { type: 'json_schema', name: 'answer', schema } },
      });
  });

  it.each([true, false])('counts what was read from the cache once (stream: %s)', async (stream) => {
    const gateway = await gatewayOn(service);
    const usage = isChat
      ? {
          ...{ prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 },
          prompt_tokens_details: { cached_tokens: 400 },
        }
      : {
          ...{ input_tokens: 1_000, output_tokens: 100, total_tokens: 1_100 },
          input_tokens_details: { cached_tokens: 400, cache_write_tokens: 0 },
        };
    const response = await gateway.ask({ prompt: `@stand-in:usage=${JSON.stringify(usage)}`, stream });
    expect(response.tokenUsage).toMatchObject({ input: 600, output: 100, cacheRead: 400 });
    // gpt-5.4: 600 × $2.50 + 400 × $0.25 + 100 × $15; gpt-4o: 600 × $2.50 + 400 × $1.25 + 100 × $10 per million.
    expect(response.cost).toBe(isChat ? 3_000n : 3_100n);
  });

  it('is priced by the service tier of the answer', async () => {
    const gateway = await gatewayOn(service);
    const usual = await gateway.ask({ prompt: '@stand-in:served=default', serviceTier: 'priority' });
    const dear = await gateway.ask({ prompt: '@stand-in:served=priority', serviceTier: 'priority' });
    expect(usual.tokenUsage.input).toBeLessThan(dear.tokenUsage.input + 10);
    expect(Number(dear.cost) / Number(usual.cost)).toBeGreaterThan(1.5);
  });

  it('says why an answer ended', async () => {
    const gateway = await gatewayOn(service);
    const cut = isChat ? 'length' : 'max_output_tokens';
    expect(await gateway.ask({ prompt: `@stand-in:stop=${cut}` })).toMatchObject({
      ...{ success: true, stopReason: 'max_tokens', costEstimated: false },
    });
    expect(await gateway.ask({ prompt: '@stand-in:stop=content_filter' })).toMatchObject({
      stopReason: 'content_filtered',
    });
    for (const stream of [true, false])
      expect(await gateway.ask({ prompt: '@stand-in:refusal', stream })).toMatchObject({
        ...{ stopReason: 'content_filtered', content: 'I can’t help with that.' },
      });
  });

  it.each<[string, LlmRequest, string]>([
    ['a guardrail', { prompt: 'x', guardrail: { id: 'g', version: '1' } }, 'no guardrails'],
    ['tools of the server', { prompt: 'x', additionalFields: { tools: [] } }, 'the additional field tools'],
    [
      'a stored conversation',
      { prompt: 'x', additionalFields: { previous_response_id: 'r' } },
      'previous_response_id',
    ],
    ['too many stop sequences', { prompt: 'x', stopSequences: ['a', 'b', 'c', 'd', 'e'] }, 'stop sequences'],
  ])('refuses before money is held what it can’t send: %s', async (_name, request, rule) => {
    const gateway = await gatewayOn(service);
    const { error, cost } = await gateway.ask(request);
    expect({ error, cost }).toMatchObject({ cost: 0n, error: { code: 'invalid_request' } });
    expect(error?.message).toContain(rule);
    expect(gateway.standIn.calls).toEqual([]);
  });
});

/** An answer that is streamed in these chunks. */
async function answerTo(...chunks: unknown[]): Promise<LlmResponse> {
  const gateway = await gatewayOn(compatible);
  return gateway.ask({ prompt: `@stand-in:chunks=${JSON.stringify(chunks)}`, tools });
}

function delta(one: object, finish_reason: string | null = null): object {
  return { id: 'c', choices: [{ index: 0, delta: one, finish_reason }] };
}

function call(piece: object): object {
  return delta({ tool_calls: [piece] });
}

const usage = { prompt_tokens: 50, completion_tokens: 40, total_tokens: 90 };
const counted = { choices: [], usage };
const done = '[DONE]';

function uses({ message }: LlmResponse): unknown[] {
  return blocksOf(message?.content ?? '').flatMap((block) =>
    block.type === 'tool_use' ? [[block.id, block.name, block.input]] : [],
  );
}

describe('servers that speak Chat Completions in their own way', () => {
  it('may begin with a chunk without a choice', async () => {
    const response = await answerTo(
      { choices: [], prompt_filter_results: [] },
      delta({ content: 'hi' }, 'stop'),
      counted,
      done,
    );
    expect(response).toMatchObject({ success: true, content: 'hi', costEstimated: false });
  });

  it('may send the usage with every chunk: the last one counts', async () => {
    const growing = (completion_tokens: number) => ({ ...usage, completion_tokens });
    const response = await answerTo(
      { ...delta({ content: 'hi' }), usage: growing(1) },
      { ...delta({ content: ' there' }, 'stop'), usage: growing(40) },
      done,
    );
    expect(response.tokenUsage).toMatchObject({ input: 50, output: 40 });
    expect(response.costEstimated).toBe(false);
  });

  it('may send the usage after the finish', async () => {
    const response = await answerTo(
      delta({ content: 'hi' }, 'stop'),
      { ...delta({}), usage: null },
      counted,
      done,
    );
    expect(response.tokenUsage).toMatchObject({ input: 50, output: 40 });
  });

  it('may say no usage at all: the call succeeds and is charged by the bound', async () => {
    const response = await answerTo(delta({ content: 'hi' }, 'stop'), done);
    expect(response).toMatchObject({ success: true, costEstimated: true });
    expect(response.cost).toBeGreaterThan(0n);
  });

  it('may end without [DONE] after a finish', async () => {
    expect(await answerTo(delta({ content: 'hi' }, 'stop'), counted)).toMatchObject({ success: true });
  });

  it('may say [DONE] without a finish, which is a stop', async () => {
    const response = await answerTo(delta({ content: 'hi' }), counted, done);
    expect(response).toMatchObject({ success: true, stopReason: 'end_turn' });
  });

  it('have cut the answer off where neither came', async () => {
    const response = await answerTo(delta({ content: 'hi' }), counted);
    expect(response).toMatchObject({ success: false, error: { code: 'stream_incomplete', retryable: true } });
  });

  it.each<[string, object[], unknown[]]>([
    [
      'the index of every call is 0',
      [
        call({ index: 0, id: 'a', function: { name: 'read_file', arguments: '{"path":"1"}' } }),
        call({ index: 0, id: 'b', function: { name: 'read_file', arguments: '{"path":"2"}' } }),
      ],
      [
        ['a', 'read_file', { path: '1' }],
        ['b', 'read_file', { path: '2' }],
      ],
    ],
    [
      'there is no index',
      [
        call({ id: 'a', function: { name: 'read_file', arguments: '{"path"' } }),
        call({ function: { arguments: ':"1"}' } }),
        call({ id: 'b', function: { name: 'read_file', arguments: '{"path":"2"}' } }),
      ],
      [
        ['a', 'read_file', { path: '1' }],
        ['b', 'read_file', { path: '2' }],
      ],
    ],
    [
      'the index drifts',
      [
        call({ index: 0, id: 'a', function: { name: 'read_file', arguments: '{"path"' } }),
        call({ index: 1, function: { arguments: ':"1"}' } }),
      ],
      [['a', 'read_file', { path: '1' }]],
    ],
    [
      'the id comes again with every piece',
      [
        call({ index: 0, id: 'a', function: { name: 'read_file', arguments: '{"path"' } }),
        call({ index: 0, id: 'a', function: { arguments: ':"1"}' } }),
      ],
      [['a', 'read_file', { path: '1' }]],
    ],
    [
      'there are neither ids nor indexes, and the arguments are an object',
      [
        call({ function: { name: 'read_file', arguments: { path: '1' } } }),
        call({ function: { name: 'search', arguments: { path: '2' } } }),
      ],
      [
        ['call_0', 'read_file', { path: '1' }],
        ['call_1', 'search', { path: '2' }],
      ],
    ],
    [
      'the pieces of two calls come in turns',
      [
        call({ index: 0, id: 'a', function: { name: 'read_file', arguments: '' } }),
        call({ index: 1, id: 'b', function: { name: 'search', arguments: '' } }),
        call({ index: 0, function: { arguments: '{"path":"1"}' } }),
        call({ index: 1, id: '', function: { arguments: '{"path":"2"}' } }),
      ],
      [
        ['a', 'read_file', { path: '1' }],
        ['b', 'search', { path: '2' }],
      ],
    ],
  ])('may number tool calls as they like: %s', async (_name, chunks, expected) => {
    const response = await answerTo(...chunks, delta({}, 'tool_calls'), counted, done);
    expect(response.error).toBeNull();
    expect(uses(response)).toEqual(expected);
  });

  it('may finish twice, which keeps the tools', async () => {
    const response = await answerTo(
      call({ index: 0, id: 'a', function: { name: 'read_file', arguments: '{}' } }),
      delta({}, 'tool_calls'),
      delta({}, 'stop'),
      counted,
      done,
    );
    expect(response).toMatchObject({ success: true, stopReason: 'tool_use' });
    expect(uses(response)).toHaveLength(1);
  });

  it('may repeat the role, which begins nothing anew', async () => {
    const response = await answerTo(
      delta({ role: 'assistant', content: 'one ' }),
      delta({ role: 'assistant', content: 'two' }, 'stop'),
      counted,
      done,
    );
    expect(response).toMatchObject({ content: 'one two' });
    expect(response.message).toEqual({ role: 'assistant', content: 'one two' });
  });

  it.each(['reasoning_content', 'reasoning'])(
    'may show reasoning as %s, which is not sent back',
    async (member) => {
      const gateway = await gatewayOn(compatible);
      const chunks = [delta({ [member]: 'hm ' }), delta({ content: 'hi' }, 'stop'), counted, done];
      const first = await gateway.ask({ prompt: `@stand-in:chunks=${JSON.stringify(chunks)}` });
      expect(first.message?.content).toEqual([
        { type: 'thinking', thinking: 'hm ' },
        { type: 'text', text: 'hi' },
      ]);
      await gateway.ask({
        messages: [
          { role: 'user', content: 'one' },
          first.message as ChatMessage,
          { role: 'user', content: 'two' },
        ],
      });
      expect(JSON.stringify(chatSent(gateway))).not.toContain('hm ');
    },
  );

  it('get no null for a turn that only used tools', async () => {
    const gateway = await gatewayOn(compatible);
    await gateway.ask({
      tools,
      messages: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'read_file', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'ok', is_error: true }] },
      ],
    });
    expect(chatSent(gateway).messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', tool_calls: [{ id: 'a' }] },
      { role: 'tool', tool_call_id: 'a', content: '[the tool failed]\nok' },
    ]);
    expect(chatSent(gateway).messages?.[1]).not.toHaveProperty('content');
  });

  it.each<[string, object[], string, string]>([
    ['first', [{ error: { code: 429, message: 'slow down' } }], 'backend_throttled', 'none'],
    [
      'in the middle',
      [delta({ content: 'hi' }), { error: { code: 502, message: 'gone' } }],
      'backend_failed',
      'unknown',
    ],
    ['with its status in words', [{ error: { message: '429: slow down' } }], 'backend_throttled', 'none'],
    ['as a text', [{ error: 'model not loaded' }], 'backend_failed', 'none'],
  ])('may fail after HTTP 200, which keeps its kind: %s', async (_name, chunks, code, billing) => {
    expect(await answerTo(...chunks)).toMatchObject({ success: false, error: { code, billing } });
  });

  it('may answer at once although a stream was asked for', async () => {
    const gateway = await gatewayOn(compatible);
    gateway.standIn.headers = { 'content-type': 'application/json' };
    const whole = { choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }], usage };
    gateway.standIn.override = { body: whole };
    expect(await gateway.ask({ prompt: 'hello' })).toMatchObject({
      success: true,
      content: 'hi',
      costEstimated: false,
    });
  });

  it('know the limit of a model that reasons by its newer name', async () => {
    const gateway = await gatewayOn(compatible, {}, '  reasoner:\n    base: gpt-5.4\n');
    await gateway.ask({ prompt: 'hello', modelId: 'reasoner', reasoning: { effort: 'low' } });
    expect(chatSent(gateway)).toMatchObject({ max_completion_tokens: 2000, reasoning_effort: 'low' });
    expect(chatSent(gateway)).not.toHaveProperty('max_tokens');
  });

  it('have no model that the settings don’t name', async () => {
    const gateway = await gatewayOn(compatible);
    const { error } = await gateway.ask({ prompt: 'hello', modelId: 'gpt-4o' });
    expect(error).toMatchObject({ code: 'model_not_recognized' });
    expect(error?.hint).toContain('models."gpt-4o".base');
  });
});

it('an answer of Chat Completions comes in any pieces, whole or streamed', async () => {
  const gateway = await gatewayOn(compatible);
  const message = fc
    .tuple(
      fc.option(said, { nil: undefined }),
      fc.option(said, { nil: null }),
      fc.array(use, { maxLength: 3 }),
    )
    .filter(([thought, content, calls]) => thought !== undefined || content !== null || calls.length > 0);
  await fc.assert(
    fc.asyncProperty(message, fc.boolean(), async ([thought, content, calls], stream) => {
      const sent = {
        content,
        ...(thought !== undefined && { reasoning_content: thought }),
        ...(calls.length > 0 && {
          tool_calls: calls.map((one, index) => ({ id: `call_${index}`, type: 'function', function: one })),
        }),
      };
      const response = await gateway.ask({ prompt: `@stand-in:message=${JSON.stringify(sent)}`, stream });
      expect(response.error).toBeNull();
      const blocks: ContentBlock[] = [
        ...(thought === undefined ? [] : [{ type: 'thinking' as const, thinking: thought }]),
        ...(content === null ? [] : [{ type: 'text' as const, text: content }]),
        ...calls.map(({ name, arguments: json }, index) => ({
          ...{ type: 'tool_use' as const, id: `call_${index}`, name },
          input: JSON.parse(json) as never,
        })),
      ];
      expect(response.message).toEqual({ role: 'assistant', content: shortest(blocks) });
    }),
    { numRuns: times(40, 600) },
  );
});
