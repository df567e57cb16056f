import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { converseInput } from '../../src/adapters/converse/wire.ts';
import { blocksOf, shortest, type ChatMessage, type ContentBlock } from '../../src/content/messages.ts';
import type { Core } from '../../src/core/core.ts';
import type { AnswerEvent, LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { contentOf } from '../../src/content/callContent.ts';
import type { WireBlock } from '../standIn/converse/request.ts';
import { signatureOf } from '../standIn/converse/answers.ts';
import { onTheWire, sonnet } from '../support/admittedCalls.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnMock, gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { storedRecords } from '../support/ledgers.ts';
import { times } from '../support/nightly.ts';
import { answered, pdf, png } from '../support/richRequests.ts';
import { temporaryFolder } from '../support/temporary.ts';

const tools = [
  {
    name: 'read_file',
    description: 'Reads a file',
    input_schema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  },
];
const picture: ContentBlock = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: png(60, 30) },
};

function ask(
  { core }: { core: Core },
  request: LlmRequest,
  onEvent?: (event: AnswerEvent) => void,
): Promise<LlmResponse> {
  return core.registry
    .calls()
    .execute(
      { auditReason: 'JIRA-1 rich', modelId: sonnet, maxTokens: 2000, ...request },
      onEvent ? { onEvent } : {},
    );
}

/** Blocks as the stand-in has them on its wire. */
function wireOf(content: readonly ContentBlock[]): WireBlock[] {
  const call = {
    ...{ callId: '', modelId: '', toolNames: {}, temperature: null, maxTokens: 1, stream: true },
    ...{ serviceTier: 'standard' as const, metadata: {} },
    content: { system: null, messages: [{ role: 'assistant' as const, content: [...content] }] },
  };
  const blocks = converseInput(call).messages?.[0]?.content ?? [];
  return JSON.parse(JSON.stringify(blocks, onTheWire)) as WireBlock[];
}

/** Answers in letters that every family takes, so that they are repeated as they are. */
const plainAnswer = answered.map((blocks) =>
  blocks.map((block, index) =>
    block.type === 'tool_use'
      ? { ...block, id: `toolu_${index}`, name: block.name.replaceAll(/[^a-z_]/g, '').slice(0, 60) }
      : block,
  ),
);

describe('an answer of any blocks', () => {
  it.each([true, false])(
    'comes from the wire as it was sent, and goes back as it came (stream: %s)',
    async (stream) => {
      const gateway = await gatewayOnStandIn({}, {});
      await fc.assert(
        fc.asyncProperty(plainAnswer, async (blocks) => {
          const sent = wireOf(blocks);
          const prompt = `@stand-in:blocks=${JSON.stringify(sent)}`;
          const first = await ask(gateway, { prompt, stream });
          expect(first.error).toBeNull();
          expect(first.message).toEqual({ role: 'assistant', content: shortest(blocks) });
          const results = blocks.flatMap((block): ContentBlock[] =>
            block.type === 'tool_use'
              ? [{ type: 'tool_result', tool_use_id: block.id, content: 'done' }]
              : [],
          );
          const next = await ask(gateway, {
            messages: [
              { role: 'user', content: prompt },
              first.message as ChatMessage,
              { role: 'user', content: [...results, { type: 'text', text: 'And now?' }] },
            ],
          });
          expect(next.error).toBeNull();
          expect(gateway.standIn.calls.at(-1)?.body.messages?.[1]?.content).toEqual(sent);
        }),
        { numRuns: times(25, 400) },
      );
    },
  );

  it('is told in order: each block’s pieces, its end with the whole of it, then the stop', async () => {
    const gateway = await gatewayOnStandIn();
    const events: AnswerEvent[] = [];
    const response = await ask(gateway, { prompt: '@stand-in:use-tool', tools }, (event) =>
      events.push(event),
    );
    const ends = events.filter((event) => event.type === 'block_end');
    expect(ends.map(({ block }) => block)).toEqual(blocksOf(response.message?.content ?? ''));
    expect(events.at(-1)).toEqual({ type: 'stop', reason: 'tool_use' });
    for (const { index } of ends) {
      const own = events.filter((event) => 'index' in event && event.index === index);
      expect(own.at(-1)?.type).toBe('block_end');
    }
    const pieces = events.flatMap((event) => (event.type === 'tool_use_input' ? event.json : []));
    expect(JSON.parse(pieces.join(''))).toEqual({ path: 'a b.txt' });
    expect(events.find((event) => event.type === 'tool_use_start')).toMatchObject({ name: 'read_file' });
  });

  it.each([
    ['a tool’s input that is no JSON', [{ toolUse: { toolUseId: 'a', name: 'read_file', input: 'x' } }]],
  ])('fails where it can’t be used, and is charged: %s', async (_name, blocks) => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, { prompt: `@stand-in:blocks=${JSON.stringify(blocks)}`, tools });
    expect(response).toMatchObject({
      success: false,
      status: 'incomplete',
      error: { code: 'backend_failed' },
    });
    expect(response.cost).toBeGreaterThan(0n);
    expect(response.costEstimated).toBe(false);
  });

  it('that was stopped while the model thought is charged for all that it may have thought', async () => {
    const gateway = await gatewayOnStandIn();
    const stop = new AbortController();
    const response = await gateway.core.registry
      .calls()
      .execute(
        { prompt: '@stand-in:reasoning', auditReason: 'JIRA-1 rich', modelId: sonnet, maxTokens: 2000 },
        { signal: stop.signal, onEvent: (event) => event.type === 'thinking' && stop.abort() },
      );
    expect(response.tokenUsage.output).toBe(2000);
    expect(response).toMatchObject({ status: 'cancelled', costEstimated: true });
    const kept = blocksOf(response.message?.content ?? '');
    expect(kept.every((block) => block.type === 'thinking' && block.signature === undefined)).toBe(true);
  });
});

