import type { FlowEncoding } from './flowEncoding.ts';

export type ParameterValue = string | number | boolean;
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

export const parameterTypes = ['text', 'integer', 'number', 'boolean', 'choice'] as const;

/** A parameter of an agreement's run. */
export interface ParameterDefinition {
  /** snake_case. */
  name: string;
  type: (typeof parameterTypes)[number];
  description: string;
  /** Null if the parameter is required. */
  default: ParameterValue | null;
  /** Limits of a number, inclusive. */
  minimum?: number | undefined;
  maximum?: number | undefined;
  /** Values of a choice. */
  values?: readonly string[] | undefined;
}

export const builtInIds = [
  'performance_test',
  'cost_analysis',
  'error_analysis',
  'integration_test',
  'scalability_test',
  'security_test',
  'compliance_report',
  'recorded_performance',
  'budget_summary',
  'health_check',
] as const;
export type BuiltInId = (typeof builtInIds)[number];

export const implementationIds = [...builtInIds, 'prompt', 'shell', 'workflow'] as const;
/** What runs. */
export type ImplementationId = (typeof implementationIds)[number];

/** A governed call with a template that contains `{{parameter}}`. */
export interface PromptAction {
  template: string;
  system: string | null;
  /** Null uses `aws.bedrock.default_model`. */
  model: string | null;
  maxTokens: number;
  temperature: number;
}

/** A command line for the user's shell. Parameters are environment variables `FLOW_<NAME>`, never part of its text. */
export interface ShellAction {
  command: string;
  /** Relative to the workspace folder. */
  directory: string;
}

/** A workflow of the workspace; the parameters are its inputs. */
export interface WorkflowAction {
  /** Relative to the workspace folder. */
  file: string;
}

/** Where an agreement is defined; lines and columns from 1. */
export interface AgreementSource {
  kind: 'built-in' | 'user' | 'workspace';
  /** Null for built-in agreements. */
  file: string | null;
  line: number;
  column: number;
}

/** A pre-approved operation, run by its trigger. */
export interface FlowAgreement {
  /** `action` in the file: its stable name in the audit journal. */
  id: string;
  /** In brackets: `[Cost Analysis]`. */
  trigger: string;
  flowEncoding: FlowEncoding;
  /** Earlier encodings, which still run it. */
  earlierEncodings: readonly string[];
  expandedMeaning: string;
  implementation: ImplementationId;
  /** Runs if the implementation fails, and is reported together with the failure. */
  fallback: BuiltInId | null;
  /** Parameters to ask for; the catalogue adds the implementation's own and the fixed values. */
  parameters: readonly ParameterDefinition[];
  /** Fixed values, which nobody is asked for. */
  fixed: ParameterValues;
  expectedOutput: string;
  /** 0 to 1; a command with a lower match isn't run. */
  confidenceThreshold: number;
  /** Alternatives to the trigger. */
  phrases: readonly string[];
  /** The most that a run may cost, micro-USD. */
  costLimit: bigint;
  /** What its calls are for; undefined if it doesn't say. */
  useClass: string | undefined;
  timeLimitSeconds: number;
  /** Whether several runs may be in progress at once. */
  concurrent: boolean;
  prompt: PromptAction | null;
  shell: ShellAction | null;
  workflow: WorkflowAction | null;
  source: AgreementSource;
  /** SHA-256 of the definition in canonical JSON, lower-case hex: identifies the version that ran. */
  definitionSha256: string;
}
