import OpenAI from 'openai';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DirectStandIn } from '../standIn/direct/server.ts';
import { openAiKey, startOpenAiStandIn } from '../standIn/openAi/openAiStandIn.ts';
import { encryptedOf } from '../standIn/openAi/responses.ts';

/** OpenAI's own client on the stand-in: what it understands is what the stand-in must say. */
async function client(): Promise<{ sdk: OpenAI; standIn: DirectStandIn }> {
  const standIn = await startOpenAiStandIn();
  onTestFinished(() => standIn.close());
  return { sdk: new OpenAI({ apiKey: openAiKey, baseURL: `${standIn.url}/v1`, maxRetries: 0 }), standIn };
}

const items = [
  {
    type: 'reasoning',
    id: 'rs_1',
    summary: [{ type: 'summary_text', text: 'First this, then that.' }],
    encrypted_content: encryptedOf('rs_1', 'First this, then that.'),
  },
  {
    type: 'message',
    id: 'msg_1',
    role: 'assistant',
    content: [{ type: 'output_text', text: 'Grüße 😀', annotations: [] }],
  },
  {
    type: 'function_call',
    id: 'fc_1',
    call_id: 'call_1',
    name: 'read_file',
    arguments: '{"path":"a b.txt"}',
  },
];
const asked = { model: 'gpt-5.4', max_output_tokens: 2000 };

describe('OpenAI’s own client of Responses', () => {
  it('gets every kind of item from the stand-in, streamed as whole', async () => {
    const { sdk } = await client();
    const input = `@stand-in:items=${JSON.stringify(items)}`;
    const whole = await sdk.responses.create({ ...asked, input });
    const streamed = await sdk.responses.stream({ ...asked, input }).finalResponse();
    expect(whole.output).toMatchObject(items);
    expect(streamed.output).toMatchObject(items);
    expect(streamed.usage).toEqual(whole.usage);
    expect(streamed.output_text).toBe('Grüße 😀');
  });

  it('puts an answer together from the pieces of the stream', async () => {
    const { sdk } = await client();
    const input = `@stand-in:items=${JSON.stringify(items)}`;
    const pieces = { text: '', thought: '', json: '' };
    let last = -1;
    for await (const event of await sdk.responses.create({ ...asked, input, stream: true })) {
      expect(event.sequence_number).toBe((last += 1));
      if (event.type === 'response.output_text.delta') pieces.text += event.delta;
      if (event.type === 'response.reasoning_summary_text.delta') pieces.thought += event.delta;
      if (event.type === 'response.function_call_arguments.delta') pieces.json += event.delta;
    }
    expect(pieces).toEqual({
      text: 'Grüße 😀',
      thought: 'First this, then that.',
      json: '{"path":"a b.txt"}',
    });
  });

  it('may send the answer back with the result of its tool', async () => {
    const { sdk } = await client();
    const tools = [
      { type: 'function' as const, name: 'read_file', parameters: { type: 'object' }, strict: false },
    ];
    const question = { role: 'user' as const, content: '@stand-in:use-tool' };
    const { output } = await sdk.responses.create({ ...asked, input: [question], tools });
    const second = await sdk.responses.create({
      ...{ ...asked, tools },
      input: [
        question,
        ...(output as OpenAI.Responses.ResponseInputItem[]),
        { type: 'function_call_output', call_id: 'call_1', output: '42' },
      ],
    });
    expect(second.output_text).toBe('The tool said: 42');
  });

  it('sees an answer that was cut off, and one that failed', async () => {
    const { sdk } = await client();
    const cut = await sdk.responses.create({ ...asked, input: '@stand-in:stop=max_output_tokens' });
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    const types: string[] = [];
    const input = '@stand-in:break=500 server_error broken';
    for await (const event of await sdk.responses.create({ ...asked, input, stream: true })) {
      types.push(event.type);
      if (event.type === 'response.failed')
        expect(event.response.error).toMatchObject({ code: 'server_error' });
    }
    expect(types.at(-1)).toBe('response.failed');
  });
});

describe('OpenAI’s own client of Chat Completions', () => {
  const message = {
    content: 'Grüße 😀',
    tool_calls: [
      { id: 'call_1', type: 'function', function: { name: 'read_file', arguments: '{"path":"a b.txt"}' } },
      { id: 'call_2', type: 'function', function: { name: 'list', arguments: '{}' } },
    ],
  };

  function request(prompt: string) {
    return { model: 'gpt-5.4', messages: [{ role: 'user' as const, content: prompt }] };
  }

  it('gets texts and tool calls from the stand-in, streamed as whole', async () => {
    const { sdk } = await client();
    const prompt = `@stand-in:message=${JSON.stringify(message)}`;
    const whole = await sdk.chat.completions.create(request(prompt));
    const stream = sdk.chat.completions.stream({
      ...request(prompt),
      stream_options: { include_usage: true },
    });
    const streamed = await stream.finalChatCompletion();
    for (const { choices } of [whole, streamed])
      expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message });
    expect(streamed.usage).toEqual(whole.usage);
  });

  it.each([
    ['400 invalid_request_error wrong', OpenAI.BadRequestError],
    ['401 invalid_request_error no', OpenAI.AuthenticationError],
    ['404 invalid_request_error no', OpenAI.NotFoundError],
    ['429 rate_limit_error slow', OpenAI.RateLimitError],
    ['500 server_error broken', OpenAI.InternalServerError],
  ])('takes a refusal for what it is: %s', async (said, kind) => {
    const { sdk } = await client();
    const prompt = `@stand-in:refuse=${said}`;
    await expect(sdk.chat.completions.create(request(prompt))).rejects.toBeInstanceOf(kind);
    await expect(sdk.responses.create({ ...asked, input: prompt })).rejects.toBeInstanceOf(kind);
  });

  it('fails where the stream reports an error', async () => {
    const { sdk } = await client();
    const failed = sdk.chat.completions.stream(request('@stand-in:fail=429 rate_limit_error slow')).done();
    await expect(failed).rejects.toThrow('slow');
  });
});
