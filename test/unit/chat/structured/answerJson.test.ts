import { describe, expect, test } from 'vitest';
import { jsonIn } from '../../../../src/chat/structured/answerJson.ts';

describe('the JSON in an answer', () => {
  test.each([
    ['alone', '{"a":1}', { a: 1 }],
    ['in a fence', 'Here it is:\n```json\n{"a": 1}\n```\nDone.', { a: 1 }],
    ['with braces in its texts', 'So: {"a": "}{"} as asked', { a: '}{' }],
    ['with single quotes and a last comma', "{'a': 'b',}", { a: 'b' }],
    ['with comments', '{"a": 1 // one\n}', { a: 1 }],
    ['that is no object', '[1]', [1]],
    ['that is missing', 'I can’t do that.', undefined],
    ['that is only a brace', 'so } or { so', undefined],
  ])('%s', (_name, text, expected) => {
    expect(jsonIn(text)).toEqual(expected);
  });
});
