import { GatewayError } from '../errors.ts';
import { differenceOf, numberOf } from './cellText.ts';
import type { Cell, Figure, Finding, StoredReport, Unit } from './report.ts';

/**
 * How a figure changed. `changed` is neither good nor bad; `incomparable` is in one report only, has another
 * unit, is real in one and simulated in the other, or covers another number of days.
 */
export type FigureChange = 'better' | 'worse' | 'same' | 'changed' | 'incomparable';

export interface ComparedFigure {
  id: string;
  label: string;
  unit: Unit;
  before: Cell;
  after: Cell;
  /** Null for texts. */
  difference: Cell;
  /** After divided by before; null if before is zero. */
  ratio: number | null;
  change: FigureChange;
}

/** How a run's report differs from an earlier one. Its field names are those of the JSON. */
export interface ReportComparison {
  before: ComparedRun;
  after: ComparedRun;
  /** Whether one was simulated and the other real: then the figures aren't comparable. */
  modes_differ: boolean;
  /** Names of parameters with different values. */
  parameters_differ: readonly string[];
  /** In the order of the later report; figures of only the earlier one come last. */
  figures: readonly ComparedFigure[];
  findings: {
    new: readonly Finding[];
    gone: readonly Finding[];
    /** From the later report. */
    still: readonly Finding[];
  };
}

export type ComparedRun = Pick<StoredReport, 'run_id' | 'started_at' | 'execution_mode'>;

/** Compares an earlier report with a later one. Throws `invalid_request` for reports of different agreements. */
export function compareReports(before: StoredReport, after: StoredReport): ReportComparison {
  if (before.agreement !== after.agreement)
    throw new GatewayError(
      'invalid_request',
      `A report of ${before.agreement} can't be compared with one of ${after.agreement}.`,
      { hint: 'Compare runs of the same agreement.' },
    );
  const modesDiffer = before.execution_mode !== after.execution_mode;
  const parameters = differentParameters(before.parameters, after.parameters);
  const otherDays = parameters.includes('days');
  const areComparable = ({ unit }: Figure): boolean =>
    !modesDiffer && !(otherDays && (unit === 'usd' || unit === 'count'));
  return {
    before: comparedRun(before),
    after: comparedRun(after),
    modes_differ: modesDiffer,
    parameters_differ: parameters,
    figures: comparedFigures(before.report.figures, after.report.figures, areComparable),
    findings: {
      new: findingsWithout(after.report.findings, before.report.findings),
      gone: findingsWithout(before.report.findings, after.report.findings),
      still: after.report.findings.filter((finding) => hasFinding(before.report.findings, finding)),
    },
  };
}

/** Whether a report has a finding, regardless of its figures. */
export function hasFinding(findings: readonly Finding[], { id, title }: Finding): boolean {
  return findings.some((one) => one.id === id && one.title === title);
}

function findingsWithout(findings: readonly Finding[], others: readonly Finding[]): Finding[] {
  return findings.filter((finding) => !hasFinding(others, finding));
}

function comparedRun({ run_id, started_at, execution_mode }: StoredReport): ComparedRun {
  return { run_id, started_at, execution_mode };
}

function differentParameters(
  before: StoredReport['parameters'],
  after: StoredReport['parameters'],
): string[] {
  const names = new Set([...Object.keys(after), ...Object.keys(before)]);
  return [...names].filter((name) => before[name] !== after[name]);
}

function comparedFigures(
  before: readonly Figure[],
  after: readonly Figure[],
  areComparable: (figure: Figure) => boolean,
): ComparedFigure[] {
  const earlier = new Map(before.map((figure) => [figure.id, figure]));
  const later = new Set(after.map(({ id }) => id));
  return [
    ...after.map((figure) => comparedFigure(earlier.get(figure.id) ?? null, figure, areComparable)),
    ...before.filter(({ id }) => !later.has(id)).map((figure) => comparedFigure(figure, null, areComparable)),
  ];
}

function comparedFigure(
  before: Figure | null,
  after: Figure | null,
  areComparable: (figure: Figure) => boolean,
): ComparedFigure {
  const { id, label, unit, better } = (after ?? before) as Figure;
  const [from, to] = [before?.value ?? null, after?.value ?? null];
  const nothing = { id, label, unit, before: from, after: to, difference: null, ratio: null };
  if (!before || !after || before.unit !== after.unit || !areComparable(after))
    return { ...nothing, change: 'incomparable' };
  const [first, second] = [numberOf(from, unit), numberOf(to, unit)];
  if (first === null || second === null) return { ...nothing, change: from === to ? 'same' : 'changed' };
  return {
    ...nothing,
    difference: differenceOf(from, to, unit),
    ratio: first === 0 ? null : second / first,
    change: changeOf(first, second, better),
  };
}

function changeOf(before: number, after: number, better: Figure['better']): FigureChange {
  if (before === after) return 'same';
  if (better === null) return 'changed';
  return after < before === (better === 'lower') ? 'better' : 'worse';
}
