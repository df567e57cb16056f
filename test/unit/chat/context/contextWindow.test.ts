import { describe, expect, it } from 'vitest';
import { omitting, sentTurns, windowUse } from '../../../../src/chat/context/contextWindow.ts';
import { previewText } from '../../../../src/chat/context/preview.ts';
import type { Turn } from '../../../../src/chat/turn.ts';

function turn(id: string, more: Partial<Turn> = {}): Turn {
  const asked = { id, question: id, reason: 'JIRA-1', model: 'm', simulated: false };
  return { ...asked, answer: id, result: null, ...more };
}

function idsOf(turns: readonly Turn[]): string[] {
  return turns.map(({ id }) => id);
}

describe('the turns that are sent', () => {
  const [a, b, c, d] = [turn('a'), turn('b'), turn('c'), turn('d')];

  it('are all, or those behind what was last left out', () => {
    expect(idsOf(sentTurns([a, b, c]))).toEqual(['a', 'b', 'c']);
    const [first, second] = [turn('first', { omits: 'a' }), turn('second', { omits: 'c' })];
    expect(idsOf(sentTurns([a, b, first]))).toEqual(['b', 'first']);
    expect(idsOf(sentTurns([a, b, c, first, second]))).toEqual(['first', 'second']);
  });

  it('begin with the summary of those before, which a later one replaces', () => {
    const summary = turn('s', { omits: 'b', isSummary: true });
    expect(idsOf(sentTurns([a, b, c, summary, d]))).toEqual(['s', 'c', 'd']);
    const oldest = sentTurns([a, b, c, summary, d]).slice(0, 2);
    const later = turn('later', { omits: omitting(oldest)!, isSummary: true });
    expect(idsOf(sentTurns([a, b, c, summary, d, later]))).toEqual(['later', 'd']);
    expect(omitting([summary])).toBe('b');
  });

  it('are all where what was left out is gone', () => {
    expect(idsOf(sentTurns([b, turn('x', { omits: 'a' })]))).toEqual(['b', 'x']);
  });
});

describe('the use of a model’s context', () => {
  it('counts three bytes a token, and an image', () => {
    const image = { type: 'base64' as const, media_type: 'image/png' as const, data: '' };
    const messages = [
      {
        role: 'user' as const,
        content: [
          { type: 'image' as const, source: image },
          { type: 'text' as const, text: '界'.repeat(10) },
        ],
      },
    ];
    expect(windowUse({ system: 'x'.repeat(30), messages }, { maxInputTokens: 2_000 })).toEqual({
      tokens: 10 + 1_600 + 10,
      window: 2_000,
      isKnown: true,
    });
  });

  it('assumes a window that isn’t known', () => {
    expect(windowUse({ prompt: 'abc' }, { maxInputTokens: null })).toEqual({
      ...{ tokens: 1, window: 128_000, isKnown: false },
    });
  });
});

describe('a preview', () => {
  it('has the system prompt, each turn, the tokens, the most that it costs, and the reason', () => {
    const use = { tokens: 5, window: 100, isKnown: true };
    const sent = {
      modelId: 'm',
      auditReason: 'JIRA-1',
      system: 'Be brief.',
      messages: [
        { role: 'user' as const, content: 'Why?' },
        { role: 'assistant' as const, content: 'Because.' },
        { role: 'user' as const, content: 'And?' },
      ],
    };
    expect(previewText({ sent, policy: 'redacts email', embedded: null, use, worstCase: 10_000n })).toBe(
      `What the question would send to m

Tokens:  about 5 of 100
Bytes:   25 of text, each at most one token
Cost:    at most $0.01, with every call of the question
Reason:  JIRA-1 (recorded, not sent)
Policy:  redacts email

──── system ────

Be brief.

──── 1. user ────

Why?

──── 2. assistant ────

Because.

──── 3. user ────

And?
`,
    );
    expect(previewText({ sent: null, policy: null, embedded: null, use, worstCase: 0n })).toMatch(
      /^No model would be called/,
    );
  });
});
