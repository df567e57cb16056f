import {
  isJsonObject,
  shortest,
  type ChatMessage,
  type ContentBlock,
  type JsonObject,
} from '../../content/messages.ts';
import { priceClasses, type ServiceTier, type TokenUsage } from '../../pricing/cost.ts';
import type { AnswerDelta } from '../modelCalls.ts';
import type { ModelEvent } from '../ports.ts';

/** A block of an answer as far as it has arrived. */
interface PartialBlock {
  kind: 'text' | 'thinking' | 'redacted_thinking' | 'tool_use';
  /** Text, reasoning, base64 or the JSON of a tool's input. */
  text: string;
  signature: string;
  citations: JsonObject[];
  id: string;
  name: string;
  ended: boolean;
}

/** What is known of an answer while it arrives. */
export interface Answer {
  /** All of its text. */
  content: string;
  /** By their place in the answer. */
  blocks: Map<number, PartialBlock>;
  /** Bytes of output besides the text: reasoning, tool use, what isn't known. */
  hiddenBytes: number;
  /** Whether the model thought, visibly or not: then more may be billed than arrived. */
  thought: boolean;
  /** Whether a tool was asked for with an input that is no JSON. */
  malformed: boolean;
  usage: TokenUsage | null;
  /** Why the provider contradicts itself on the usage, in one phrase; null where it doesn't. */
  usageContradicted: string | null;
  /** Null where the provider doesn't say how it served the call. */
  serviceTier: ServiceTier | null;
  stopReason: string | null;
  firstTokenMs: number | null;
}

export function emptyAnswer(): Answer {
  return {
    content: '',
    blocks: new Map(),
    hiddenBytes: 0,
    thought: false,
    malformed: false,
    usage: null,
    usageContradicted: null,
    serviceTier: null,
    stopReason: null,
    firstTokenMs: null,
  };
}

/** Adds what arrived to an answer; `elapsedMs` since the call began. */
export function take(answer: Answer, event: ModelEvent, elapsedMs: number): void {
  switch (event.type) {
    case 'hidden':
      answer.hiddenBytes += event.bytes;
      return;
    case 'block_end':
      endBlock(answer, event.index);
      return;
    case 'stop':
      // It goes into the journal: no more of it than a word.
      answer.stopReason = /^[\w.:-]{1,64}$/.test(event.reason) ? event.reason : 'unreadable';
      return;
    case 'usage':
      takeUsage(answer, event);
      return;
    default:
      answer.firstTokenMs ??= elapsedMs;
      takeDelta(answer, event);
  }
}

function takeDelta(answer: Answer, delta: AnswerDelta): void {
  const kind = kindOf(delta);
  const { blocks } = answer;
  const block = blocks.get(delta.index) ?? {
    kind,
    text: '',
    signature: '',
    citations: [],
    id: '',
    name: '',
    ended: false,
  };
  blocks.set(delta.index, block);
  if (kind === 'thinking' || kind === 'redacted_thinking') answer.thought = true;
  switch (delta.type) {
    case 'text':
      answer.content += delta.text;
      block.text += delta.text;
      return;
    case 'citation':
      block.citations.push(delta.citation);
      answer.hiddenBytes += Buffer.byteLength(JSON.stringify(delta.citation));
      return;
    case 'signature':
      block.signature += delta.signature;
      answer.hiddenBytes += delta.signature.length;
      return;
    case 'tool_use_start':
      block.id = delta.id;
      block.name = delta.name;
      answer.hiddenBytes += delta.id.length + delta.name.length;
      return;
    case 'thinking':
      block.text += delta.text;
      answer.hiddenBytes += Buffer.byteLength(delta.text);
      return;
    case 'redacted_thinking':
      // Pieces of base64 are no base64 when they are put together.
      block.text = Buffer.concat([bytesOf(block.text), bytesOf(delta.data)]).toString('base64');
      answer.hiddenBytes += delta.data.length;
      return;
    case 'tool_use_input':
      block.text += delta.json;
      answer.hiddenBytes += Buffer.byteLength(delta.json);
      return;
  }
}

function bytesOf(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}

function kindOf({ type }: AnswerDelta): PartialBlock['kind'] {
  if (type === 'text' || type === 'citation') return 'text';
  if (type === 'thinking' || type === 'signature') return 'thinking';
  return type === 'redacted_thinking' ? type : 'tool_use';
}

function endBlock(answer: Answer, index: number): void {
  const block = answer.blocks.get(index);
  if (!block) return;
  block.ended = true;
  if (block.kind === 'tool_use' && inputOf(block) === null) answer.malformed = true;
}

/** A tool without arguments has an empty input; null for one that is no JSON. */
function inputOf({ text }: PartialBlock): JsonObject | null {
  if (text.trim() === '') return {};
  try {
    const input: unknown = JSON.parse(text);
    return isJsonObject(input) ? input : null;
  } catch {
    return null;
  }
}

/** A block of an answer; null while it hasn't ended, for an empty one, and for one that can't be used. */
export function finishedBlock({ blocks }: Answer, index: number): ContentBlock | null {
  const block = blocks.get(index);
  return block?.ended ? blockOf(block) : null;
}

function blockOf(block: PartialBlock): ContentBlock | null {
  const { kind, text, signature, citations, id, name, ended } = block;
  switch (kind) {
    case 'text':
      if (text === '' && citations.length === 0) return null;
      return { type: 'text', text, ...(citations.length > 0 && { citations }) };
    case 'thinking':
      if (text === '' && signature === '') return null;
      // A signature that broke off proves nothing, and would be refused.
      return { type: 'thinking', thinking: text, ...(ended && signature !== '' && { signature }) };
    case 'redacted_thinking':
      return ended ? { type: 'redacted_thinking', data: text } : null;
    case 'tool_use': {
      const input = ended ? inputOf(block) : null;
      return input && { type: 'tool_use', id, name, input };
    }
  }
}

/** What a next request repeats of an answer, as far as it came; null where nothing did. */
export function messageOf({ blocks }: Answer): ChatMessage | null {
  const content = [...blocks]
    .toSorted(([one], [other]) => one - other)
    .flatMap(([, block]) => blockOf(block) ?? []);
  return content.length === 0 ? null : { role: 'assistant', content: shortest(content) };
}

function takeUsage(
  answer: Answer,
  { usage, total, serviceTier }: Extract<ModelEvent, { type: 'usage' }>,
): void {
  const { usage: before } = answer;
  if (before && JSON.stringify(before) !== JSON.stringify(usage))
    answer.usageContradicted = 'the provider reported two different usages';
  if (total !== undefined && total < usage.input + usage.output)
    answer.usageContradicted = 'the provider reported fewer tokens in all than in parts';
  // Of two the dearer counts.
  answer.usage = before ? largest(before, usage) : usage;
  answer.serviceTier = serviceTier ?? null;
}

function largest(one: TokenUsage, other: TokenUsage): TokenUsage {
  const usage = { ...one };
  for (const name of priceClasses) usage[name] = Math.max(one[name], other[name]);
  return usage;
}
