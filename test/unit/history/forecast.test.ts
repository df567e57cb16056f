import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forecastDay, forecastMonth, shifted, type ForecastInput } from '../../../src/history/forecast.ts';

/** Monday 16 November 2026, noon, with 1 USD spent today and 10 this month. */
const noon: ForecastInput = {
  today: '2026-11-16',
  hour: 12,
  shareOfHour: 0,
  spentToday: 1_000_000n,
  spentThisMonth: 10_000_000n,
  past: [],
};

describe('the forecast of the day', () => {
  it('is not made without history', () => {
    expect(forecastDay(noon)).toBeNull();
    expect(forecastDay({ ...noon, past: [{ day: '2026-11-13', hour: 9, spent: 0n }] })).toBeNull();
    expect(forecastDay({ ...noon, past: [{ day: '2026-11-16', hour: 9, spent: 5n }] })).toBeNull();
  });

  it('adds the mean of what came after this time of day to what is spent', () => {
    const past = [
      { day: '2026-11-12', hour: 11, spent: 9_000_000n },
      { day: '2026-11-12', hour: 12, spent: 1_000_000n },
      { day: '2026-11-13', hour: 18, spent: 4_000_000n },
    ];
    expect(forecastDay({ ...noon, past })).toEqual({ amount: 3_500_000n, days: 2 });
  });

  it('takes of the current hour the part that is left', () => {
    const past = [{ day: '2026-11-13', hour: 12, spent: 4_000_000n }];
    expect(forecastDay({ ...noon, shareOfHour: 0.75, past })).toEqual({ amount: 2_000_000n, days: 1 });
  });

  it('rests on the last 14 days with spending, however long ago', () => {
    const past = Array.from({ length: 30 }, (_, index) => ({
      day: shifted('2026-11-15', -2 * index),
      hour: 20,
      spent: index < 14 ? 2_000_000n : 100_000_000n,
    }));
    expect(forecastDay({ ...noon, past })).toEqual({ amount: 3_000_000n, days: 14 });
  });
});

describe('the forecast of the month', () => {
  it('is not made without history', () => {
    expect(forecastMonth(noon)).toBeNull();
  });

  it('tells working days from week-ends', () => {
    const days = Array.from({ length: 14 }, (_, index) => shifted('2026-11-15', -index));
    const past = days.map((day) => {
      const weekend = [0, 6].includes(new Date(`${day}T00:00Z`).getUTCDay());
      return { day, hour: 9, spent: weekend ? 1_000_000n : 3_000_000n };
    });
    // To come: 17 to 30 November, ten working days and four of week-ends.
    expect(forecastMonth({ ...noon, past })).toEqual({
      amount: 10_000_000n + 30_000_000n + 4_000_000n,
      days: 14,
    });
  });

  it('counts days without spending, but none before the first', () => {
    // Thursday with 6 USD and Friday with none: 3 USD a working day; no week-end yet but the last, without.
    const past = [{ day: '2026-11-12', hour: 9, spent: 6_000_000n }];
    expect(forecastMonth({ ...noon, past })).toEqual({ amount: 10_000_000n + 30_000_000n, days: 4 });
  });

  it('on its last day is that of the day, with what was spent before', () => {
    const past = [{ day: '2026-11-27', hour: 20, spent: 2_000_000n }];
    expect(forecastMonth({ ...noon, today: '2026-11-30', past })?.amount).toBe(12_000_000n);
  });
});

const input: fc.Arbitrary<ForecastInput> = fc.record({
  today: fc.integer({ min: 0, max: 800 }).map((days) => shifted('2026-01-01', days)),
  hour: fc.integer({ min: 0, max: 23 }),
  shareOfHour: fc.double({ min: 0, max: 1, noNaN: true }),
  spentToday: fc.bigInt(0n, 10n ** 9n),
  spentThisMonth: fc.constant(0n),
  past: fc.array(
    fc.record({
      day: fc.integer({ min: 1, max: 60 }).map((days) => shifted('2026-01-01', -days)),
      hour: fc.integer({ min: 0, max: 23 }),
      spent: fc.bigInt(0n, 10n ** 9n),
    }),
    { maxLength: 60 },
  ),
});
const sensible = input.map((one) => ({ ...one, spentThisMonth: one.spentToday + 5n }));

describe('any forecast', () => {
  it('is never below what is spent, and the month never below the day', () => {
    fc.assert(
      fc.property(sensible, (one) => {
        const [day, month] = [forecastDay(one), forecastMonth(one)];
        expect(day === null).toBe(month === null);
        if (!day || !month) return;
        expect(day.amount >= one.spentToday).toBe(true);
        expect(month.amount >= one.spentThisMonth).toBe(true);
        expect(month.amount >= day.amount).toBe(true);
        expect(day.days).toBeGreaterThan(0);
        expect(day.days).toBeLessThanOrEqual(14);
      }),
    );
  });

  it('falls to what is spent as the day runs out', () => {
    fc.assert(
      fc.property(sensible, (one) => {
        const [early, late] = [0, 23].map((hour) =>
          forecastDay({ ...one, hour, shareOfHour: hour === 0 ? 0 : 1 }),
        );
        if (!early || !late) return;
        expect(early.amount >= late.amount).toBe(true);
        expect(late.amount).toBe(one.spentToday);
      }),
    );
  });

  it('takes an hour of spending wherever it is split', () => {
    fc.assert(
      fc.property(sensible, (one) => {
        const split = one.past.flatMap(({ day, hour, spent }) => [
          { day, hour, spent: spent - spent / 2n },
          { day, hour, spent: spent / 2n },
        ]);
        const [whole, halves] = [
          forecastDay({ ...one, shareOfHour: 0 }),
          forecastDay({ ...one, shareOfHour: 0, past: split }),
        ];
        expect(halves).toEqual(whole);
      }),
    );
  });
});
