/** The value of a table cell. Money is a decimal string in USD, so that no digit is lost. */
export type Cell = string | number | null;

/** The unit of a column or figure; `text` is not a number. */
export type Unit = 'text' | 'count' | 'ms' | 'usd' | 'percent' | 'per_second' | 'bytes';

export interface Column {
  label: string;
  unit: Unit;
}

export interface Table {
  columns: readonly Column[];
  /** Rows with one cell per column. */
  rows: readonly (readonly Cell[])[];
}

/** A chart of a section's table: one column as the axis, others as series. */
export interface Chart {
  type: 'columns' | 'lines';
  /** Indexes of columns. */
  x: number;
  series: readonly number[];
}

export interface Section {
  /** Stable name to find the same section in an earlier report: `latency_by_stage`. */
  id: string;
  title: string;
  /** Plain text: how the numbers were obtained. Empty if the table is self-explanatory. */
  text: string;
  table: Table | null;
  chart: Chart | null;
  /** Text of prompts, answers or commands: shown, and never stored with the report. */
  private?: boolean;
}

/** One number for comparison with an earlier report. */
export interface Figure {
  id: string;
  label: string;
  value: Cell;
  unit: Unit;
  /** Which direction is an improvement; null if neither is. */
  better: 'lower' | 'higher' | null;
}

/** Something that a person should know, and what to do about it. */
export interface Finding {
  /** A `problem` must be fixed, a `warning` should be checked, a `note` is not a fault. */
  severity: 'problem' | 'warning' | 'note';
  /** Stable name of the kind of finding: `unpriced_calls`. */
  id: string;
  title: string;
  /** The evidence, with figures. */
  evidence: string;
  remedy: string;
}

/** The findings of an action. Its field names are those of the JSON. */
export interface Report {
  title: string;
  /** One sentence with the main result; never text of a prompt or an answer. */
  summary: string;
  findings: readonly Finding[];
  figures: readonly Figure[];
  sections: readonly Section[];
}

/** A stored report: what ran, when, with which parameters, and its findings. */
export interface StoredReport {
  run_id: string;
  /** Id of the agreement. */
  agreement: string;
  trigger: string;
  execution_mode: 'real' | 'simulated' | 'failed';
  /** ISO 8601. */
  started_at: string;
  duration_ms: number;
  /** Decimal string. */
  cost_usd: string;
  parameters: Readonly<Record<string, string | number | boolean>>;
  report: Report;
}
