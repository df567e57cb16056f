import { describe, expect, it } from 'vitest';
import { messageOf, type Answer } from '../../../src/gateways/corporateLlm/answer.ts';
import { AnswerEvents } from '../../../src/gateways/corporateLlm/answerEvents.ts';
import type { AnswerEvent } from '../../../src/gateways/modelCalls.ts';
import type { ModelEvent } from '../../../src/gateways/ports.ts';

function taken(events: readonly ModelEvent[]): { answer: Answer; told: AnswerEvent[] } {
  const told: AnswerEvent[] = [];
  const content = { system: null, messages: [] };
  const hand = new AnswerEvents({ content, placeholders: new Map() }, (event) => told.push(event));
  for (const event of events) hand.take(event, 0);
  return { answer: hand.answer, told };
}

const start = (index: number, name: string): ModelEvent => ({
  type: 'tool_use_start',
  index,
  id: `id${index}`,
  name,
});
const input = (index: number, json: string): ModelEvent => ({ type: 'tool_use_input', index, json });
const end = (index: number): ModelEvent => ({ type: 'block_end', index });

describe('an answer in blocks', () => {
  it('keeps parallel uses of tools apart, also where their pieces come mixed', () => {
    const { answer, told } = taken([
      start(1, 'b'),
      start(0, 'a'),
      input(1, '{"x"'),
      input(0, '{"y'),
      input(1, ':1}'),
      input(0, '":2}'),
      end(1),
      end(0),
    ]);
    expect(messageOf(answer)?.content).toEqual([
      { type: 'tool_use', id: 'id0', name: 'a', input: { y: 2 } },
      { type: 'tool_use', id: 'id1', name: 'b', input: { x: 1 } },
    ]);
    expect(told.filter(({ type }) => type === 'block_end')).toHaveLength(2);
  });

  it('has an empty input where a tool got no arguments', () => {
    const { answer } = taken([start(0, 'a'), input(0, ''), end(0)]);
    expect(messageOf(answer)?.content).toEqual([{ type: 'tool_use', id: 'id0', name: 'a', input: {} }]);
  });

  it.each(['{"a":', '[1]', '"text"', '7', 'null'])(
    'can’t be used where a tool’s input is no object: %s',
    (json) => {
      const { answer, told } = taken([start(0, 'a'), input(0, json), end(0)]);
      expect(answer.malformed).toBe(true);
      expect(messageOf(answer)).toBeNull();
      expect(told.some(({ type }) => type === 'block_end')).toBe(false);
    },
  );

  it('that breaks off keeps its text, and no half signature, tool or sealed reasoning', () => {
    const { answer } = taken([
      { type: 'thinking', index: 0, text: 'hm' },
      { type: 'signature', index: 0, signature: 'half' },
      { type: 'redacted_thinking', index: 1, data: 'AAAA' },
      { type: 'text', index: 2, text: 'So' },
      start(3, 'a'),
      input(3, '{"x":1}'),
    ]);
    expect(messageOf(answer)?.content).toEqual([
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'So' },
    ]);
  });

  it('leaves an empty first text out, and keeps a signature without a text', () => {
    const { answer } = taken([
      { type: 'text', index: 0, text: '' },
      end(0),
      { type: 'signature', index: 1, signature: 'sig' },
      end(1),
      { type: 'text', index: 2, text: 'a' },
      end(2),
    ]);
    expect(messageOf(answer)?.content).toEqual([
      { type: 'thinking', thinking: '', signature: 'sig' },
      { type: 'text', text: 'a' },
    ]);
  });

  it('joins sealed reasoning by its bytes', () => {
    const piece = (bytes: number[]): ModelEvent => ({
      type: 'redacted_thinking',
      index: 0,
      data: Buffer.from(bytes).toString('base64'),
    });
    const { answer } = taken([piece([1]), piece([2, 3]), end(0)]);
    expect(messageOf(answer)?.content).toEqual([
      { type: 'redacted_thinking', data: Buffer.from([1, 2, 3]).toString('base64') },
    ]);
  });
});

it('keeps an answer by a schema JSON when a value with quotes is put back', () => {
  const content = { system: null, messages: [], output_schema: { name: 'answer', schema: {} } };
  const placeholders = new Map([['[NICKNAME-1]', 'Ada "the\\first"']]);
  let text = '';
  const hand = new AnswerEvents({ content, placeholders }, (event) => {
    if (event.type === 'text') text += event.text;
  });
  for (const piece of ['{"who": "[NICK', 'NAME-1]"}']) hand.take({ type: 'text', index: 0, text: piece }, 0);
  hand.end();
  expect(JSON.parse(text)).toEqual({ who: 'Ada "the\\first"' });
});
