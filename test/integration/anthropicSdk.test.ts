import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { signatureOf } from '../standIn/converse/answers.ts';
import { anthropicKey, startAnthropicStandIn } from '../standIn/anthropic/anthropicStandIn.ts';
import type { DirectStandIn } from '../standIn/direct/server.ts';

/** Anthropic's own client on the stand-in: what it understands is what the stand-in must say. */
async function client(apiKey = anthropicKey): Promise<{ sdk: Anthropic; standIn: DirectStandIn }> {
  const standIn = await startAnthropicStandIn();
  onTestFinished(() => standIn.close());
  return { sdk: new Anthropic({ apiKey, baseURL: standIn.url, maxRetries: 0 }), standIn };
}

function request(prompt: string): Anthropic.MessageCreateParamsNonStreaming {
  return { model: 'claude-sonnet-4-6', max_tokens: 2000, messages: [{ role: 'user', content: prompt }] };
}

const thinking = 'First this, then that.';
const blocks = [
  { type: 'thinking', thinking, signature: signatureOf(thinking) },
  { type: 'redacted_thinking', data: 'AAEC' },
  {
    type: 'text',
    text: 'Grüße 😀',
    citations: [
      {
        ...{ type: 'char_location', cited_text: 'x', document_index: 0, document_title: null },
        ...{ start_char_index: 0, end_char_index: 1, file_id: null },
      },
    ],
  },
  { type: 'tool_use', id: 'toolu_1', name: 'read_file', input: { path: 'a b.txt', deep: [1, { x: null }] } },
  { type: 'tool_use', id: 'toolu_2', name: 'list', input: {} },
];

describe('Anthropic’s own client', () => {
  it('gets every kind of block from the stand-in, streamed as whole', async () => {
    const { sdk } = await client();
    const asked = request(`@stand-in:blocks=${JSON.stringify(blocks)}`);
    const whole = await sdk.messages.create(asked);
    const streamed = await sdk.messages.stream(asked).finalMessage();
    expect(whole.content).toEqual(blocks);
    expect(streamed.content).toEqual(blocks);
    expect(whole).toMatchObject({ stop_reason: 'tool_use' });
    expect(streamed.stop_reason).toBe(whole.stop_reason);
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
  });

  it('may send the answer back with the result of its tool', async () => {
    const { sdk } = await client();
    const tools = [{ name: 'read_file', input_schema: { type: 'object' as const } }];
    const asked = { ...request('@stand-in:use-tool'), tools };
    const { content } = await sdk.messages.create(asked);
    const use = content.find((block) => block.type === 'tool_use');
    const second = await sdk.messages.create({
      ...asked,
      messages: [
        ...asked.messages,
        { role: 'assistant', content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: use?.id ?? '', content: '42' }] },
      ],
    });
    expect(second.content).toMatchObject([{ type: 'text', text: 'The tool said: 42' }]);
  });

  it.each([
    ['400 invalid_request_error wrong', Anthropic.BadRequestError],
    ['401 authentication_error no', Anthropic.AuthenticationError],
    ['403 permission_error no', Anthropic.PermissionDeniedError],
    ['404 not_found_error no', Anthropic.NotFoundError],
    ['429 rate_limit_error slow', Anthropic.RateLimitError],
    ['529 overloaded_error busy', Anthropic.InternalServerError],
  ])('takes a refusal for what it is: %s', async (said, kind) => {
    const { sdk } = await client();
    const failed = sdk.messages.create(request(`@stand-in:refuse=${said}`));
    await expect(failed).rejects.toBeInstanceOf(kind);
    await expect(failed).rejects.toMatchObject({ requestID: 'req_standin' });
  });

  it.each(['fail', 'break'])('fails where the stream reports an error: %s', async (way) => {
    const { sdk } = await client();
    const failed = sdk.messages.stream(request(`@stand-in:${way}=529 overloaded_error busy`)).finalMessage();
    await expect(failed).rejects.toBeInstanceOf(APIError);
    await expect(failed).rejects.toThrow('overloaded_error');
  });

  it('reads the stand-in’s streams with other line ends, comments and cuts', async () => {
    const { sdk, standIn } = await client();
    standIn.transport = { lineEnd: '\r\n', pieceBytes: 3, gzip: false, comments: true, lastBlankLine: true };
    const { content } = await sdk.messages.stream(request('@stand-in:text=Grüße 😀')).finalMessage();
    expect(content).toMatchObject([{ text: 'Grüße 😀' }]);
  });

  it('is refused what the service would refuse', async () => {
    const { sdk } = await client();
    const asked = request('hello');
    const image = { type: 'base64' as const, media_type: 'image/png' as const, data: 'AAAA' };
    const wrong: Anthropic.MessageCreateParamsNonStreaming[] = [
      { ...asked, messages: [] },
      { ...asked, messages: [{ role: 'user', content: [{ type: 'image', source: image }] }] },
      { ...asked, thinking: { type: 'enabled', budget_tokens: 100 } },
      { ...asked, tool_choice: { type: 'any' } },
    ];
    for (const one of wrong)
      await expect(sdk.messages.create(one)).rejects.toBeInstanceOf(Anthropic.BadRequestError);
  });
});
