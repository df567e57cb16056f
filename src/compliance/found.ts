import type { RequestContent } from '../content/messages.ts';
import type { FindingClass } from '../detection/finding.ts';
import type { Decision } from './policy.ts';

/** How often a rule found something. Never what it found. */
export interface RuleCount {
  rule: string;
  class: FindingClass;
  count: number;
}

/** Which permits exceptions give, with their ids. */
export type Exceptions = ReadonlyMap<string, string>;

/** A request as it may leave, and what was found in it. */
export interface Screened {
  content: RequestContent;
  decision: Decision;
  findings: readonly RuleCount[];
  /** Ids of the exceptions by which it may leave, by what they permit: `rule:email`. */
  exceptions: Exceptions;
  /** The values that answers get back, by placeholder. */
  placeholders: ReadonlyMap<string, string>;
  /** Parts without readable text. */
  unreadable: { images: number; documents: number; sealed: number };
  /** Whether the deadline passed, so that nothing was searched. */
  late: boolean;
}
