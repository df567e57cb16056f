import type { Path } from '../yamlDocument.ts';
import type { StepConfig, StepType } from './stepConfig.ts';

/** A workflow: steps that depend on each other, some with steps of their own. */
export interface Workflow {
  name: string;
  description: string;
  /** Absolute path of its file; null for one that isn't in a file. */
  file: string | null;
  /** Values of a run by name, with their defaults; null for one that must be given. */
  inputs: Readonly<Record<string, string | null>>;
  steps: readonly Step[];
  /** Seconds within which a run should end; null without such an agreement. */
  slaSeconds: number | null;
  /** Levels of compliance that the workflow promises. */
  complianceLevels: readonly string[];
  /** The most that a run may cost, micro-USD. */
  costLimit: bigint;
  /** What its calls are for; undefined if it doesn't say. */
  useClass: string | undefined;
}

/** A step as it stands in the file. */
export interface Step {
  /** Unique in the workflow: the ids of the steps around it and its own, joined by dots. */
  id: string;
  type: StepType;
  config: StepConfig;
  /** Full ids. */
  dependsOn: readonly string[];
  /** Steps of its own; they run before its own work, which a nested step hasn't. */
  steps: readonly Step[];
  /** Whether running it twice is the same as running it once. */
  idempotent: boolean;
  /** Where it is in its file. */
  path: Path;
}

/** What runs: a step with work of its own, and all that must have ended before. */
export interface Task {
  id: string;
  step: Step;
  /** Ids of tasks, without repetitions. */
  after: readonly string[];
}

/** All steps, each before the steps inside it. */
export function allSteps(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => [step, ...allSteps(step.steps)]);
}

/** The id of the step around a step; null at the top. */
export function parentOf(id: string): string | null {
  const dot = id.lastIndexOf('.');
  return dot < 0 ? null : id.slice(0, dot);
}
