import type { Cell, Column, Finding, Section } from '../../report.ts';

/** What one kind of check found, with everything it looked at. */
export interface Checked {
  findings: Finding[];
  section: Section;
}

const textColumns = (labels: readonly string[]): Column[] => labels.map((label) => ({ label, unit: 'text' }));

/** A section whose table has texts only. */
export function textSection(
  id: string,
  title: string,
  text: string,
  labels: readonly string[],
  rows: readonly (readonly Cell[])[],
): Section {
  return { id, title, text, table: { columns: textColumns(labels), rows }, chart: null };
}
