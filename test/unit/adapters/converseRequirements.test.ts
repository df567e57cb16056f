import { describe, expect, it } from 'vitest';
import type { ChatMessage, ContentBlock, Tool } from '../../../src/content/messages.ts';
import { GatewayError } from '../../../src/errors.ts';
import type { LlmRequest } from '../../../src/gateways/modelCalls.ts';
import { refusalOf } from '../../standIn/converse/refusal.ts';
import { signatureOf } from '../../standIn/converse/answers.ts';
import type { ConverseRequest, WireBlock } from '../../standIn/converse/request.ts';
import { admitted, sonnet, wireOf } from '../../support/admittedCalls.ts';
import { pdf, png } from '../../support/richRequests.ts';

const opus = 'us.anthropic.claude-opus-4-8';
const opus45 = 'us.anthropic.claude-opus-4-5-20251101-v1:0';
const llama = 'us.meta.llama4-maverick-17b-instruct-v1:0';
const mistral = 'us.mistral.pixtral-large-2502-v1:0';
const nova = 'us.amazon.nova-pro-v1:0';
const nova2 = 'us.amazon.nova-2-lite-v1:0';
const qwen = 'qwen.qwen3-32b-v1:0';
const gptOss = 'openai.gpt-oss-120b-1:0';
const titan = 'amazon.titan-text-express-v1';

const text = (one: string): ContentBlock => ({ type: 'text', text: one });
const user = (...content: ContentBlock[]): ChatMessage => ({ role: 'user', content });
const assistant = (...content: ContentBlock[]): ChatMessage => ({ role: 'assistant', content });
const use = (id: string, name = 'look', input = {}): ContentBlock => ({ type: 'tool_use', id, name, input });
const result = (id: string, content = 'found'): ContentBlock => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
});
const image = (data = png(60, 30), media_type: 'image/png' | 'image/gif' = 'image/png'): ContentBlock => ({
  type: 'image',
  source: { type: 'base64', media_type, data },
});
const document = (title: string | null = 'report', data = pdf(1)): ContentBlock => ({
  type: 'document',
  title,
  source: { type: 'base64', media_type: 'application/pdf', data },
});
const tool = (name = 'look', more: Partial<Tool> = {}): Tool => ({
  name,
  input_schema: { type: 'object' },
  ...more,
});
const thinking = (one: string): ContentBlock => ({
  type: 'thinking',
  thinking: one,
  signature: signatureOf(one),
});
const ephemeral = { type: 'ephemeral' as const };
const loop = (...after: ContentBlock[]): ChatMessage[] => [
  user(text('q')),
  assistant(use('tool_1')),
  user(result('tool_1'), ...after),
];

/** What is sent; the rules of the service hold for it. */
function sent(request: LlmRequest, modelId = sonnet): ConverseRequest {
  const wire = wireOf(admitted(request, modelId).call);
  expect(refusalOf(modelId, wire)).toBeNull();
  return wire;
}

function content(wire: ConverseRequest, turn = 0): WireBlock[] {
  return wire.messages?.[turn]?.content ?? [];
}

function refusal(request: LlmRequest, modelId = sonnet): string {
  try {
    admitted(request, modelId);
  } catch (error) {
    if (GatewayError.is(error, 'invalid_request')) return `${error.message} ${error.hint}`;
    throw error;
  }
  return 'it was let through';
}

