import { GatewayError } from '../errors.ts';
import { profileOf } from '../pricing/availability.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import type { Settings } from '../settings/schema.ts';
import type { Facts, Model, StepHistory } from '../workflow/operationResult.ts';

/** What operations and runs know beside a workflow's file: its history, the models, and the policy in force. */
export function workflowFacts(
  { settings, catalogue, region }: { settings: Settings; catalogue: ModelCatalogue; region: string },
  history: ReadonlyMap<string, StepHistory>,
): Facts {
  const { compliance, audit, aws } = settings;
  return {
    history,
    slots: slotsOf(settings),
    modelOf: (name) => modelOf(catalogue, region, name),
    knownModels: () => catalogue.names(),
    defaultModel: aws.bedrock.default_model,
    policy: { ...compliance, retentionDays: audit.retention_days },
    findingsIn: null,
  };
}

/** How many steps run at once. */
export function slotsOf({ workflow, ai }: Settings): number {
  return workflow.enable_dag_manager ? ai.concurrency : 1;
}

function modelOf(catalogue: ModelCatalogue, region: string, name: string): Model | null {
  try {
    const { modelId, tiers } = catalogue.resolve(name);
    const [{ input, output } = {}] = tiers;
    if (input === undefined || output === undefined) return null;
    return {
      id: modelId,
      usdPerMillionInput: Number(input),
      usdPerMillionOutput: Number(output),
      place: profileOf(modelId)?.geography ?? region,
    };
  } catch (error) {
    if (GatewayError.is(error)) return null;
    throw error;
  }
}
