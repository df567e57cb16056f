import { resolve } from 'node:path';
import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { formatUsd } from '../pricing/cost.ts';
import { replaceFile } from '../replaceFile.ts';
import { visibleLine } from '../visibleText.ts';
import type { Facts, OperationResult } from '../workflow/operations.ts';
import { durationsOf } from '../workflow/durations.ts';
import { mermaidOf } from '../workflow/mermaid.ts';
import { statesLanguageOf } from '../workflow/statesLanguage.ts';
import { TaskGraph } from '../workflow/taskGraph.ts';
import type { Workflow } from '../workflow/workflow.ts';
import { faultText } from '../yamlDocument.ts';
import { parseWorkflow } from '../workflow/workflowDocument.ts';
import { readTextFile } from './readText.ts';
import { note, printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm workflow analyze FILE`. Exit code 2 if the file has errors. */
export async function workflowAnalyze(core: Core, file: string, terminal: Terminal): Promise<number> {
  return print(await core.workflows.processWorkflow('analyze', await workflowIn(file)), terminal);
}

/** `tidyllm workflow optimize FILE`: proposes, and writes with `--write`. */
export async function workflowOptimize(
  core: Core,
  file: string,
  { level, write }: { level?: string; write?: boolean },
  terminal: Terminal,
): Promise<number> {
  const chosen = level === undefined ? undefined : Number(level);
  if (chosen !== undefined && chosen !== 0 && chosen !== 1 && chosen !== 2)
    throw new GatewayError('invalid_request', `--level must be 0, 1 or 2, not "${level}".`);
  const given = await workflowIn(file);
  const result = await core.workflows.processWorkflow('optimize', {
    ...given,
    ...(chosen !== undefined && { level: chosen }),
  });
  return written(file, given.text, result, { write, terminal });
}

/** `tidyllm workflow fix FILE`: proposes, and writes with `--write`. */
export async function workflowFix(
  core: Core,
  file: string,
  { write }: { write?: boolean },
  terminal: Terminal,
): Promise<number> {
  const given = await workflowIn(file);
  const result = await core.workflows.processWorkflow('fix', given);
  return written(file, given.text, result, { write, terminal });
}

/** `tidyllm workflow validate FILE`. Exit code 2 if the file has errors, 8 if a rule fails. */
export async function workflowValidate(core: Core, file: string, terminal: Terminal): Promise<number> {
  const result = await core.workflows.processWorkflow('validate', await workflowIn(file));
  const exitCode = print(result, terminal);
  const fails = result.rules.some(({ state }) => state === 'failed');
  return exitCode === 0 && fails && core.loaded.settings.workflow.compliance_mode ? 8 : exitCode;
}

/** `tidyllm workflow export FILE`: for people who draw it or run it elsewhere. */
export async function workflowExport(
  core: Core,
  file: string,
  { format }: { format: string },
  terminal: Terminal,
): Promise<number> {
  if (format !== 'mermaid' && format !== 'asl')
    throw new GatewayError('invalid_request', `--format must be mermaid or asl, not "${format}".`);
  const given = await workflowIn(file);
  const parsed = parseWorkflow(given.file, given.text);
  const { workflow, faults } = parsed;
  if (!workflow) {
    const first = faults.find(({ severity }) => severity === 'error');
    throw new GatewayError('invalid_request', `The workflow has errors: ${first ? faultText(first) : file}`, {
      hint: `Run "tidyllm workflow fix ${file}" to see how they can be mended.`,
    });
  }
  const { text, notes } = exported(workflow, format, await core.workflows.facts(parsed));
  if (terminal.json) printJson({ format, text, notes });
  else printLine(text.trimEnd());
  for (const one of notes) note(terminal, one);
  return 0;
}

function exported(
  workflow: Workflow,
  format: 'mermaid' | 'asl',
  facts: Facts,
): { text: string; notes: string[] } {
  if (format === 'mermaid') return { text: mermaidOf(workflow), notes: [] };
  const durations = durationsOf(new TaskGraph(workflow.steps), facts);
  const ms = new Map([...durations].map(([id, duration]) => [id, duration.ms]));
  const { definition, note: cost } = statesLanguageOf(workflow, ms);
  return { text: JSON.stringify(definition, null, 2), notes: [cost] };
}

async function workflowIn(file: string): Promise<{ file: string; text: string }> {
  return { file: resolve(file), text: await readTextFile(file) };
}

/** Reports the result and, if asked, puts the proposed text in the file's place. */
async function written(
  file: string,
  before: string,
  result: OperationResult,
  { write = false, terminal }: { write?: boolean | undefined; terminal: Terminal },
): Promise<number> {
  const { rewritten } = result;
  if (rewritten === null || !write) {
    print(result, terminal);
    if (rewritten !== null) note(terminal, `Nothing was written: --write changes ${file}.`);
    return exitCodeOf(before, file);
  }
  if ((await readTextFile(file)) !== before)
    throw new GatewayError('invalid_request', `${file} was changed meanwhile.`, { hint: 'Try again.' });
  await replaceFile(resolve(file), rewritten);
  print(result, terminal);
  note(terminal, `${file} was changed.`);
  return exitCodeOf(rewritten, file);
}

/** 2 for a text with errors. */
function exitCodeOf(text: string, file: string): number {
  return parseWorkflow(resolve(file), text).faults.some(({ severity }) => severity === 'error') ? 2 : 0;
}

function print(result: OperationResult, terminal: Terminal): number {
  if (terminal.json) printJson(resultJson(result));
  else printText(result, terminal);
  return result.diagnostics.some(({ severity }) => severity === 'error') ? 2 : 0;
}

function resultJson(result: OperationResult): object {
  const { improvements, steps, rules, after } = result;
  return {
    workflow: result.workflow,
    operation: result.operation,
    level: result.level,
    estimated: result.estimated,
    improvements: improvements.map(({ gainMs, ...one }) => ({ ...one, gain_ms: gainMs })),
    performance_gain: result.performanceGain,
    compliance_score: result.complianceScore,
    critical_path: result.criticalPath,
    makespan_ms: result.makespanMs,
    bound_ms: result.boundMs,
    after: after && { makespan_ms: after.makespanMs, bound_ms: after.boundMs },
    diagnostics: result.diagnostics,
    rewritten: result.rewritten,
    steps: steps.map(({ id, durationMs, basis, estimated, share, slackMs, startMs }) => ({
      id,
      duration_ms: durationMs,
      basis,
      estimated,
      share,
      slack_ms: slackMs,
      start_ms: startMs,
    })),
    rules,
    notes: result.notes,
  };
}

function printText(result: OperationResult, terminal: Terminal): void {
  const { diagnostics, steps, improvements, rules, rewritten } = result;
  for (const { line, column, severity, code, message } of diagnostics)
    printLine(`${line}:${column}: ${severity}: ${visibleLine(message)} (${code})`);
  if (steps.length > 0) {
    const rows = steps.map(({ id, durationMs, share, slackMs, basis, medianCost }) => [
      ...[id, milliseconds(durationMs), `${Math.round(share * 100)} %`, milliseconds(slackMs)],
      medianCost === null ? '' : formatUsd(medianCost),
      basis,
    ]);
    printLine(table(['step', 'time', 'share', 'slack', 'cost', 'from'], rows));
    printLine(`Critical path: ${result.criticalPath.join(' → ')}`);
  }
  for (const { kind, steps: of, detail, gainMs } of improvements) {
    // What a faster step would give is in its detail.
    const sooner = gainMs > 0 && kind !== 'faster_step' ? ` (${milliseconds(gainMs)} sooner)` : '';
    printLine(`- ${of.join(', ')}: ${visibleLine(detail)}${sooner}`);
  }
  if (rules.length > 0)
    printLine(
      table(
        ['rule', 'state', 'weight', 'evidence'],
        rules.map(({ id, state, weight, evidence }) => [id, state, String(weight), visibleLine(evidence)]),
      ),
    );
  if (result.complianceScore !== null)
    printLine(`Compliance score: ${result.complianceScore.toFixed(2)} of 1.`);
  if (result.makespanMs > 0)
    printLine(
      `Time: ${milliseconds(result.makespanMs)}${result.estimated ? ' (estimated)' : ''}; no plan is shorter than ${milliseconds(result.boundMs)}.`,
    );
  if (result.performanceGain !== null) printLine(`Gain: ${(result.performanceGain * 100).toFixed(1)} %.`);
  for (const one of result.notes) note(terminal, one);
  if (rewritten !== null) printLine(`\n${rewritten.trimEnd()}`);
}

function milliseconds(value: number): string {
  return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}