describe('a request that Bedrock would refuse is refused before money is held, with the rule', () => {
  it.each<[string, string, LlmRequest, string]>([
    [
      'first turn must be the user’s',
      llama,
      { messages: [assistant(text('a')), user(text('b'))] },
      'the first turn',
    ],
    [
      'last turn must be the user’s',
      opus,
      { messages: [user(text('a')), assistant(text('b'))] },
      'the last turn',
    ],
    [
      'can’t hold a block of the type image',
      sonnet,
      { messages: [user(text('a')), assistant(image()), user(text('b'))] },
      'an image of the assistant',
    ],
    [
      'can’t hold a block of the type tool_use',
      sonnet,
      { messages: [user(use('a'))] },
      'a tool use of the user',
    ],
    [
      'has no result in the turn after it',
      sonnet,
      { messages: [user(text('a')), assistant(use('x')), user(text('b'))] },
      'a use without a result',
    ],
    [
      'doesn’t follow the turn that used the tool',
      sonnet,
      { messages: [user(text('a'), result('x'))] },
      'a result without a use',
    ],
    [
      'two results for the tool use',
      sonnet,
      { messages: loop(result('tool_1', 'other')) },
      'two results that differ',
    ],
    [
      'at most 20 images',
      sonnet,
      { messages: [user(text('a'), ...Array.from({ length: 21 }, () => image()))] },
      'too many images',
    ],
    [
      'at most 5 documents',
      sonnet,
      { messages: [user(text('a'), ...Array.from({ length: 6 }, () => document()))] },
      'too many documents',
    ],
    ['must be a text', sonnet, { messages: [user(document())] }, 'a document alone'],
    ['at most 8000 pixels', sonnet, { messages: [user(text('a'), image(png(8001, 2)))] }, 'a wide image'],
    [
      'whole PNG, JPEG, GIF or WebP',
      sonnet,
      { messages: [user(text('a'), image(Buffer.from('<svg/>').toString('base64')))] },
      'an SVG',
    ],
    [
      'at most 3932160 bytes',
      sonnet,
      {
        messages: [
          user(
            text('a'),
            image(
              png(8, 8).replace(/=*$/, '') +
                'A'.repeat(5_300_000 - (png(8, 8).replace(/=*$/, '').length % 4)),
            ),
          ),
        ],
      },
      'a large image',
    ],
    [
      'at most 4500000 bytes',
      sonnet,
      {
        messages: [
          user(
            text('a'),
            document(
              'x',
              Buffer.concat([Buffer.from(pdf(1), 'base64'), Buffer.alloc(4_500_000)]).toString('base64'),
            ),
          ),
        ],
      },
      'a large document',
    ],
    ['must not be empty', sonnet, { messages: [user(text('a'), document('x', ''))] }, 'an empty document'],
    [
      'takes no images',
      gptOss,
      { messages: [user(text('a'), image())] },
      'an image to a model that sees none',
    ],
    [
      'The cost of an image is unknown',
      'moonshotai.kimi-k2.5',
      { messages: [user(text('a'), image())] },
      'an image whose cost nobody knows',
    ],
    ['two tools have the name', sonnet, { prompt: 'a', tools: [tool(), tool()] }, 'a tool twice'],
    [
      'not among the tools',
      sonnet,
      { prompt: 'a', tools: [tool()], toolChoice: { type: 'tool', name: 'other' } },
      'a choice of no tool',
    ],
    ['there is none', sonnet, { prompt: 'a', toolChoice: { type: 'any' } }, 'a choice without tools'],
    [
      'can’t be made to use a tool',
      llama,
      { prompt: 'a', tools: [tool()], toolChoice: { type: 'any' } },
      'a forced tool (Llama)',
    ],
    [
      'can’t be made to use a tool',
      mistral,
      { prompt: 'a', tools: [tool()], toolChoice: { type: 'tool', name: 'look' } },
      'a named tool (Mistral)',
    ],
    [
      'can’t be made to use a tool',
      qwen,
      { prompt: 'a', tools: [tool()], toolChoice: { type: 'any' } },
      'a forced tool (Qwen)',
    ],
    [
      'a model that reasons can’t be made to use a tool',
      sonnet,
      { prompt: 'a', tools: [tool()], toolChoice: { type: 'any' }, reasoning: { effort: 'low' } },
      'a forced tool with reasoning',
    ],
    [
      'can’t be asked to reason',
      nova,
      { prompt: 'a', reasoning: { effort: 'low' } },
      'reasoning of a model without',
    ],
    [
      'asked for twice',
      sonnet,
      {
        prompt: 'a',
        reasoning: { effort: 'low' },
        additionalFields: { thinking: { type: 'enabled', budget_tokens: 2000 } },
      },
      'reasoning twice',
    ],
    ['takes no system prompt', titan, { prompt: 'a', system: 'b' }, 'a system prompt (Titan)'],
    ['must not be blank', sonnet, { prompt: 'a', stopSequences: ['\n'] }, 'a blank stop sequence'],
    [
      'at most 2500 stop sequences',
      sonnet,
      { prompt: 'a', stopSequences: Array.from({ length: 2501 }, (_, index) => `s${index}`) },
      'too many stop sequences',
    ],
    [
      'a temperature or top_p, not both',
      sonnet,
      { prompt: 'a', temperature: 0.5, topP: 0.5 },
      'temperature and top_p',
    ],
    [
      'can’t cite documents',
      sonnet,
      {
        messages: [
          user(text('a'), { ...(document() as object), citations: { enabled: true } } as ContentBlock),
        ],
        outputSchema: { schema: { type: 'object' } },
      },
      'citations in a given form',
    ],
    ['top_p must be', sonnet, { prompt: 'a', topP: 1.5 }, 'a top_p above 1'],
    ...['max_tokens', 'n', 'service_tier', 'speed', 'num_generations'].map(
      (field): [string, string, LlmRequest, string] => [
        `additional field ${field}`,
        sonnet,
        { prompt: 'a', additionalFields: { [field]: 9 } },
        `a field that changes the price: ${field}`,
      ],
    ),
    [
      'messages.0.content.0.text must be',
      sonnet,
      { messages: [{ role: 'user', content: [{ type: 'text', text: 7 as never }] }] },
      'a text that is none',
    ],
    [
      'must be a JSON object',
      sonnet,
      { prompt: 'a', tools: [tool('look', { input_schema: { limit: NaN } })] },
      'a number that is none',
    ],
  ])('$3: $0', (rule, modelId, request) => {
    expect(refusal(request, modelId)).toContain(rule);
  });

  it('with a limit of the answer in a field of the model, at any depth', () => {
    for (const additionalFields of [
      { textGenerationConfig: { maxTokenCount: 9 } },
      { a: { b: { maxOutputTokens: 9 } } },
    ])
      expect(refusal({ prompt: 'a', additionalFields })).toContain('would change the cost of the call');
    const tools = [{ name: 'look', input_schema: { properties: { max_tokens: {} } } }];
    expect(refusal({ prompt: 'a', additionalFields: { tools } })).toBe('it was let through');
  });

  it('with a guardrail that nobody has a price for', () => {
    const request = { prompt: 'a', guardrail: { id: 'g', version: '1' } };
    expect(() => admitted(request)).toThrow(expect.objectContaining({ code: 'price_unknown' }));
    expect(admitted(request, sonnet, { guardrailPrice: '0.25' }).worstCase).toBeGreaterThan(
      admitted({ prompt: 'a' }).worstCase,
    );
  });
});

