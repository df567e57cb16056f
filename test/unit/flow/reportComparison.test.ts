import { describe, expect, it } from 'vitest';
import { compareReports } from '../../../src/flow/reportComparison.ts';
import type { Cell, Figure, Unit } from '../../../src/flow/report.ts';
import { finding, storedReport } from '../../support/reports.ts';

function figure(value: Cell, unit: Unit = 'ms', better: Figure['better'] = 'lower', id = 'one'): Figure {
  return { id, label: id, value, unit, better };
}

function compared(before: Figure[], after: Figure[]) {
  return compareReports(storedReport({}, { figures: before }), storedReport({}, { figures: after })).figures;
}

describe('two reports of an agreement', () => {
  it.each([
    [figure(100), figure(80), 'better', -20, 0.8],
    [figure(100), figure(150), 'worse', 50, 1.5],
    [figure(10, 'per_second', 'higher'), figure(15, 'per_second', 'higher'), 'better', 5, 1.5],
    [figure(10, 'count', null), figure(15, 'count', null), 'changed', 5, 1.5],
    [figure(7), figure(7), 'same', 0, 1],
    [figure(0), figure(7), 'worse', 7, null],
    [figure('0.1', 'usd'), figure('0.30', 'usd'), 'worse', '0.2', 3],
    [figure('a', 'text', null), figure('b', 'text', null), 'changed', null, null],
    [figure('a', 'text', null), figure('a', 'text', null), 'same', null, null],
    [figure(null), figure(7), 'changed', null, null],
    [figure(7), figure(7, 'count'), 'incomparable', null, null],
  ] as const)('compare %j with %j: %s', (before, after, change, difference, ratio) => {
    const [found] = compared([before], [after]);
    expect(found).toMatchObject({ change, difference });
    if (ratio === null) expect(found?.ratio).toBeNull();
    else expect(found?.ratio).toBeCloseTo(ratio, 9);
  });

  it('keep what only one of them has', () => {
    const found = compared([figure(1, 'ms', null, 'old')], [figure(2, 'ms', null, 'new')]);
    expect(found.map(({ id, before, after, change }) => [id, before, after, change])).toEqual([
      ['new', null, 2, 'incomparable'],
      ['old', 1, null, 'incomparable'],
    ]);
  });

  it('tell findings that are new, gone and still there, by id and title', () => {
    const still = finding({ id: 'a', title: 'A', evidence: 'then' });
    const before = storedReport({}, { findings: [still, finding({ id: 'b', title: 'B' })] });
    const after = storedReport(
      {},
      { findings: [{ ...still, evidence: 'now' }, finding({ id: 'b', title: 'Other B' })] },
    );
    const { findings } = compareReports(before, after);
    expect(findings.new.map(({ title }) => title)).toEqual(['Other B']);
    expect(findings.gone.map(({ title }) => title)).toEqual(['B']);
    expect(findings.still.map(({ evidence }) => evidence)).toEqual(['now']);
  });

  it('say when modes or parameters differ', () => {
    const before = storedReport({ execution_mode: 'simulated', parameters: { calls: 20, model: 'a' } });
    const after = storedReport({ parameters: { calls: 20, model: 'b', days: 7 } });
    expect(compareReports(before, after)).toMatchObject({
      modes_differ: true,
      parameters_differ: ['model', 'days'],
    });
    expect(compareReports(after, after)).toMatchObject({ modes_differ: false, parameters_differ: [] });
  });

  it('compare no figure of simulated calls with one of real ones', () => {
    const figures = [figure(100), figure('1', 'usd'), figure(5, 'percent'), figure('a', 'text', null)];
    const simulated = storedReport({ execution_mode: 'simulated' }, { figures });
    const found = compareReports(simulated, storedReport({}, { figures })).figures;
    expect(found.map(({ change, difference }) => [change, difference])).toEqual(
      figures.map(() => ['incomparable', null]),
    );
  });

  it('compare sums over as many days only, and rates over any', () => {
    const figures = (factor: number): Figure[] => [
      figure(String(factor), 'usd', 'lower', 'spent'),
      figure(factor, 'count', 'lower', 'calls'),
      figure(factor, 'percent', 'lower', 'rate'),
      figure(factor, 'ms', 'lower', 'latency'),
    ];
    const changes = (days: number): string[] =>
      compareReports(
        storedReport({ parameters: { days: 30 } }, { figures: figures(1) }),
        storedReport({ parameters: { days } }, { figures: figures(2) }),
      ).figures.map(({ change }) => change);
    expect(changes(30)).toEqual(['worse', 'worse', 'worse', 'worse']);
    expect(changes(7)).toEqual(['incomparable', 'incomparable', 'worse', 'worse']);
  });

  it('of different agreements are refused', () => {
    expect(() => compareReports(storedReport({ agreement: 'cost_analysis' }), storedReport())).toThrow(
      expect.objectContaining({ code: 'invalid_request' }) as Error,
    );
  });
});
