import fc from 'fast-check';
import { crc32, deflateSync } from 'node:zlib';
import type {
  CacheControl,
  ChatMessage,
  ContentBlock,
  JsonObject,
  ResultBlock,
  Tool,
} from '../../src/content/messages.ts';
import type { LlmRequest } from '../../src/gateways/modelCalls.ts';
import { signatureOf } from '../standIn/converse/answers.ts';

/** A PNG of this size, in base64. */
export function png(width: number, height: number): string {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const around = Buffer.alloc(8);
    around.writeUInt32BE(data.length, 0);
    around.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([1, 0], 8);
  const rows = Buffer.alloc((Math.ceil(width / 8) + 1) * height);
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]).toString('base64');
}

/** A PDF of so many pages, in base64. */
export function pdf(pages: number): string {
  const kids = Array.from({ length: pages }, (_, index) => `${index + 3} 0 R`).join(' ');
  const objects = [
    '1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj',
    `2 0 obj\n<< /Type /Pages /Kids [${kids}] /Count ${pages} >>\nendobj`,
    ...Array.from(
      { length: pages },
      (_, index) => `${index + 3} 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj`,
    ),
  ];
  return Buffer.from(`%PDF-1.7\n${objects.join('\n')}\ntrailer\n<< /Root 1 0 R >>\n%%EOF`).toString('base64');
}

const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  fc.constantFrom(
    'ﷺ'.repeat(30),
    '½ ㎏ ﬃ',
    'a\u0301 é 😀👩‍💻',
    ' leading and trailing ',
    'שלום\r\nعالم',
    '```ts\nconst a = 1;\n```',
  ),
);
const said = text.filter((one) => one.trim() !== '');
const control: fc.Arbitrary<CacheControl | undefined> = fc.option(
  fc.oneof(
    fc.constant({ type: 'ephemeral' as const }),
    fc.constantFrom('5m' as const, '1h' as const).map((ttl) => ({ type: 'ephemeral' as const, ttl })),
  ),
  { nil: undefined, freq: 6 },
);
const cached = <Block extends ContentBlock>(block: fc.Arbitrary<Block>): fc.Arbitrary<Block> =>
  fc.tuple(block, control).map(([one, point]) => (point ? { ...one, cache_control: point } : one));
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => ({ value })) as fc.Arbitrary<JsonObject>;

const textBlock = cached(said.map((one) => ({ type: 'text' as const, text: one })));
const image = cached(
  fc.tuple(fc.integer({ min: 1, max: 2500 }), fc.integer({ min: 1, max: 2500 })).map(([width, height]) => ({
    type: 'image' as const,
    source: { type: 'base64' as const, media_type: 'image/png' as const, data: png(width, height) },
  })),
);
const title = fc.constantFrom('report', 'Q3 (final) [2]', 'a_b: “ü”.pdf', 'x'.repeat(250));
const document = cached(
  fc
    .record({
      title,
      citations: fc.boolean(),
      source: fc.oneof(
        fc.integer({ min: 1, max: 12 }).map((pages) => ({
          type: 'base64' as const,
          media_type: 'application/pdf' as const,
          data: pdf(pages),
        })),
        said.map((data) => ({ type: 'text' as const, media_type: 'text/plain' as const, data })),
        said.map((one) => ({
          type: 'base64' as const,
          media_type: 'text/markdown' as const,
          data: Buffer.from(one).toString('base64'),
        })),
      ),
    })
    .map(({ citations, ...rest }) => ({
      type: 'document' as const,
      ...rest,
      ...(citations && { citations: { enabled: true } }),
    })),
);
const resultPart: fc.Arbitrary<ResultBlock> = fc.oneof(
  said.map((one) => ({ type: 'text' as const, text: one })),
  json.map((one) => ({ type: 'json' as const, json: one })),
  fc.constant({
    type: 'image' as const,
    source: { type: 'base64' as const, media_type: 'image/png' as const, data: png(60, 30) },
  }),
);

/** Reasoning with the signature that the stand-in gives it, or in the form that only the provider can read. */
export const thought: fc.Arbitrary<ContentBlock> = fc.oneof(
  text.map((thinking) => ({ type: 'thinking' as const, thinking, signature: signatureOf(thinking) })),
  fc
    .uint8Array({ minLength: 1, maxLength: 50 })
    .map((bytes) => ({ type: 'redacted_thinking' as const, data: Buffer.from(bytes).toString('base64') })),
);
const name = fc.constantFrom(
  'read_file',
  'search',
  'mcp__server.with.dots__tool',
  'a tool/with spaces',
  'n'.repeat(90),
);
const citation = fc.constantFrom<JsonObject>(
  { title: 'report', location: { documentChar: { documentIndex: 0, start: 3, end: 9 } } },
  {
    source: 'x',
    sourceContent: [{ text: 'quoted' }],
    location: { documentPage: { documentIndex: 0, start: 1, end: 2 } },
  },
  { title: 'new', location: { somewhereNew: { line: 7 } } },
);

