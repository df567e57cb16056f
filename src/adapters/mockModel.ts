import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  blocksOf,
  textOf,
  type ContentBlock,
  type RequestContent,
  type ResultBlock,
} from '../content/messages.ts';
import { GatewayError } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import type { ConformedCall, ModelBackend, ModelCall, ModelEvent } from '../gateways/ports.ts';
import { noTokens } from '../pricing/cost.ts';
import type { Model } from '../pricing/modelCatalogue.ts';
import { conformToConverse } from './converse/rules.ts';
import { conformToEmbedding, eventsOfVectors } from './embeddings.ts';
import { valueFor } from './mockValue.ts';

/** Slow enough to show streaming, quick enough not to delay anyone. */
const wordDelayMs = 2;
const charactersPerToken = 4;
/** Of models with vectors of one length. */
const simulatedDimensions = 1024;

/**
 * Answers without a model: the same request gives the same answer, word by word, and says that it is
 * simulated. Its money goes to a ledger of its own.
 */
export class MockBackend implements ModelBackend {
  readonly id = 'mock';
  readonly name = 'the mock back-end';
  readonly simulated = true;
  readonly embeds = true;
  readonly location = 'simulated answers, no network';
  readonly region = 'us-east-1';

  /** By Bedrock's rules: a call that works here works there. */
  conform(call: ModelCall, model: Model): ConformedCall {
    return call.content.embedding ? conformToEmbedding(call, model) : conformToConverse(call, model);
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  async *converse(call: ModelCall, signal: AbortSignal): AsyncGenerator<ModelEvent> {
    const { embedding, messages } = call.content;
    if (embedding) {
      yield* eventsOfVectors(messages.map(({ content }) => vectorOf(call, textOf(content))));
      yield { type: 'usage', usage: { ...noTokens, input: tokensOf(call) } };
      return;
    }
    const { parts, stop } = answerFor(call);
    let left = call.maxTokens;
    for (const [index, part] of parts.entries()) {
      if (left === 0) break;
      if (part.kind === 'tool_use') yield { type: 'tool_use_start', index, id: part.id, name: part.name };
      const pieces = part.text.match(/\s*\S+/g) ?? [];
      for (const piece of pieces.slice(0, left)) {
        if (call.stream) await delay(wordDelayMs, undefined, { signal }).catch(() => undefined);
        if (signal.aborted)
          throw new GatewayError('cancelled', 'The call was stopped.', { billing: 'received' });
        yield part.kind === 'tool_use'
          ? { type: 'tool_use_input', index, json: piece }
          : { type: part.kind, index, text: piece };
      }
      const whole = pieces.length <= left;
      left -= Math.min(pieces.length, left);
      if (!whole) break;
      if (part.kind === 'thinking') yield { type: 'signature', index, signature: part.signature };
      yield { type: 'block_end', index };
    }
    const all = parts.reduce((sum, { text }) => sum + (text.match(/\S+/g)?.length ?? 0), 0);
    yield { type: 'stop', reason: all > call.maxTokens ? 'max_tokens' : stop };
    yield { type: 'usage', usage: { ...noTokens, input: tokensOf(call), output: call.maxTokens - left } };
  }

  checkHealth(): Promise<Health> {
    return Promise.resolve({
      state: 'healthy',
      latencyMs: null,
      evidence: 'Simulated answers; nothing is sent anywhere.',
      error: null,
      checkedAt: new Date().toISOString(),
    });
  }

  dispose(): void {
    // Nothing is held.
  }
}

function tokensOf({ content }: ModelCall): number {
  return Math.ceil(askedText(content).length / charactersPerToken);
}

/** A vector of length 1 that only the model and the text decide; it says nothing about the meaning. */
function vectorOf({ modelId, content: { embedding } }: ModelCall, text: string): number[] {
  const { dimensions = simulatedDimensions, input_type = '' } = embedding ?? {};
  const numbers: number[] = [];
  for (let block = 0; numbers.length < dimensions; block += 1) {
    const hash = createHash('sha256')
      .update(JSON.stringify([modelId, input_type, text, block]))
      .digest();
    for (let at = 0; at < hash.length && numbers.length < dimensions; at += 4)
      numbers.push(hash.readInt32BE(at) / 2 ** 31);
  }
  const length = Math.hypot(...numbers);
  return numbers.map((number) => Number((number / length).toFixed(6)));
}

/** A block of a simulated answer, by the words that it is made of. */
type Part =
  | { kind: 'text'; text: string }
  | { kind: 'thinking'; text: string; signature: string }
  | { kind: 'tool_use'; text: string; id: string; name: string };

/** Reasons if asked to, uses a given tool, and then answers in the requested form. */
function answerFor(call: ModelCall): { parts: Part[]; stop: string } {
  const { content } = call;
  const { messages, tools = [], tool_choice: choice, output_schema: form } = content;
  const fingerprint = createHash('sha256').update(JSON.stringify(messages)).digest('hex').slice(0, 8);
  const thoughts: Part[] = content.reasoning
    ? [
        {
          kind: 'thinking',
          text: `SIMULATED reasoning ${fingerprint}: nobody thought.`,
          signature: `simulated-${fingerprint}`,
        },
      ]
    : [];
  const last = blocksOf(messages.at(-1)?.content ?? '');
  const tool = tools.find(({ name }) => choice?.type !== 'tool' || name === choice.name);
  if (tool && !last.some(({ type }) => type === 'tool_result')) {
    const use: Part = {
      kind: 'tool_use',
      id: `simulated_${fingerprint}`,
      name: call.toolNames[tool.name] ?? tool.name,
      text: JSON.stringify(valueFor(tool.input_schema)),
    };
    return {
      parts: [...thoughts, { kind: 'text', text: 'SIMULATED use of a tool:' }, use],
      stop: 'tool_use',
    };
  }
  const text = form ? JSON.stringify(valueFor(form.schema)) : textFor(call, fingerprint);
  return { parts: [...thoughts, { kind: 'text', text }], stop: 'end_turn' };
}

/** What is asked, as text; pictures and files count nothing here. */
function askedText({ system, messages, tools = [] }: RequestContent): string {
  const said = messages.map(({ content }) => blocksOf(content).map(wordsOf).join(''));
  const around = tools.map((tool) => JSON.stringify(tool));
  return [system === null ? '' : textOf(system), ...said, ...around].join('\n');
}

function wordsOf(block: ContentBlock): string {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'tool_use':
      return JSON.stringify(block.input);
    case 'tool_result':
      return typeof block.content === 'string'
        ? block.content
        : (block.content ?? []).map(wordsOfResult).join('');
    default:
      return '';
  }
}