/** A tool loop from the command line: files, and what each of two turns gave. */
async function toolLoop(gateway: TestGateway, directive: string) {
  const folder = temporaryFolder();
  const environment = process.env as Record<string, string>;
  const path = (name: string, value: unknown): string => {
    const file = join(folder, name);
    writeFileSync(file, JSON.stringify(value));
    return file;
  };
  const toolFile = path('tools.json', tools);
  const turn = async (messages: ChatMessage[]): Promise<Record<string, unknown>> => {
    const options = [
      '--model',
      sonnet,
      '--reasoning',
      '1500',
      '--tools',
      toolFile,
      '--messages',
      path('messages.json', messages),
    ];
    const { document, code } = await tidyllmJson(['chat', '--reason', 'JIRA-1 tool loop', ...options], {
      environment,
    });
    expect(code).toBe(0);
    return document;
  };
  const question: ChatMessage = { role: 'user', content: [picture, { type: 'text', text: directive }] };
  const first = await turn([question]);
  const calls = first['tool_calls'] as { id: string; name: string; input: object }[];
  const result: ChatMessage = {
    role: 'user',
    content: [
      {
        type: 'tool_result',
        tool_use_id: calls[0]?.id ?? '',
        content: [{ type: 'json', json: { lines: 42 } }, picture as never],
      },
    ],
  };
  const second = await turn([question, first['message'] as ChatMessage, result]);
  return { first, second, calls, records: storedRecords(gateway.core.journal.directory) };
}

describe('a tool loop from the command line', () => {
  it('keeps reasoning and its signature, takes an image in, and records and charges each call', async () => {
    const gateway = await gatewayOnStandIn();
    const { first, second, calls, records } = await toolLoop(gateway, '@stand-in:use-tool');
    expect(first).toMatchObject({ stop_reason: 'tool_use', success: true });
    expect(calls).toEqual([{ id: 'tooluse_stand-in', name: 'read_file', input: { path: 'a b.txt' } }]);
    expect(second).toMatchObject({
      stop_reason: 'end_turn',
      content: 'The tool said: {"lines":42} (a picture)',
    });
    const [, again] = gateway.standIn.calls;
    const text = 'The user wants it looked up.';
    expect(again?.body.messages?.[1]?.content?.[0]).toEqual({
      reasoningContent: { reasoningText: { text, signature: signatureOf(text) } },
    });
    expect(again?.body.messages?.[0]?.content?.[0]?.image?.source?.bytes).toBe(png(60, 30));
    expect(again?.body.additionalModelRequestFields).toEqual({
      thinking: { type: 'enabled', budget_tokens: 1500 },
    });
    const settled = records.filter(({ kind }) => kind === 'SETTLE');
    expect(settled).toMatchObject([{ outcome: 'success' }, { outcome: 'success' }]);
    const notes = records.filter((record) => record.kind === 'note');
    const about = notes.filter(({ topic }) => topic.endsWith('.content'));
    expect(about).toMatchObject([
      { topic: 'request.content', data: { images: 1, reasoning: true, tools: ['read_file'] } },
      { topic: 'answer.content', data: { reasoning: true, tool_uses: ['read_file'] } },
      {
        topic: 'request.content',
        data: { images: 2, tool_results: 1, reasoning: true, tools: ['read_file'] },
      },
      { topic: 'answer.content', data: { reasoning: true } },
    ]);
    for (const [index, document] of [first, second].entries()) {
      const cost = BigInt(Math.round(Number(document['cost_usd']) * 1e6)).toString();
      expect(settled[index]).toMatchObject({ cost_micro_usd: cost, estimated: false });
    }
  });

  it('plays along on the mock back-end, and says that it is simulated', async () => {
    const { core, home } = await gatewayOnMock();
    const { first, second } = await toolLoop({ core, home } as TestGateway, 'Read it.');
    expect(first).toMatchObject({
      simulated: true,
      stop_reason: 'tool_use',
      tool_calls: [{ name: 'read_file', input: { path: 'SIMULATED' } }],
    });
    expect(JSON.stringify(first['message'])).toContain('SIMULATED reasoning');
    expect(second).toMatchObject({ simulated: true, stop_reason: 'end_turn' });
    expect(second['content']).toContain('1 tool result');
  });

  it.each<[string, unknown, string]>([
    ['a block of an unknown kind', [{ role: 'user', content: [{ type: 'video', url: 'x' }] }], '0.content.0'],
    [
      'an image of another type',
      [
        {
          role: 'user',
          content: [{ type: 'image', source: { type: 'base64', media_type: 'image/svg+xml', data: '' } }],
        },
      ],
      '0.content.0.source.media_type',
    ],
    [
      'base64 that is none',
      [
        {
          role: 'user',
          content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: '%%' } }],
        },
      ],
      '0.content.0.source.data',
    ],
    ['no list', { role: 'user' }, 'must be a list'],
  ])('says where a file of messages is wrong: %s', async (_name, messages, place) => {
    const { standIn } = await gatewayOnStandIn();
    const file = join(temporaryFolder(), 'messages.json');
    writeFileSync(file, JSON.stringify(messages));
    const environment = process.env as Record<string, string>;
    const { code, stderr } = await tidyllm(['chat', '--reason', 'JIRA-1 x', '--messages', file], {
      environment,
    });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(place) as string });
    expect(standIn.calls).toEqual([]);
  });
});

