import { cellText, durationText, numberOf } from './cellText.ts';
import { hasFinding, type ReportComparison } from './reportComparison.ts';
import type { Chart, Figure, Finding, Section, StoredReport, Table } from './report.ts';

const barWidth = 40;

const severities = [
  ['problem', 'Problem'],
  ['warning', 'Warning'],
  ['note', 'Note'],
] as const;

/** A report as a Markdown document (GitHub flavour), with the changes since an earlier report if one is given. */
export function reportMarkdown(stored: StoredReport, comparison?: ReportComparison): string {
  const { report } = stored;
  const blocks = [
    `# ${escaped(report.title)}`,
    ...(stored.execution_mode === 'simulated'
      ? ['> **SIMULATED**: the answers, times and costs of this run are simulated.']
      : []),
    particulars(stored),
    paragraph(report.summary),
    ...(comparison ? comparisonBlocks(comparison) : []),
    '## Findings',
    ...findingBlocks(report.findings, comparison),
    ...figureBlocks(report.figures, comparison),
    ...report.sections.flatMap(sectionBlocks),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/** A report for the chat: the result, the findings and the figures, with unchanged answers. */
export function reportBrief({ report }: StoredReport): string {
  const answers = report.sections.filter((section) => section.private === true);
  const blocks = [
    paragraph(report.summary),
    ...(report.findings.length > 0 ? findingBlocks(report.findings) : []),
    ...answers.flatMap(({ id, title, text }) =>
      id === 'answer' ? [text] : [`**${escaped(title)}**`, fenced(text)],
    ),
    ...(report.figures.length > 0
      ? [tableText(['Figure', 'Value'], ['left', 'right'], figureRows(report.figures))]
      : []),
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

function figureRows(figures: readonly Figure[]): string[][] {
  return figures.map(({ label, value, unit }) => [label, cellText(value, unit)]);
}

function fenced(text: string): string {
  const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return `${fence}text\n${text}\n${fence}`;
}

/** A report's time, to the second. */
export function reportTime(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}

function particulars(stored: StoredReport): string {
  const parameters = Object.entries(stored.parameters).map(
    ([name, value]) => `${name} = ${value === '' ? '–' : String(value)}`,
  );
  const rows = [
    ['Agreement', `${stored.trigger} (${stored.agreement})`],
    ['Mode', stored.execution_mode],
    ['Started', reportTime(stored.started_at)],
    ['Took', durationText(stored.duration_ms)],
    ['Cost', cellText(stored.cost_usd, 'usd')],
    ...(parameters.length > 0 ? [['Parameters', parameters.join(', ')]] : []),
    ['Run', stored.run_id],
  ];
  return tableText(['', ''], ['left', 'left'], rows);
}

function comparisonBlocks(comparison: ReportComparison): string[] {
  const { before, after, findings } = comparison;
  const remarks = [
    ...(comparison.modes_differ
      ? [`The earlier run was ${before.execution_mode}, this one ${after.execution_mode}.`]
      : []),
    ...(comparison.parameters_differ.length > 0
      ? [`Changed parameters: ${comparison.parameters_differ.join(', ')}.`]
      : []),
    `Findings: ${findings.new.length} new, ${findings.gone.length} gone, ${findings.still.length} still there.`,
  ];
  return [
    `## Compared with the run of ${reportTime(before.started_at)}`,
    remarks.map(escaped).join(' '),
    ...(findings.gone.length > 0
      ? [['Gone:', '', ...findings.gone.map(({ title }) => `- ${escaped(title)}`)].join('\n')]
      : []),
  ];
}

function findingBlocks(findings: readonly Finding[], comparison?: ReportComparison): string[] {
  if (findings.length === 0) return ['No problems found.'];
  return severities.flatMap(([severity, name]) =>
    findings
      .filter((finding) => finding.severity === severity)
      .flatMap((finding) => {
        const isNew = comparison !== undefined && hasFinding(comparison.findings.new, finding);
        return [
          `### ${name}: ${escaped(finding.title)}${isNew ? ' (new)' : ''}`,
          paragraph(finding.evidence),
          finding.remedy === '' ? '' : `**What to do:** ${escaped(finding.remedy)}`,
        ];
      }),
  );
}

function figureBlocks(figures: StoredReport['report']['figures'], comparison?: ReportComparison): string[] {
  if (comparison) {
    const rows = comparison.figures.map(({ label, unit, before, after, difference, ratio, change }) => [
      label,
      ...[after, before, difference].map((cell) => cellText(cell, unit)),
      ratio === null ? '–' : `× ${ratio.toLocaleString('en-US', { maximumFractionDigits: 2 })}`,
      change,
    ]);
    const heads = ['Figure', 'Now', 'Before', 'Difference', 'Ratio', 'Change'];
    return ['## Figures', tableText(heads, ['left', 'right', 'right', 'right', 'right', 'left'], rows)];
  }
  if (figures.length === 0) return [];
  const rows = figures.map(({ label, value, unit }) => [label, cellText(value, unit)]);
  return ['## Figures', tableText(['Figure', 'Value'], ['left', 'right'], rows)];
}

function sectionBlocks({ id, title, text, table, chart, private: ofPrompts }: Section): string[] {
  // Text of a model is already Markdown; output of a command is shown unchanged.
  if (ofPrompts) return [`## ${escaped(title)}`, id === 'answer' ? text : fenced(text)];
  return [
    `## ${escaped(title)}`,
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(paragraph)
      .join('\n\n'),
    table && chart && table.rows.length > 0 ? chartText(table, chart) : '',
    table ? (table.rows.length > 0 ? dataTable(table) : 'The list is empty.') : '',
  ];
}

function dataTable({ columns, rows }: Table): string {
  return tableText(
    columns.map(({ label }) => label),
    columns.map(({ unit }) => (unit === 'text' ? 'left' : 'right')),
    rows.map((row) => columns.map(({ unit }, index) => cellText(row[index] ?? null, unit))),
  );
}

/** Horizontal bars; series of one unit share a scale. */
function chartText({ columns, rows }: Table, { x, series }: Chart): string {
  const unitOf = (index: number) => columns[index]?.unit ?? 'count';
  const numbers = (index: number): number[] =>
    rows.map((row) => Math.max(0, numberOf(row[index] ?? null, unitOf(index)) ?? 0));
  const mostOf = (index: number): number =>
    Math.max(...series.filter((other) => unitOf(other) === unitOf(index)).flatMap(numbers), 0);
  const groups = series.map((index) => {
    const most = mostOf(index);
    const values = numbers(index);
    const lines = rows.map((row, place) => ({
      label: oneLine(cellText(row[x] ?? null, unitOf(x))),
      bar: '█'.repeat(most > 0 ? Math.ceil((barWidth * (values[place] ?? 0)) / most) : 0),
      value: oneLine(cellText(row[index] ?? null, unitOf(index))),
    }));
    const width = Math.max(0, ...lines.map(({ label }) => label.length));
    return [
      ...(series.length > 1 ? [oneLine(columns[index]?.label ?? '')] : []),
      ...lines.map(
        ({ label, bar, value }) => `${label.padEnd(width)}  ${bar}${bar === '' ? '' : ' '}${value}`,
      ),
    ].join('\n');
  });
  const drawn = groups.join('\n\n');
  const longest = Math.max(2, ...[...drawn.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${drawn}\n${fence}`;
}

function tableText(
  heads: readonly string[],
  alignments: readonly ('left' | 'right')[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(heads.map(escaped)),
    line(alignments.map((alignment) => (alignment === 'right' ? '--:' : '---'))),
    ...rows.map((row) => line(row.map(escaped))),
  ].join('\n');
}

/** Foreign text escaped for Markdown, on one line: without HTML, links, tables or emphasis. */
function escaped(text: string): string {
  return oneLine(text).replace(/[\\`*[\]<>|~]|(?<!\w)_|_(?!\w)|&(?=[#\w])|\$(?!\d)/g, '\\$&');
}

/** The same at the start of a paragraph, where a mark would start a heading or a list. */
function paragraph(text: string): string {
  return escaped(text)
    .replace(/^[-+=#]/, '\\$&')
    .replace(/^(\d+)([.)])(?=\s)/, '$1\\$2');
}

/** Removes line ends, other control characters, and those that change the writing direction. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]+/gu, ' ').trim();
}