/** What a model answers: reasoning, text with or without citations, uses of tools. */
export const answered: fc.Arbitrary<ContentBlock[]> = fc
  .tuple(
    fc.array(thought, { maxLength: 2 }),
    fc.array(
      fc.oneof(
        said.map((one) => ({ type: 'text' as const, text: one })),
        fc
          .tuple(said, fc.array(citation, { minLength: 1, maxLength: 2 }))
          .map(([one, citations]) => ({ type: 'text' as const, text: one, citations })),
      ),
      { maxLength: 3 },
    ),
    fc.array(fc.tuple(name, fc.oneof(json, fc.constant({}))), { maxLength: 2 }),
  )
  .map(([thoughts, texts, uses]) => [
    ...thoughts,
    ...texts,
    ...uses.map(([tool, input], index) => ({
      type: 'tool_use' as const,
      id: `toolu_${index}.x`,
      name: tool,
      input,
    })),
  ])
  .filter((blocks) => blocks.length > 0);

const tools: fc.Arbitrary<Tool[]> = fc.uniqueArray(name, { maxLength: 4 }).map((names) =>
  names.map((one, index) => ({
    name: one,
    description: index % 2 ? ' ' : `What ${one} does`,
    input_schema: { properties: { path: { type: 'string' } } },
  })),
);

/** A turn of the user that answers every tool which the turn before asked for. */
function answering(
  before: readonly ContentBlock[],
  parts: readonly ContentBlock[],
  results: readonly ResultBlock[],
): ChatMessage {
  const uses = before.filter((block) => block.type === 'tool_use');
  const given = uses.map((use, index): ContentBlock => ({
    type: 'tool_result',
    tool_use_id: use.id,
    ...(results[index] && { content: [results[index]] }),
    ...(index % 2 === 1 && { is_error: true }),
  }));
  return { role: 'user', content: [...parts, ...given] };
}

/** Conversations with everything that a request can hold; they end with a turn of the user. */
export const conversation: fc.Arbitrary<ChatMessage[]> = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 4, arbitrary: textBlock },
        { weight: 1, arbitrary: image },
        { weight: 1, arbitrary: document },
      ),
      { minLength: 1, maxLength: 4 },
    ),
    fc.array(
      fc.tuple(answered, fc.array(textBlock, { maxLength: 2 }), fc.array(resultPart, { maxLength: 2 })),
      { maxLength: 3 },
    ),
  )
  .map(([first, rounds]) => {
    const messages: ChatMessage[] = [{ role: 'user', content: [...first, { type: 'text', text: 'Go on.' }] }];
    for (const [index, [answer, parts, results]] of rounds.entries()) {
      // Each id once in a conversation.
      const own = answer.map((block) =>
        block.type === 'tool_use' ? { ...block, id: `${block.id}${index}` } : block,
      );
      messages.push({ role: 'assistant', content: own });
      messages.push(answering(own, [{ type: 'text', text: 'And then?' }, ...parts], results));
    }
    return messages;
  });

/** Requests with everything that they can hold. */
export const richRequest: fc.Arbitrary<LlmRequest> = fc
  .record({
    messages: conversation,
    tools,
    system: fc.option(
      fc.oneof(said, fc.array(textBlock, { minLength: 1, maxLength: 3 })) as fc.Arbitrary<never>,
      { nil: undefined },
    ),
    stopSequences: fc.option(fc.array(said, { maxLength: 3 }), { nil: undefined }),
    topP: fc.option(fc.constant(0.9), { nil: undefined }),
    maxTokens: fc.constantFrom(500, 4000, 9000),
    reasoning: fc.option(
      fc.constantFrom({ effort: 'low' as const }, { effort: 'high' as const }, { budget_tokens: 3000 }),
      { nil: undefined },
    ),
    outputSchema: fc.option(
      fc.constant({ schema: { type: 'object', properties: { answer: { type: 'string' } } } }),
      { nil: undefined, freq: 8 },
    ),
    toolChoice: fc.option(
      fc.constantFrom({ type: 'auto' as const }, { type: 'any' as const }, { type: 'none' as const }),
      { nil: undefined },
    ),
  })
  .map(
    (request) =>
      Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)) as LlmRequest,
  );
