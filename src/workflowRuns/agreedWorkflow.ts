import { join } from 'node:path';
import { GatewayError } from '../errors.ts';
import type { RunAgreedWorkflow } from '../flow/actions/workflowAction.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { Settings } from '../settings/schema.ts';
import { TaskGraph } from '../workflow/taskGraph.ts';
import { parseWorkflow } from '../workflow/workflowDocument.ts';
import { readData, type DataPlaces } from './dataFiles.ts';
import { validWorkflow } from './runRequirements.ts';
import type { WorkflowOptimizer } from './workflowOptimizer.ts';

/**
 * Runs the workflows of agreements, which ask for trust before. Throws `invalid_request` where agreements run none or the file
 * isn't a workflow, `cost_limit_exceeded` for one that may cost more than its agreement, and what a run throws.
 */
export function agreedWorkflows(
  workflows: () => WorkflowOptimizer,
  { settings, denied, objects }: { settings: Settings } & Pick<DataPlaces, 'denied' | 'objects'>,
): RunAgreedWorkflow {
  return async ({ file, inputs, costLimit, reason, origin, signal, onProgress }) => {
    if (!settings.workflow.enable_flow_agreements)
      throw new GatewayError('invalid_request', 'Agreements run no workflows here.', {
        hint: 'workflow.enable_flow_agreements is false.',
      });
    const { folder } = origin;
    if (folder === null)
      throw new GatewayError('invalid_request', 'A workflow of an agreement needs a folder.', {
        hint: 'Open a folder, or run it in one.',
      });
    // Confined to the folder, as every file of a workflow is.
    const text = String(
      await readData({ source: file, format: 'text' }, { folder, denied, objects }, signal),
    );
    const path = join(folder, file);
    const workflow = validWorkflow(parseWorkflow(path, text), path);
    if (workflow.costLimit > costLimit)
      throw new GatewayError(
        'cost_limit_exceeded',
        `${file} may cost ${formatUsd(workflow.costLimit)}, and its agreement ${formatUsd(costLimit)}.`,
        { hint: 'Raise cost_limit_usd of the agreement, or lower that of the workflow.' },
      );
    const total = new TaskGraph(workflow.steps).tasks.size;
    let ended = 0;
    const { view, error } = await workflows().run({
      file: path,
      text,
      reason,
      inputs,
      origin,
      signal,
      trusted: true,
      onEvent: (event) => {
        if (event.type === 'step_started') onProgress(event.step);
        if (event.type !== 'step_ended') return;
        ended += 1;
        onProgress(event.step, ended / total);
      },
    });
    return {
      workflow: view.workflow,
      runId: view.runId,
      error,
      cost: view.cost ?? 0n,
      makespanMs: view.makespanMs,
      steps: view.steps,
    };
  };
}
