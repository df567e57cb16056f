import { describe, expect, it } from 'vitest';
import { reasonFromBranch, rememberReason } from '../../../src/chat/reasons.ts';

describe('the reason that a branch stands for', () => {
  it.each([
    ['JIRA-123-fix-flaky-login-test', 'JIRA-123 fix flaky login test'],
    ['feature/ABC-7_add_search', 'ABC-7 add search'],
    ['users/ada/fix-typo', 'fix typo'],
    ['123-crash-on-start', '123 crash on start'],
    ['OPS-9', 'OPS-9'],
    ['main', null],
    ['origin/develop', null],
    ['release/1.2.3', null],
    ['---', null],
  ])('%s: %s', (branch, reason) => {
    expect(reasonFromBranch(branch)).toBe(reason);
  });
});

describe('the reasons used before', () => {
  it('begin with the latest and hold each once', () => {
    expect(rememberReason(['a', 'b', 'c'], 'b')).toEqual(['b', 'a', 'c']);
  });

  it('are few', () => {
    expect(rememberReason(['a', 'b'], 'c', 2)).toEqual(['c', 'a']);
  });
});
