import { describe, expect, it } from 'vitest';
import { labelsIn, pathOf, placeAt, stackedIn } from '../../../src/views/webviewKit/chartLayout.ts';

describe('the labels under a chart', () => {
  it('are all there where they have room', () => {
    expect(labelsIn(['admit', 'model'], 20)).toEqual([
      { index: 0, text: 'admit' },
      { index: 1, text: 'model' },
    ]);
  });

  it('leave some out where they have none, never the first', () => {
    const days = Array.from({ length: 10 }, (_, day) => `2026-07-0${day}`);
    expect(labelsIn(days, 4).map(({ index }) => index)).toEqual([0, 3, 6, 9]);
  });

  it('are cut short rather than hide each other', () => {
    expect(labelsIn(['us.anthropic.claude-sonnet-4-6', 'nova'], 14)).toEqual([
      { index: 0, text: 'us.anthropic…' },
      { index: 1, text: 'nova' },
    ]);
  });
});

describe('the line of a chart', () => {
  it('breaks where nothing was measured', () => {
    expect(pathOf([[0, 1], [2, 3], null, [4, 5]])).toBe('M0.0 1.0L2.0 3.0M4.0 5.0');
    expect(pathOf([null])).toBe('');
  });
});

describe('stacked columns', () => {
  it('stand on each other, without those that are nothing', () => {
    expect(stackedIn([6, 0, 2])).toEqual([
      { series: 0, from: 0, to: 6 },
      { series: 2, from: 6, to: 8 },
    ]);
  });
});

describe('the place under the mouse', () => {
  it.each([
    [0, 0],
    [40, 0],
    [99, 2],
    [500, 2],
  ])('at %d is number %d', (x, place) => {
    expect(placeAt(x, 3, { left: 40, top: 0, width: 60, height: 100 })).toBe(place);
  });
});
