import { GatewayError } from '../errors.ts';
import type { Settings } from '../settings/schema.ts';
import { allSteps, type Workflow } from '../workflow/workflow.ts';
import type { ParsedWorkflow } from '../workflow/workflowDocument.ts';
import { faultText } from '../yamlDocument.ts';
import type { LineOf, RunLine } from './runLine.ts';
import type { RunOptions } from './runView.ts';
import { resultsIn } from './workflowRunner.ts';

/** Throws `flow_not_approved` where the workspace isn't trusted. */
export function requireTrust({ trusted }: Pick<RunOptions, 'trusted'>): void {
  if (trusted) return;
  throw new GatewayError('flow_not_approved', 'The workflow does not run: the workspace is not trusted.', {
    hint: 'Trust the workspace first, if you trust its authors.',
  });
}

/** Throws `invalid_request` with the first error of the file. */
export function validWorkflow({ workflow, faults }: ParsedWorkflow, file: string | null): Workflow {
  if (workflow) return { ...workflow, file };
  const first = faults.find(({ severity }) => severity === 'error');
  throw new GatewayError(
    'invalid_request',
    `The workflow has errors: ${first ? faultText(first) : 'it is empty'}`,
    { hint: `Run "tidyllm workflow fix ${file ?? 'FILE'}" to see how they can be mended.` },
  );
}

/** The value of each input. Throws `invalid_request` for one that is unknown or missing. */
export function inputsOf(
  { inputs }: Workflow,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const names = Object.keys(inputs).join(', ');
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(inputs, name));
  if (unknown !== undefined)
    throw new GatewayError('invalid_request', `The workflow has no input "${unknown}".`, {
      hint: names === '' ? 'It has no inputs.' : `Its inputs are ${names}.`,
    });
  return Object.fromEntries(
    Object.entries(inputs).map(([name, usual]) => {
      const value = Object.hasOwn(given, name) ? given[name] : usual;
      if (value !== undefined && value !== null) return [name, value];
      throw new GatewayError('invalid_request', `The input "${name}" must be given.`, {
        hint: `Give it as --input ${name}=VALUE.`,
      });
    }),
  );
}

export function isRunId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

export function noRun(runId: string): GatewayError {
  return new GatewayError('invalid_request', `There is no run ${runId}.`, {
    hint: '"tidyllm workflow history" lists the runs.',
  });
}

type Began = LineOf<'began'> & { kept: NonNullable<LineOf<'began'>['kept']> };

/** The first line of a run that can be resumed. Throws `invalid_request`. */
export function resumable(runId: string, lines: readonly RunLine[]): Began {
  const [began] = lines;
  if (began?.kind !== 'began') throw noRun(runId);
  const closed = lines.findLast((line) => line.kind === 'opened' || line.kind === 'closed');
  if (closed?.kind === 'closed' && closed.status === 'success')
    throw new GatewayError('invalid_request', `The run ${runId} is over: every step succeeded.`, {
      hint: 'Run the workflow again for new results.',
    });
  const { kept } = began;
  if (kept) return { ...began, kept };
  throw new GatewayError('invalid_request', `The run ${runId} can’t be resumed: its results weren’t kept.`, {
    hint: 'Run the workflow again. With audit.content: full the results of steps are kept, encrypted.',
  });
}

/** Throws `invalid_request` where policy no longer keeps results: without them steps would be paid again. */
export function requireKept({ audit: { content } }: Settings): void {
  if (content === 'full') return;
  throw new GatewayError('invalid_request', `The run can’t be resumed: audit.content is ${content} now.`, {
    hint: 'Results of steps are only kept with audit.content: full. Run the workflow again without it.',
  });
}

/** Throws `invalid_request` while other machines may still make calls of the run: they would be paid twice. */
export function requireAllReturned(runId: string, lines: readonly RunLine[]): void {
  const returned = new Set(lines.flatMap((line) => (line.kind === 'returned' ? line.call : [])));
  if (lines.every((line) => line.kind !== 'sent' || returned.has(line.call))) return;
  throw new GatewayError('invalid_request', 'Calls of the run are with other machines.', {
    hint: `Resume it with "tidyllm workflow resume ${runId} --on postgres", which takes their answers.`,
  });
}

/** Throws `invalid_request` elsewhere than in the run's folder: its paths are relative to that, and its policy holds. */
export function requireFolder(folder: string | null, given: string | null): void {
  if (folder === given) return;
  throw new GatewayError('invalid_request', `The run belongs to ${folder ?? 'no folder'}.`, {
    hint:
      folder === null
        ? 'Resume it without a folder.'
        : `Open ${folder}, or change to it, and resume it there.`,
  });
}

/** Throws `invalid_request` for a step that was begun, can't run twice without harm, and may not be repeated. */
export async function requireRepeatable(
  workflow: Workflow,
  lines: readonly RunLine[],
  mayRepeat: ((step: string) => boolean | Promise<boolean>) | undefined,
): Promise<void> {
  const begun = new Set(lines.flatMap((line) => (line.kind === 'started' ? line.step : [])));
  const done = resultsIn(lines, workflow);
  for (const { id, idempotent } of allSteps(workflow.steps)) {
    if (idempotent || !begun.has(id) || done.has(id)) continue;
    if (await mayRepeat?.(id)) continue;
    throw new GatewayError(
      'invalid_request',
      `Step "${id}" was begun and may have had its effect; it isn’t marked as one that can run twice.`,
      { hint: `Check what it did. To do it again: --repeat ${id}.` },
    );
  }
}
