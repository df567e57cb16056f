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

/** The received part of an answer's block. */
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

/** The received part of an answer. */
export interface Answer {
  /** All of its text. */
  content: string;
  /** Blocks by their index in the answer. */
  blocks: Map<number, PartialBlock>;
  /** Bytes of output besides the text: reasoning, tool use, unknown kinds. */
  hiddenBytes: number;
  /** Whether the model reasoned, visibly or not: then more may be billed than arrived. */
  thought: boolean;
  /** Whether a tool was requested with an input that is not JSON. */
  malformed: boolean;
  usage: TokenUsage | null;
  /** How the provider's usage contradicts itself, in one phrase; null if it doesn't. */
  usageContradicted: string | null;
  /** Null if the provider doesn't report how it served the call. */
  serviceTier: ServiceTier | null;
  /** A decimal by which the published prices are multiplied; null for those prices. */
  priceFactor: string | null;
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
    priceFactor: null,
    stopReason: null,
    firstTokenMs: null,
  };
}

/** Adds an event to an answer; `elapsedMs` since the call started. */
export function take(answer: Answer, event: ModelEvent, elapsedMs: number): void {
  switch (event.type) {
    case 'hidden':
      answer.hiddenBytes += event.bytes;
      return;
    case 'block_end':
      endBlock(answer, event.index);
      return;
    case 'stop':
      // It goes into the journal, so it is cut to one word.
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
      // Concatenated pieces of base64 are not valid base64.
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

/** The input of a tool, empty if it has no arguments; null if it is not JSON. */
function inputOf({ text }: PartialBlock): JsonObject | null {
  if (text.trim() === '') return {};
  try {
    const input: unknown = JSON.parse(text);
    return isJsonObject(input) ? input : null;
  } catch {
    return null;
  }
}

/** A block of an answer; null if it is unfinished, empty or unusable. */
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
      // A truncated signature proves nothing, and would be refused.
      return { type: 'thinking', thinking: text, ...(ended && signature !== '' && { signature }) };
    case 'redacted_thinking':
      return ended ? { type: 'redacted_thinking', data: text } : null;
    case 'tool_use': {
      const input = ended ? inputOf(block) : null;
      return input && { type: 'tool_use', id, name, input };
    }
  }
}

/** The received answer as a turn for the next request; null if nothing arrived. */
export function messageOf({ blocks }: Answer): ChatMessage | null {
  const content = [...blocks]
    .toSorted(([one], [other]) => one - other)
    .flatMap(([, block]) => blockOf(block) ?? []);
  return content.length === 0 ? null : { role: 'assistant', content: shortest(content) };
}

function takeUsage(
  answer: Answer,
  { usage, total, serviceTier, priceFactor }: Extract<ModelEvent, { type: 'usage' }>,
): void {
  const { usage: before } = answer;
  if (before && JSON.stringify(before) !== JSON.stringify(usage))
    answer.usageContradicted = 'the provider reported two different usages';
  if (total !== undefined && total < usage.input + usage.output)
    answer.usageContradicted = 'the provider reported fewer tokens in all than in parts';
  // Of two figures the more expensive one counts.
  answer.usage = before ? largest(before, usage) : usage;
  answer.serviceTier = serviceTier ?? null;
  answer.priceFactor = priceFactor ?? null;
}

function largest(one: TokenUsage, other: TokenUsage): TokenUsage {
  const usage = { ...one };
  for (const name of priceClasses) usage[name] = Math.max(one[name], other[name]);
  return usage;
}