describe('a request is mended without changing what it asks', () => {
  it('roles alternate: turns of one role are one', () => {
    const wire = sent({
      messages: [
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
      ],
    });
    expect(wire.messages).toEqual([{ role: 'user', content: [{ text: 'a' }, { text: 'b' }] }]);
  });

  it('the system’s turn amid the conversation stays in its place', () => {
    const wire = sent({
      system: 's',
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
        { role: 'system', content: 'c' },
        { role: 'user', content: 'd' },
      ],
    });
    expect(wire.system).toEqual([{ text: 's' }]);
    expect(content(wire, 2)).toEqual([{ text: 'c' }, { text: 'd' }]);
  });

  it('blank texts and turns that are nothing else are left out', () => {
    const wire = sent({
      system: [{ type: 'text', text: ' ' }],
      messages: [user(text(' '), text('a')), assistant(text('\n')), user(text('b'))],
    });
    expect(wire).toMatchObject({ messages: [{ role: 'user', content: [{ text: 'a' }, { text: 'b' }] }] });
    expect(wire.system).toBeUndefined();
  });

  it('results come first in their turn, and one that is given twice once', () => {
    const wire = sent({
      messages: [
        user(text('q')),
        assistant(use('a'), use('b')),
        user(text('x'), result('b'), result('a'), result('a')),
      ],
      tools: [tool()],
    });
    expect(content(wire, 2).map((block) => block.toolResult?.toolUseId ?? block.text)).toEqual([
      'b',
      'a',
      'x',
    ]);
  });

  it('an empty result says so', () => {
    for (const empty of [undefined, '', ' ']) {
      const wire = sent({
        messages: [
          user(text('q')),
          assistant(use('a')),
          user({ type: 'tool_result', tool_use_id: 'a', ...(empty !== undefined && { content: empty }) }),
        ],
      });
      expect(content(wire, 2)[0]?.toolResult?.content).toEqual([{ text: '(no output)' }]);
    }
  });

  it('a history with tools gets the tools that it used, and a request without tools no choice', () => {
    expect(sent({ messages: loop() }).toolConfig?.tools).toEqual([
      { toolSpec: { name: 'look', inputSchema: { json: { type: 'object' } } } },
    ]);
    expect(sent({ prompt: 'a', toolChoice: { type: 'auto' } }).toolConfig).toBeUndefined();
    expect(sent({ prompt: 'a', tools: [], toolChoice: { type: 'none' } }).toolConfig).toBeUndefined();
  });

  it('tool_choice none, for which Converse has no word, sends no tools, and the history as text', () => {
    const wire = sent({ messages: loop(), tools: [tool()], toolChoice: { type: 'none' } });
    expect(wire.toolConfig).toBeUndefined();
    expect(content(wire, 1)).toEqual([{ text: '[tool look] {}' }]);
    expect(content(wire, 2)).toEqual([{ text: '[result of the tool]' }, { text: 'found' }]);
  });

  it('a model that knows no choice of tools is sent none', () => {
    expect(
      sent({ prompt: 'a', tools: [tool()], toolChoice: { type: 'auto' } }, qwen).toolConfig?.toolChoice,
    ).toBeUndefined();
    expect(
      sent({ prompt: 'a', tools: [tool()], toolChoice: { type: 'auto' } }, llama).toolConfig?.toolChoice,
    ).toEqual({ auto: {} });
  });

  it('names and ids that the model doesn’t take get others, the same in use, result, tools and choice', () => {
    const name = `mcp__${'x'.repeat(80)}`;
    const messages = [user(text('q')), assistant(use('call:1.2', name)), user(result('call:1.2'))];
    const call = admitted({ messages, tools: [tool(name)], toolChoice: { type: 'tool', name } }).call;
    const wire = wireOf(call);
    const alias = wire.toolConfig?.tools?.[0]?.toolSpec?.name ?? '';
    expect(alias).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(call.toolNames).toEqual({ [alias]: name });
    expect(wire.toolConfig?.toolChoice?.tool?.name).toBe(alias);
    const { toolUse } = content(wire, 1)[0] ?? {};
    expect(toolUse).toMatchObject({
      name: alias,
      toolUseId: expect.stringMatching(/^[a-z0-9]{9}$/) as string,
    });
    expect(content(wire, 2)[0]?.toolResult?.toolUseId).toBe(toolUse?.toolUseId);
    expect(content(sent({ messages: loop() }, mistral), 1)[0]?.toolUse?.toolUseId).toMatch(
      /^[a-zA-Z0-9]{9}$/,
    );
  });

  it.each([
    [sonnet, [['toolResult', 'text', 'image']]],
    [nova, [['toolResult', 'text', 'image']]],
    [llama, [['toolResult'], ['text'], ['text', 'image']]],
    [mistral, [['toolResult'], ['text'], ['text', 'image']]],
  ])('what %s doesn’t take beside a result gets a turn of its own', (modelId, turns) => {
    const wire = sent({ messages: loop(text('see'), image()) }, modelId);
    expect(
      (wire.messages ?? [])
        .slice(2)
        .map(({ content: blocks = [] }) => blocks.map((block) => Object.keys(block)[0])),
    ).toEqual(turns);
  });

  it('blank descriptions are left out, and `strict` is never sent', () => {
    const wire = sent({ prompt: 'a', tools: [tool('look', { description: '  ' })] });
    expect(wire.toolConfig?.tools?.[0]?.toolSpec).toEqual({
      name: 'look',
      inputSchema: { json: { type: 'object' } },
    });
  });

  it('titles of documents are cleaned, cut and made different', () => {
    const wire = sent({
      messages: [
        user(
          text('a'),
          document('Q3: “Zahlen”.pdf'),
          document('Q3  Zahlen pdf'),
          document('x'.repeat(300)),
          document(null),
        ),
      ],
    });
    const names = content(wire).flatMap((block) => block.document?.name ?? []);
    expect(names).toEqual(['Q3 Zahlen pdf', 'Q3 Zahlen pdf (2)', 'x'.repeat(200), 'Document']);
  });

  it('an image goes under the type of its bytes, and `image/jpg` is JPEG', () => {
    expect(
      content(sent({ messages: [user(text('a'), image(png(3, 3), 'image/gif'))] }))[1]?.image?.format,
    ).toBe('png');
    const jpeg = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/jpg', data: png(3, 3) },
    } as unknown as ContentBlock;
    expect(admitted({ messages: [user(text('a'), jpeg)] }).adjustments).toEqual([
      'An image was sent under the type that its bytes have.',
    ]);
  });

  it('reasoning goes back byte for byte; unsigned and empty-signed ones, and those of others, are left out', () => {
    const signed = thinking(' leading, é, and trailing \n');
    const redacted: ContentBlock = {
      type: 'redacted_thinking',
      data: Buffer.from([0, 255, 128]).toString('base64'),
    };
    const unsigned: ContentBlock[] = [
      { type: 'thinking', thinking: 'x' },
      { type: 'thinking', thinking: 'x', signature: '' },
    ];
    const messages = [
      user(text('q')),
      assistant(...unsigned, signed, redacted, text(' kept as it is ')),
      user(text('b')),
    ];
    expect(content(sent({ messages }), 1)).toEqual([
      {
        reasoningContent: {
          reasoningText: {
            text: ' leading, é, and trailing \n',
            signature: (signed as { signature: string }).signature,
          },
        },
      },
      { reasoningContent: { redactedContent: 'AP+A' } },
      { text: ' kept as it is ' },
    ]);
    expect(content(sent({ messages }, llama), 1)).toEqual([{ text: ' kept as it is ' }]);
  });

  it('a turn that was nothing but unsigned reasoning is left out', () => {
    const messages = [user(text('a')), assistant({ type: 'thinking', thinking: 'x' }), user(text('b'))];
    expect(sent({ messages }).messages).toHaveLength(1);
  });

  it.each<[string, string, LlmRequest['reasoning'], object | undefined]>([
    ['a budget', opus45, { budget_tokens: 1500 }, { thinking: { type: 'enabled', budget_tokens: 1500 } }],
    ['a word as a budget', opus45, { effort: 'low' }, { thinking: { type: 'enabled', budget_tokens: 2048 } }],
    [
      'a budget below max_tokens',
      opus45,
      { effort: 'high' },
      { thinking: { type: 'enabled', budget_tokens: 3999 } },
    ],
    [
      'a budget as a word from 4.7 on',
      opus,
      { budget_tokens: 20_000 },
      { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } },
    ],
    [
      'Nova’s way',
      nova2,
      { effort: 'medium' },
      { reasoningConfig: { type: 'enabled', maxReasoningEffort: 'medium' } },
    ],
    ['gpt-oss’s way', gptOss, { effort: 'low' }, { reasoning_effort: 'low' }],
    ['Qwen’s way', qwen, { budget_tokens: 99_999 }, { reasoning_config: 'high' }],
  ])('reasoning is asked for in the model’s own way: %s', (_name, modelId, reasoning, fields) => {
    const wire = sent({ prompt: 'a', reasoning: reasoning ?? { effort: 'low' } }, modelId);
    expect(wire.additionalModelRequestFields).toEqual(fields);
  });

  it('a budget for which there is no room is left out, and said', () => {
    const call = admitted({ prompt: 'a', maxTokens: 900, reasoning: { effort: 'low' } }, opus45);
    expect(wireOf(call.call).additionalModelRequestFields).toBeUndefined();
    expect(call.adjustments).toEqual([expect.stringContaining('Reasoning was left out')]);
  });

  it('reasoning between tool calls may have a budget above max_tokens, which is held', () => {
    const call = admitted(
      {
        prompt: 'a',
        maxTokens: 2000,
        reasoning: { budget_tokens: 9000 },
        tools: [tool()],
        additionalFields: { anthropic_beta: ['interleaved-thinking-2025-05-14'] },
      },
      opus45,
    );
    expect(call.outputTokensBound).toBe(9000);
    const own = { thinking: { type: 'enabled', budget_tokens: 9000 } };
    expect(admitted({ prompt: 'a', maxTokens: 2000, additionalFields: own }, opus45).outputTokensBound).toBe(
      9000,
    );
    expect(
      admitted({ prompt: 'a', maxTokens: 2000, reasoning: { budget_tokens: 9000 } }, opus45)
        .outputTokensBound,
    ).toBe(2000);
  });

  it.each<[string, string, LlmRequest, object]>([
    [
      'none beside reasoning',
      sonnet,
      { reasoning: { effort: 'low' }, temperature: 0.2 },
      { maxTokens: 4000 },
    ],
    ['none beside Nova’s reasoning', nova2, { reasoning: { effort: 'low' }, topP: 0.5 }, { maxTokens: 4000 }],
    ['none where the model takes none', opus, { temperature: 0.2, topP: 0.5 }, { maxTokens: 4000 }],
    ['top_p in the place of the default', sonnet, { topP: 0.5 }, { maxTokens: 4000, topP: 0.5 }],
    [
      'both where the model takes both',
      nova,
      { temperature: 0.5, topP: 0.5 },
      { maxTokens: 4000, temperature: 0.5, topP: 0.5 },
    ],
  ])('sampling: %s, and maxTokens always', (_name, modelId, request, expected) => {
    expect(sent({ prompt: 'a', ...request }, modelId).inferenceConfig).toEqual(expected);
  });

  it('a turn that the model is to continue has no white space at its end; others are left as they are', () => {
    const messages = [user(text('a')), assistant(text('Once upon \n'))];
    const older = 'us.anthropic.claude-sonnet-4-20250514-v1:0';
    expect(content(sent({ messages }, older), 1)).toEqual([{ text: 'Once upon' }]);
  });

  it('an answer of a given form is asked for with its schema as a text', () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    const { textFormat } = sent({ prompt: 'a', outputSchema: { name: 'form', schema } }).outputConfig ?? {};
    expect(textFormat).toEqual({
      type: 'json_schema',
      structure: { jsonSchema: { name: 'form', schema: JSON.stringify(schema) } },
    });
  });
});

