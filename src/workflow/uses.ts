import { referencesIn } from './references.ts';
import type { ConfigOf } from './stepConfig.ts';
import { referredStep, resolvedId, textsOf } from './workflowDocument.ts';
import type { Step } from './workflow.ts';

/** The steps that a step's texts name, by full id. */
export function namedSteps(step: Step, ids: ReadonlySet<string>): Set<string> {
  return new Set(
    textsOf(step)
      .flatMap(({ text }) => referencesIn(text))
      .flatMap(({ name }) => referredStep(step.id, name, ids) ?? []),
  );
}

/** Whether a step works on the results of the steps it depends on without naming them. */
export function takesDependencies(step: Step, ids: ReadonlySet<string>): boolean {
  const names = (text: string | undefined): boolean =>
    referencesIn(text ?? '').some(({ name }) => referredStep(step.id, name, ids) !== null);
  switch (step.type) {
    case 'ai_processing':
      return !names((step.config as ConfigOf<'ai_processing'>).prompt);
    case 'transform': {
      const { from, join, template } = step.config as ConfigOf<'transform'>;
      return from === undefined && !join && !names(template);
    }
    case 'data_output':
      return (step.config as ConfigOf<'data_output'>).from === undefined;
    case 'data_input':
    case 'retrieve':
    case 'flow':
    case 'nested':
      return false;
  }
}

/** The steps whose results a step uses, by full id. */
export function usesOf(step: Step, ids: ReadonlySet<string>): Set<string> {
  const named = namedSteps(step, ids);
  return takesDependencies(step, ids) ? new Set([...named, ...step.dependsOn]) : named;
}

/** The names by which a step can call another, the shortest first. */
export function namesFrom(from: string, target: string, ids: ReadonlySet<string>): string[] {
  const parts = target.split('.');
  return parts
    .map((_part, index) => parts.slice(parts.length - 1 - index).join('.'))
    .filter((name) => resolvedId(from, name, ids) === target);
}
