import { describe, expect, it } from 'vitest';
import { askedBefore, canAnswerAgain } from '../../../src/chat/askedBefore.ts';
import type { Turn } from '../../../src/chat/turn.ts';
import { similarity } from '../../../src/retrieval/similarity.ts';
import { repeatedQuestions } from './fixtures/repeatedQuestions.ts';

const find = (question: string, ...earlier: string[]): string | undefined =>
  askedBefore(question, earlier, (one) => one);

describe('a question that was asked before', () => {
  it('is found as often as docs/chat.md says, and never for another question of the labelled pairs', () => {
    const found = repeatedQuestions.filter(([earlier, later]) => find(later, earlier) !== undefined);
    expect(found.filter(([, , isSame]) => !isSame)).toEqual([]);
    expect(found).toHaveLength(19);
    expect(repeatedQuestions.filter(([, , isSame]) => isSame)).toHaveLength(20);
    expect(repeatedQuestions).toHaveLength(41);
  });

  it('is the most similar one, and of equal ones the latest', () => {
    const earlier = [
      'Where is the budget stored?',
      'Where is the budget checked?',
      'where is the budget checked',
    ];
    expect(find('Where do we check the budget?', ...earlier)).toBe('where is the budget checked');
    expect(find('Who stores the budget?', ...earlier)).toBe('Where is the budget stored?');
    expect(find('Which zygote hibernates?', ...earlier)).toBeUndefined();
  });

  it('is none that says nothing, or brings a long text', () => {
    expect(find('Why?', 'Why?')).toBeUndefined();
    expect(find('word '.repeat(1_000), 'word '.repeat(1_000))).toBeUndefined();
    expect(find('a word', 'a word '.repeat(1_000))).toBeUndefined();
  });

  it('is looked for among five hundred in milliseconds', () => {
    const earlier = Array.from(
      { length: 5_000 },
      (_, index) => `How does function number${index} work in part ${index}?`,
    );
    find('warm up', ...earlier);
    const before = process.cpuUsage();
    expect(find('How does function number4999 work in part 4999?', ...earlier)).toBe(earlier[4_999]);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(200);
  });

  it('can be answered again if it has a whole answer and nothing was attached', () => {
    const result = { status: 'success' } as Turn['result'];
    const turn: Turn = {
      ...{ id: 't', question: 'Why?', reason: 'r', model: 'm', simulated: false, answer: 'So.', result },
    };
    expect(canAnswerAgain(turn)).toBe(true);
    for (const other of [
      { answer: '' },
      { isSummary: true },
      { result: null },
      { result: { ...result, status: 'failed' } as Turn['result'] },
      { attachments: [{ id: 'a', kind: 'text', name: 'n', text: 't', bytes: 1 }] as Turn['attachments'] },
      { flow: { trigger: '[x]', progress: '', reportOf: null } },
    ])
      expect(canAnswerAgain({ ...turn, ...other })).toBe(false);
  });
});

describe('the similarity of two texts', () => {
  it('is from 0 to 1, the same both ways, and 1 for the same words', () => {
    for (const [one, other] of repeatedQuestions) {
      const value = similarity(one, other);
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(1);
      expect(similarity(other, one)).toBeCloseTo(value, 12);
    }
    expect(similarity('Check the budgets', 'budget checking')).toBeCloseTo(1, 12);
    expect(similarity('', '')).toBe(0);
    expect(similarity('jam', 'plum')).toBe(0);
  });

  it('splits names, and tells versions apart', () => {
    expect(similarity('readFileText', 'read the file text')).toBeGreaterThan(0.7);
    expect(similarity('notes of version 2.4', 'notes of version 2.5')).toBeLessThan(0.7);
  });
});
