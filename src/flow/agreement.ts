import type { FlowEncoding } from './flowEncoding.ts';

export type ParameterValue = string | number | boolean;
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

export const parameterTypes = ['text', 'integer', 'number', 'boolean', 'choice'] as const;

/** What an agreement can be told when it is run. */
export interface ParameterDefinition {
  /** snake_case. */
  name: string;
  type: (typeof parameterTypes)[number];
  description: string;
  /** Null when it has to be given. */
  default: ParameterValue | null;
  /** Of numbers, both included. */
  minimum?: number | undefined;
  maximum?: number | undefined;
  /** Of a choice. */
  values?: readonly string[] | undefined;
}

export const builtInIds = [
  'performance_test',
  'cost_analysis',
  'error_analysis',
  'integration_test',
  'scalability_test',
  'security_test',
  'recorded_performance',
  'budget_summary',
  'health_check',
] as const;
export type BuiltInId = (typeof builtInIds)[number];

export const implementationIds = [...builtInIds, 'prompt', 'shell'] as const;
/** What really runs. */
export type ImplementationId = (typeof implementationIds)[number];

/** A governed call whose text is made from a template with `{{parameter}}`. */
export interface PromptAction {
  template: string;
  system: string | null;
  /** Null takes `aws.bedrock.default_model`. */
  model: string | null;
  maxTokens: number;
  temperature: number;
}

/** A command line of the user's shell. Parameters reach it as environment variables `FLOW_<NAME>`, never as its text. */
export interface ShellAction {
  command: string;
  /** Relative to the folder of the workspace. */
  directory: string;
}

/** Where an agreement is defined; lines and columns from 1. */
export interface AgreementSource {
  kind: 'built-in' | 'user' | 'workspace';
  /** Null for what is built in. */
  file: string | null;
  line: number;
  column: number;
}

/** A pre-approved operation that is run by its trigger. */
export interface FlowAgreement {
  /** `action` in the file: the stable name under which it stands in the audit journal. */
  id: string;
  /** In brackets: `[Cost Analysis]`. */
  trigger: string;
  flowEncoding: FlowEncoding;
  /** Encodings it had before, which still run it. */
  earlierEncodings: readonly string[];
  expandedMeaning: string;
  implementation: ImplementationId;
  /** What runs, and is reported beside the failure, when the implementation fails. */
  fallback: BuiltInId | null;
  /** What is asked for; the implementation's own, and values that the agreement fixes, are joined by the catalogue. */
  parameters: readonly ParameterDefinition[];
  /** Values that nobody is asked for. */
  fixed: ParameterValues;
  expectedOutput: string;
  /** 0 to 1; a command that matches with less is not run. */
  confidenceThreshold: number;
  /** Other ways to say the trigger. */
  phrases: readonly string[];
  /** The most a run may cost, micro-USD. */
  costLimit: bigint;
  timeLimitSeconds: number;
  /** Whether it may run again while it runs. */
  concurrent: boolean;
  prompt: PromptAction | null;
  shell: ShellAction | null;
  source: AgreementSource;
  /** SHA-256 of the definition in canonical JSON, lower-case hex: which wording it was that ran. */
  definitionSha256: string;
}
