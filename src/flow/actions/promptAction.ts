import type { ModelCalls } from '../../gateways/modelCalls.ts';
import { formatUsd, microToUsd, totalTokens } from '../../pricing/cost.ts';
import type { FlowAgreement, ParameterValues, PromptAction } from '../agreement.ts';
import type { Implementation, RunRequest } from '../implementation.ts';
import { templateReference } from '../parameters.ts';
import { round } from '../statistics.ts';

export interface PromptActionDependencies {
  calls: () => Pick<ModelCalls, 'worstCase'>;
  defaultModel: string;
}

/** One governed call with the agreement's template, filled with the parameters. */
export function promptAction(
  { trigger, parameters }: FlowAgreement,
  prompt: PromptAction,
  { calls, defaultModel }: PromptActionDependencies,
): Implementation {
  const requestOf = (values: ParameterValues): RunRequest => ({
    prompt: filled(prompt.template, values),
    ...(prompt.system !== null && { system: prompt.system }),
    modelId: prompt.model ?? defaultModel,
    maxTokens: prompt.maxTokens,
    temperature: prompt.temperature,
  });
  return {
    id: 'prompt',
    title: trigger,
    parameters,
    worstCase: (values) => calls().worstCase(requestOf(values)),
    requests: (values) => [requestOf(values)],
    run: async (run) => {
      run.progress('Waiting for the answer');
      const response = await run.call(requestOf(run.parameters));
      if (response.error) throw response.error;
      const { tokenUsage, cost, processingTimeMs, modelUsed } = response;
      const seconds = round(processingTimeMs / 1000);
      return {
        title: trigger,
        summary: `${modelUsed} answered in ${seconds} s with ${tokenUsage.output} tokens for ${formatUsd(cost)}.`,
        findings: [],
        figures: [
          { id: 'tokens', label: 'Tokens', value: totalTokens(tokenUsage), unit: 'count', better: 'lower' },
          { id: 'latency', label: 'Whole call', value: round(processingTimeMs), unit: 'ms', better: 'lower' },
          { id: 'cost', label: 'Cost', value: microToUsd(cost), unit: 'usd', better: 'lower' },
        ],
        sections: [
          { id: 'answer', title: 'Answer', text: response.content, table: null, chart: null, private: true },
        ],
      };
    },
  };
}

/** Values are inserted unchanged; references inside them are not expanded. */
function filled(template: string, values: ParameterValues): string {
  return template.replace(templateReference, (reference, name: string) => {
    const value = values[name];
    return value === undefined ? reference : String(value);
  });
}