describe('files beside a prompt', () => {
  it('go as images and documents where they are none of text', async () => {
    const { standIn } = await gatewayOnStandIn();
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'shot.png'), Buffer.from(png(40, 40), 'base64'));
    writeFileSync(join(folder, 'a report.pdf'), Buffer.from(pdf(2), 'base64'));
    writeFileSync(join(folder, 'notes.txt'), 'remember');
    const files = ['shot.png', 'a report.pdf', 'notes.txt'].flatMap((name) => ['--file', join(folder, name)]);
    const environment = process.env as Record<string, string>;
    const { code } = await tidyllm(['chat', '--reason', 'JIRA-1 x', '--model', sonnet, ...files, 'Look'], {
      environment,
    });
    expect(code).toBe(0);
    const content = standIn.calls[0]?.body.messages?.[0]?.content ?? [];
    expect(content.map((block) => Object.keys(block)[0])).toEqual(['image', 'document', 'text']);
    expect(content[1]?.document).toMatchObject({ format: 'pdf', name: 'a report pdf' });
    expect(content[2]?.text).toContain('remember');
  });
});

describe('what is kept of a rich call', () => {
  const secret = 'AKIAIOSFODNN7EXAMPLE';
  const request: LlmRequest = {
    messages: [
      { role: 'user', content: [picture, { type: 'text', text: `@stand-in:use-tool my key is ${secret}` }] },
    ],
    tools: [{ name: 'read_file', description: `with ${secret}`, input_schema: { type: 'object' } }],
    system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }],
  };

  async function keptOf(policy: string) {
    const home = temporaryFolder();
    writeFileSync(join(home, 'settings.yaml'), `audit:\n  content: ${policy}\n`);
    const gateway = await gatewayOnStandIn({ TIDYLLM_HOME: home, TIDYLLM_COMPLIANCE_SECRETS: 'allow' });
    const response = await ask(gateway, request);
    const records = storedRecords(gateway.core.journal.directory).filter(
      ({ call_id }) => call_id === response.auditTrail?.callId,
    );
    const kept = await contentOf(gateway.core.content, records, () => Promise.resolve(null));
    return { kept, response, records };
  }

  it('is all of it by the policy full, and is what the records have the hashes of', async () => {
    const { kept, response } = await keptOf('full');
    expect(kept).toMatchObject({
      state: 'kept',
      matches_records: true,
      ...request,
      answer: response.message?.content,
    });
  });

  it('has no secret, picture or signature by the policy redacted', async () => {
    const { kept } = await keptOf('redacted');
    const text = JSON.stringify(kept);
    expect(kept).toMatchObject({ state: 'kept', policy: 'redacted' });
    for (const gone of [secret, png(60, 30), 'signature']) expect(text).not.toContain(gone);
    expect(text).toContain(
      '[image/png, 106 bytes, not kept]'.replace('106', String(Buffer.byteLength(png(60, 30), 'base64'))),
    );
    expect(text).toContain('tool_use');
  });

  it('is nothing but a keyed hash by the policy hash', async () => {
    const { kept, records } = await keptOf('hash');
    expect(kept).toEqual({ state: 'none' });
    expect(records.find(({ kind }) => kind === 'RESERVE')).toMatchObject({
      request_hmac: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(JSON.stringify(records)).not.toContain(secret);
  });
});