describe('cache points', () => {
  const point = (ttl?: '5m' | '1h') => ({ cache_control: { ...ephemeral, ...(ttl && { ttl }) } });

  it('stand behind tools, system and blocks of either role, with their ttl', () => {
    const wire = sent({
      tools: [tool('look', point('1h'))],
      system: [{ type: 'text', text: 's', ...point('1h') }],
      messages: [
        user(text('a')),
        assistant({ ...use('t'), ...point() }),
        user({ ...result('t'), ...point('5m') }),
      ],
    });
    expect(wire.toolConfig?.tools?.[1]).toEqual({ cachePoint: { type: 'default', ttl: '1h' } });
    expect(wire.system?.[1]).toEqual({ cachePoint: { type: 'default', ttl: '1h' } });
    expect(content(wire, 1)[1]).toEqual({ cachePoint: { type: 'default' } });
    expect(content(wire, 2)[1]).toEqual({ cachePoint: { type: 'default', ttl: '5m' } });
  });

  it('are at most four, the last ones; what keeps longer stands first', () => {
    const many = Array.from({ length: 6 }, (_, index): ContentBlock => ({
      type: 'text',
      text: `t${index}`,
      ...point(index === 5 ? '1h' : undefined),
    }));
    const call = admitted({ messages: [user(...many)] });
    const blocks = content(wireOf(call.call));
    expect(blocks.filter(({ cachePoint }) => cachePoint)).toEqual(
      Array.from({ length: 4 }, () => ({ cachePoint: { type: 'default' } })),
    );
    expect(blocks.at(-1)).toEqual({ cachePoint: { type: 'default' } });
    expect(call.adjustments).toEqual([expect.stringContaining('Cache points')]);
    expect(refusalOf(sonnet, wireOf(call.call))).toBeNull();
  });

  it.each([
    [
      'behind a document that is no PDF',
      sonnet,
      {
        messages: [
          user(text('a'), {
            type: 'document',
            title: 'x',
            source: { type: 'text', media_type: 'text/plain', data: 'y' },
            ...point(),
          }),
        ],
      },
      0,
    ],
    [
      'behind a PDF',
      sonnet,
      { messages: [user(text('a'), { ...(document() as object), ...point() } as ContentBlock)] },
      1,
    ],
    ['in the tools of Nova', nova, { prompt: 'a', tools: [tool('look', point())] }, 0],
    [
      'of a model that caches nothing',
      llama,
      { messages: [user({ type: 'text', text: 'a', ...point() })] },
      0,
    ],
  ] as [string, string, LlmRequest, number][])('%s: so many are sent', (_name, modelId, request, count) => {
    const wire = sent(request, modelId);
    const blocks = [
      ...(wire.toolConfig?.tools ?? []),
      ...(wire.messages ?? []).flatMap(({ content: all = [] }) => all),
    ];
    expect(blocks.filter(({ cachePoint }) => cachePoint)).toHaveLength(count);
  });
});

describe('rules of a family', () => {
  it('hold behind an application profile as well', () => {
    const arn = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123';
    const bases = { [arn]: { base: opus } };
    const call = admitted({ prompt: 'a', reasoning: { effort: 'low' } }, arn, { bases });
    expect(wireOf(call.call).additionalModelRequestFields).toMatchObject({ thinking: { type: 'adaptive' } });
    expect(wireOf(call.call).inferenceConfig).toEqual({ maxTokens: 4000 });
  });
});
