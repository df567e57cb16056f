import type { Cell, Column, Finding, Section } from '../../report.ts';

/** The findings of one kind of check, with everything it checked. */
export interface Checked {
  findings: Finding[];
  section: Section;
}

const textColumns = (labels: readonly string[]): Column[] => labels.map((label) => ({ label, unit: 'text' }));

/** A section with a table of texts. */
export function textSection(
  id: string,
  title: string,
  text: string,
  labels: readonly string[],
  rows: readonly (readonly Cell[])[],
): Section {
  return { id, title, text, table: { columns: textColumns(labels), rows }, chart: null };
}
