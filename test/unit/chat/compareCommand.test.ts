import { describe, expect, it } from 'vitest';
import { comparedQuestion } from '../../../src/chat/compareCommand.ts';

describe('a message', () => {
  it.each([
    ['/compare Why is the sky blue?', 'Why is the sky blue?'],
    [' /compare  first line\nsecond line ', 'first line\nsecond line'],
    ['/compare', ''],
    ['/compare ', ''],
  ])('asks several models: %j', (message, question) => {
    expect(comparedQuestion(message)).toBe(question);
  });

  it.each(['/compared', 'please /compare this', '/ compare this', ''])('is a question: %j', (message) => {
    expect(comparedQuestion(message)).toBeNull();
  });
});
