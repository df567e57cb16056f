import { describe, expect, it } from 'vitest';
import { dayOf, nextDayStart } from '../../../src/ledger/day.ts';

describe('policy day', () => {
  it.each([
    ['2026-03-28T23:30:00Z', 'UTC', '2026-03-28'],
    ['2026-03-28T23:30:00Z', 'Europe/Berlin', '2026-03-29'],
    ['2026-03-28T23:30:00Z', 'America/Los_Angeles', '2026-03-28'],
    ['2026-03-28T23:30:00Z', 'Asia/Kathmandu', '2026-03-29'],
  ])('%s in %s is %s', (time, zone, day) => {
    expect(dayOf(new Date(time), zone)).toBe(day);
  });

  it.each([
    ['2026-11-22T18:00:00Z', 'UTC', '2026-11-23T00:00:00.000Z'],
    ['2026-03-29T00:30:00Z', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'],
    ['2026-10-25T00:30:00Z', 'Europe/Berlin', '2026-10-25T23:00:00.000Z'],
    ['2026-11-22T18:14:00Z', 'Asia/Kathmandu', '2026-11-22T18:15:00.000Z'],
  ])('after %s in %s the next day begins at %s', (time, zone, next) => {
    expect(nextDayStart(new Date(time), zone).toISOString()).toBe(next);
  });
});
