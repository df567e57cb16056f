/** What a cell of a table holds. Money is a decimal string of USD, so that no digit is lost. */
export type Cell = string | number | null;

/** How the numbers of a column or figure are to be read; `text` is not a number. */
export type Unit = 'text' | 'count' | 'ms' | 'usd' | 'percent' | 'per_second' | 'bytes';

export interface Column {
  label: string;
  unit: Unit;
}

export interface Table {
  columns: readonly Column[];
  /** As many cells in each as there are columns. */
  rows: readonly (readonly Cell[])[];
}

/** A picture of a section's table: one of its columns along the axis, others as series. */
export interface Chart {
  type: 'columns' | 'lines';
  /** Indexes of columns. */
  x: number;
  series: readonly number[];
}

export interface Section {
  /** Stable name, by which an earlier report's section is found: `latency_by_stage`. */
  id: string;
  title: string;
  /** Plain text; how the numbers were come by. Empty where the table says it all. */
  text: string;
  table: Table | null;
  chart: Chart | null;
  /** Text of prompts, answers or commands: shown, and never stored with the report. */
  private?: boolean;
}

/** One number that an earlier report can be compared by. */
export interface Figure {
  id: string;
  label: string;
  value: Cell;
  unit: Unit;
  /** Which way is an improvement; null where neither is. */
  better: 'lower' | 'higher' | null;
}

/** Something a person should know, and what to do about it. */
export interface Finding {
  /** `problem` must be mended, `warning` looked at; a `note` is no fault. */
  severity: 'problem' | 'warning' | 'note';
  /** Stable name of the kind of finding: `unpriced_calls`. */
  id: string;
  title: string;
  /** What was seen, with figures. */
  evidence: string;
  remedy: string;
}

/** What an action found out. The names of its fields are those of its JSON. */
export interface Report {
  title: string;
  /** One sentence with the main result; never text of a prompt or an answer. */
  summary: string;
  findings: readonly Finding[];
  figures: readonly Figure[];
  sections: readonly Section[];
}

/** A report as it is stored: what ran, when and on what, with what it found. */
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
