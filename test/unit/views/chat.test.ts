import { describe, expect, it } from 'vitest';
import type { Turn } from '../../../src/chat/turn.ts';
import { conversationJson, conversationMarkdown } from '../../../src/views/chat/exported.ts';
import { firstOfPart } from '../../../src/views/chat/shownPart.ts';

function turn(id: string, more: Partial<Turn> = {}): Turn {
  return {
    id,
    question: `question ${id}`,
    reason: 'JIRA-1',
    model: 'claude-sonnet',
    simulated: false,
    answer: `answer ${id}`,
    result: {
      status: 'success',
      processingTimeMs: 5,
      tokens: { input: 3, output: 4 },
      cost: '$0.01',
      costEstimated: true,
      record: { ledger: 'the-ledger', callId: 'the-call', sequence: 7 },
      failure: null,
    },
    ...more,
  };
}

describe('the turns that the chat view gets', () => {
  it('are the last 50, then the 50 before', () => {
    const turns = Array.from({ length: 120 }, (_, index) => turn(String(index)));
    expect(firstOfPart(turns, 120)).toBe(70);
    expect(firstOfPart(turns, 70)).toBe(20);
    expect(firstOfPart(turns, 20)).toBe(0);
    expect(firstOfPart([], 0)).toBe(0);
  });

  it('are fewer where they are long, but at least one', () => {
    const long = turn('long', { answer: 'x'.repeat(150_000) });
    expect(firstOfPart([long, long, long], 3)).toBe(2);
    expect(firstOfPart([turn('1'), turn('2', { answer: 'x'.repeat(9_000_000) })], 2)).toBe(1);
  });
});

describe('an exported conversation', () => {
  const [first, other, second] = [turn('1'), turn('2'), turn('3', { parent: '1', simulated: true })];
  const exported = { id: 'c', title: 'Why # now?', shown: [first, second], turns: [first, other, second] };

  it('is Markdown with each question, its answer, its cost and its record', () => {
    const markdown = conversationMarkdown(exported);
    expect(markdown).toMatch(/^# Why \\# now\?\n\n\*\*SIMULATED\*\*/);
    expect(markdown).toContain('```text\nquestion 1\n```\n\n## claude\\-sonnet\n\nanswer 1\n');
    expect(markdown).toContain(
      '- Cost: $0.01 (estimated)\n- Record: #7 of ledger the-ledger, call the-call\n',
    );
    expect(markdown).not.toContain('question 2');
  });

  it('names what was sent with a question', () => {
    const attachments = [{ id: 'a', kind: 'file' as const, name: 'src/a.ts', text: 'x', bytes: 1 }];
    const markdown = conversationMarkdown({ ...exported, shown: [turn('1', { attachments })] });
    expect(markdown).toContain('```\n\n- Sent with it: src/a\\.ts\n\n## claude');
  });

  it('says what has no answer or no record', () => {
    const refused = turn('4', {
      answer: '',
      result: {
        ...turn('4').result!,
        status: 'refused',
        record: null,
        failure: { message: 'Too much.', hint: '', fixes: [] },
      },
    });
    const markdown = conversationMarkdown({ ...exported, shown: [refused, turn('5', { result: null })] });
    expect(markdown).toContain('Too much\\.\n');
    expect(markdown).toContain('- Record: none');
    expect(markdown).toContain('- Outcome: not ended');
  });

  it('is JSON with every branch, in snake case', () => {
    expect(JSON.parse(conversationJson(exported))).toMatchObject({
      version: 1,
      id: 'c',
      title: 'Why # now?',
      leaf: '3',
      turns: [
        { id: '1', result: { cost_estimated: true, record: { call_id: 'the-call', sequence: 7 } } },
        { id: '2' },
        { id: '3', parent: '1' },
      ],
    });
  });
});
