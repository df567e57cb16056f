import { expect, test } from 'vitest';
import { statisticsOf } from '../../../src/chat/statistics.ts';
import type { Turn, TurnResult } from '../../../src/chat/turn.ts';

function turn(result: Partial<TurnResult> | null): Turn {
  const ended: TurnResult | null = result && {
    ...{ status: 'success', processingTimeMs: 1, tokens: { input: 10, output: 5 }, cost: '$0.01' },
    ...{ costEstimated: false, record: null, failure: null, ...result },
  };
  return { id: 't', question: 'q', reason: 'r', model: 'm', simulated: false, answer: '', result: ended };
}

test('a conversation’s cost is exact, and what isn’t known counts as unknown, never as zero', () => {
  const turns = [
    turn({ costMicro: '1' }),
    turn({ costMicro: '9007199254740993', costEstimated: true, tokens: null }),
    turn({ cost: null, tokens: null }),
    turn(null),
  ];
  expect(statisticsOf(turns)).toEqual({
    ...{ questions: 4, inputTokens: 10, outputTokens: 5, cost: 9007199254740994n },
    ...{ estimated: true, unknown: 2 },
  });
});
