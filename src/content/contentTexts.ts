import {
  mapTexts,
  type ChatMessage,
  type ContentBlock,
  type DocumentBlock,
  type JsonObject,
  type RequestContent,
  type ResultBlock,
  type TextBlock,
} from './messages.ts';

/**
 * Gives the text that takes a text's place. `place` says in words where it stands: "message 3"; `name` is the one beside it
 * in JSON.
 */
export type ChangeText = (text: string, place: string, name?: string) => string;

/** A request with every text in it changed, also texts and long numbers in JSON, in tools and in documents that are text. */
export function mapRequestTexts(request: RequestContent, change: ChangeText): RequestContent {
  const { system, messages, tools, tool_choice, stop_sequences, output_schema, additional_fields } = request;
  return {
    ...request,
    system:
      typeof system === 'string'
        ? change(system, 'the system prompt')
        : (system?.map((one) => mapText(one, change, 'the system prompt')) ?? null),
    messages: messages.map(({ role, content }, index) => ({
      role,
      content: mapTurnTexts(content, change, `message ${index + 1}`),
    })),
    ...(tools && { tools: tools.map((tool, index) => mapJson(tool, change, `tool ${index + 1}`)) }),
    ...(tool_choice && { tool_choice: mapJson(tool_choice, change, 'the choice of a tool') }),
    ...(stop_sequences && {
      stop_sequences: stop_sequences.map((text) => change(text, 'the stop sequences')),
    }),
    ...(output_schema && { output_schema: mapJson(output_schema, change, 'the schema of the answer') }),
    ...(additional_fields && {
      additional_fields: mapJson(additional_fields, change, 'the additional fields'),
    }),
  };
}

/** The same for one turn. */
export function mapTurnTexts(
  content: ChatMessage['content'],
  change: ChangeText,
  place: string,
): ChatMessage['content'] {
  return typeof content === 'string'
    ? change(content, place)
    : content.map((block) => mapBlock(block, change, place));
}

function mapBlock(block: ContentBlock, change: ChangeText, place: string): ContentBlock {
  switch (block.type) {
    case 'tool_use':
      return mapJson(block, change, `a use of a tool in ${place}`);
    case 'tool_result': {
      const { content, tool_use_id } = block;
      const within = `a tool’s result in ${place}`;
      const mapped =
        typeof content === 'string'
          ? change(content, within)
          : content?.map((part) => mapPart(part, change, within));
      return {
        ...block,
        tool_use_id: change(tool_use_id, within),
        ...(mapped !== undefined && { content: mapped }),
      };
    }
    case 'thinking': {
      const { thinking, signature } = block;
      const changed = change(thinking, `the reasoning in ${place}`);
      // The signature covers the words.
      const kept = changed === thinking && signature !== undefined;
      return { type: 'thinking', thinking: changed, ...(kept && { signature }) };
    }
    case 'redacted_thinking':
      return block;
    default:
      return mapPart(block, change, place);
  }
}

function mapPart<Part extends ResultBlock>(block: Part, change: ChangeText, place: string): Part;
function mapPart(block: ResultBlock, change: ChangeText, place: string): ResultBlock {
  switch (block.type) {
    case 'text':
      return mapText(block, change, place);
    case 'json':
      return { ...block, json: mapJson(block.json, change, place) };
    case 'document':
      return mapDocument(block, change, `a document in ${place}`);
    case 'image':
      return block;
  }
}

function mapDocument(block: DocumentBlock, change: ChangeText, place: string): DocumentBlock {
  const { title = null, context = null, source } = block;
  return {
    ...block,
    ...(title !== null && { title: change(title, place) }),
    ...(context !== null && { context: change(context, place) }),
    source: mapSource(source, (text) => change(text, place)),
  };
}

function mapSource(
  source: DocumentBlock['source'],
  change: (text: string) => string,
): DocumentBlock['source'] {
  if (source.type === 'text') return { ...source, data: change(source.data) };
  const text = textIn(source);
  if (text === null) return source;
  const changed = change(text);
  return changed === text ? source : { ...source, data: Buffer.from(changed, 'utf8').toString('base64') };
}

function mapText(block: TextBlock, change: ChangeText, place: string): TextBlock {
  const { text, citations } = block;
  const cited = citations && { citations: citations.map((one) => mapJson(one, change, place)) };
  return { ...block, text: change(text, place), ...cited };
}

function mapJson<T extends object>(value: T, change: ChangeText, place: string): T {
  return mapTexts(value as unknown as JsonObject, (text, name) => change(text, place, name)) as unknown as T;
}

/** The text of a document in base64; null if it is none, or not in UTF-8. */
function textIn({ media_type, data }: { media_type: string; data: string }): string | null {
  if (!media_type.startsWith('text/')) return null;
  try {
    const text = utf8.decode(Buffer.from(data, 'base64'));
    // UTF-16 is valid UTF-8, with NULs.
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** How many parts of a request hold text that can't be read here: images, PDF and Office files, sealed reasoning. */
export function unreadableParts({ messages }: RequestContent): {
  images: number;
  documents: number;
  sealed: number;
} {
  const blocks = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  const inside = blocks.flatMap((block) =>
    block.type === 'tool_result' && typeof block.content === 'object' ? block.content : [],
  );
  const all = [...blocks, ...inside];
  return {
    images: all.filter(({ type }) => type === 'image').length,
    documents: all.filter(
      (block) => block.type === 'document' && block.source.type === 'base64' && textIn(block.source) === null,
    ).length,
    sealed: blocks.filter(({ type }) => type === 'redacted_thinking').length,
  };
}