function wordsOfResult(block: ResultBlock): string {
  if (block.type === 'json') return JSON.stringify(block.json);
  return block.type === 'text' ? block.text : '';
}

function textFor({ modelId, content: { messages } }: ModelCall, fingerprint: string): string {
  const blocks = blocksOf(messages.at(-1)?.content ?? '');
  const question = blocks.map(wordsOf).join('');
  const kinds = ['image', 'document', 'tool_result'] as const;
  const beside = kinds.flatMap((kind) => {
    const count = blocks.filter(({ type }) => type === kind).length;
    return count === 0 ? [] : [`${count} ${kind.replace('_', ' ')}${count === 1 ? '' : 's'}`];
  });
  const besideText = beside.length === 0 ? '' : ` With it came ${beside.join(', ')}.`;
  return `**SIMULATED** answer ${fingerprint} in place of \`${modelId}\`.

No model was asked: no AWS credentials are in use, so nothing left this machine and nothing was billed. Everything else is real: the reason, the reservation in the day's budget, the audit record and its hash.

Your question has ${question.length} characters in ${question.split('\n').length} line(s).${besideText} A real answer may hold code such as:

\`\`\`typescript
/** Retries a flaky step a bounded number of times. */
export async function retry<T>(step: () => Promise<T>, attempts = 3): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step();
    } catch (error) {
      if (attempt >= attempts) throw error;
    }
  }
}
\`\`\`

To get real answers, run **TidyLLM: Connect AWS…** or set an AWS profile.`;
}
