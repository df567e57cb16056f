import type { CompliancePolicy } from '../compliance/policy.ts';
import type { Finding } from '../detection/finding.ts';

/** What is known of a step's past runs. */
export interface StepHistory {
  /** Durations in ms of its last successful runs, newest first. */
  durations: readonly number[];
  /** Costs of the same runs, micro-USD. */
  costs: readonly bigint[];
  /** Share of its runs that were answered from a cache, 0 to 1. */
  cachedShare: number;
  /** How long it waited for a free slot in these runs, ms. */
  waitsMs: readonly number[];
}

/** A model as the catalogue knows it. */
export interface Model {
  id: string;
  usdPerMillionInput: number;
  usdPerMillionOutput: number;
  /** The region that would answer, or the geography of a cross-region profile, such as `eu`. */
  place: string;
}

/** What the operations know beside the file. */
export interface Facts {
  /** By step id. */
  history: ReadonlyMap<string, StepHistory>;
  /** How many steps run at once, at least 1. */
  slots: number;
  /** Null if the catalogue doesn't know the model. */
  modelOf(name: string): Model | null;
  knownModels(): readonly string[];
  defaultModel: string;
  /** The policy in force: what the rules of `validate` look at. */
  policy: Pick<CompliancePolicy, 'level' | 'models_allowed' | 'models_denied' | 'regions_allowed'> & {
    /** How long records are kept. */
    retentionDays: number;
  };
  /** Secrets and personal data in a text of the file; null if they weren't searched for, or not in time. */
  findingsIn: ((text: string) => readonly Pick<Finding, 'rule' | 'class'>[]) | null;
}

export const operations = ['analyze', 'optimize', 'fix', 'validate'] as const;
export type Operation = (typeof operations)[number];

/** How far `optimize` goes: nothing; what changes no result; also models that the team allows instead. */
export type OptimizationLevel = 0 | 1 | 2;

export type ImprovementKind =
  'faster_step' | 'dropped_dependency' | 'merged_duplicate' | 'cache' | 'cheaper_model' | 'mended';

export interface Improvement {
  /** Stable for the same file: kind and steps. */
  id: string;
  kind: ImprovementKind;
  /** Full ids of the steps it is about. */
  steps: readonly string[];
  detail: string;
  /** How much sooner the workflow ends, ms, by simulation; in `optimize` on top of the improvements before it. */
  gainMs: number;
  /** Where it is in the file as it was given; null for the whole file. */
  line: number | null;
}

/** A fault, with its place in the file from 1. */
export interface Diagnostic {
  line: number;
  column: number;
  severity: 'error' | 'warning';
  code: string;
  message: string;
}

/** What the analysis says of a step with work of its own. */
export interface StepAnalysis {
  id: string;
  durationMs: number;
  /** How the duration is known: `median of 5 runs`, or what an estimate assumes. */
  basis: string;
  estimated: boolean;
  /** Share of the work of all steps, 0 to 1. */
  share: number;
  /** How much later it may end without making the workflow longer on unlimited slots, ms. */
  slackMs: number;
  startMs: number;
  /** How long it is ready and waits for a slot in the simulated plan, ms. */
  simulatedWaitMs: number;
  /** Median wait for a slot in past runs, ms; null without any. */
  medianWaitMs: number | null;
  /** Median cost of past runs, micro-USD; null without any. */
  medianCost: bigint | null;
  /** Null without past runs. */
  cachedShare: number | null;
}

export type RuleState = 'passed' | 'failed' | 'unchecked';

/** A compliance rule with its result. */
export interface RuleResult {
  id: string;
  /** Article, section or company rule. */
  source: string;
  title: string;
  weight: number;
  state: RuleState;
  evidence: string;
  /** Full ids of the steps that fail it or keep it unchecked. */
  steps: readonly string[];
}

export interface OperationResult {
  workflow: string;
  operation: Operation;
  /** Null for operations other than `optimize`. */
  level: OptimizationLevel | null;
  /** Whether a duration is an estimate. */
  estimated: boolean;
  improvements: readonly Improvement[];
  /** (makespan before − after) / before, 0 to 1; null if the operation proposes no other plan. */
  performanceGain: number | null;
  /** Σ weight of passed / Σ weight of passed and failed rules, 0 to 1; null if no rule could be checked. */
  complianceScore: number | null;
  /** Full ids. */
  criticalPath: readonly string[];
  /** Simulated on the given slots, ms; of the file as it was given. */
  makespanMs: number;
  /** No plan on these slots is shorter: max(critical path, work / slots), ms; of the file as it was given. */
  boundMs: number;
  /** The same of the rewritten file; null without one. */
  after: { makespanMs: number; boundMs: number } | null;
  diagnostics: readonly Diagnostic[];
  /** The new text of the file; null if nothing is changed. */
  rewritten: string | null;
  /** Empty for operations other than `analyze`. */
  steps: readonly StepAnalysis[];
  /** Empty for operations other than `validate`. */
  rules: readonly RuleResult[];
  /** What the figures rest on, in sentences. */
  notes: readonly string[];
}
