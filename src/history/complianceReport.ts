import { controls, type ControlResult } from '../compliance/controls.ts';
import type { ComplianceLevel } from '../compliance/policy.ts';
import {
  recordedAnswer,
  recordedRequest,
  type RecordedFindings,
  type RecordedRequest,
} from '../compliance/recorded.ts';
import type { NoteRecord } from '../ledger/records.ts';
import { recordsSince, type ScanOptions } from './recordedCalls.ts';

/** A control with what the calls of a time came to. */
export interface ControlSummary {
  id: string;
  source: string;
  title: string;
  evidence: string;
  passed: number;
  failed: number;
  unchecked: number;
  /** Sequence numbers of the first records of calls for which it failed. */
  failedRecords: readonly number[];
}

/** What a rule found in requests and answers. */
export interface RuleSummary {
  rule: string;
  class: string;
  /** Values found, and the calls in which they were. */
  findings: number;
  calls: number;
  /** Sequence numbers of the first records of these calls. */
  records: readonly number[];
}

/** An exception by which calls went through. */
export interface ExceptionSummary {
  id: string;
  calls: number;
  /** Sequence numbers of the first records of these calls. */
  records: readonly number[];
}

export interface ComplianceReport {
  level: ComplianceLevel;
  /** Policy days, YYYY-MM-DD; both included. */
  since: string;
  until: string;
  /** Calls that were recorded. */
  calls: number;
  /** Of these, calls whose record says what was checked at this level. */
  checkedCalls: number;
  /** Calls that policy kept back. */
  blockedCalls: number;
  /** Sequence numbers of their first records. */
  blockedRecords: readonly number[];
  redactedCalls: number;
  /** Calls that weren’t searched by the deadline. */
  lateCalls: number;
  controls: readonly ControlSummary[];
  rules: readonly RuleSummary[];
  exceptions: readonly ExceptionSummary[];
}

/** Of each control, rule and exception. */
const mostRecords = 20;

/** What the records of calls say about a level’s controls. Reads the journal; throws like `recordsSince`. */
export async function complianceReport(
  directory: string,
  asked: Pick<ComplianceReport, 'level' | 'since' | 'until'>,
  options: ScanOptions = {},
): Promise<ComplianceReport> {
  const tally = new Tally(asked.level);
  const isAsked = (day: string): boolean => day >= asked.since && day <= asked.until;
  const counted = new Map<string, number>();
  for await (const records of recordsSince(directory, asked.since, options)) {
    for (const record of records) {
      if (record.kind === 'RESERVE' || record.kind === 'REFUSE') {
        if (!isAsked(record.day)) continue;
        counted.set(record.call_id, record.seq);
        tally.calls += 1;
      } else if (record.kind === 'note' && record.call_id !== null) {
        const sequence = counted.get(record.call_id);
        if (sequence !== undefined) tally.take(record, sequence);
      }
    }
  }
  return { ...asked, ...tally.sums() };
}

class Tally {
  calls = 0;
  readonly #level: ComplianceLevel;
  readonly #counts = { checkedCalls: 0, blockedCalls: 0, redactedCalls: 0, lateCalls: 0 };
  readonly #controls: Map<string, ControlSummary & { failedRecords: number[] }>;
  readonly #blocked: number[] = [];
  readonly #exceptions = new Map<string, ExceptionSummary & { records: number[] }>();
  readonly #rules = new Map<string, RuleSummary & { records: number[] }>();

  constructor(level: ComplianceLevel) {
    this.#level = level;
    const own = controls.filter((control) => control.level === level);
    this.#controls = new Map(
      own.map(({ id, source, title, evidence }) => [
        id,
        { id, source, title, evidence, passed: 0, failed: 0, unchecked: 0, failedRecords: [] },
      ]),
    );
  }

  take(note: NoteRecord, sequence: number): void {
    const request = recordedRequest(note);
    if (request) this.#takeRequest(request, sequence);
    this.#takeFindings(request?.findings ?? recordedAnswer(note) ?? [], sequence);
  }

  #takeRequest(
    { decision, levels, late = false, exceptions = [], controls: results }: RecordedRequest,
    sequence: number,
  ): void {
    if (decision === 'block') {
      this.#counts.blockedCalls += 1;
      if (this.#blocked.length < mostRecords) this.#blocked.push(sequence);
    }
    if (decision === 'redact') this.#counts.redactedCalls += 1;
    if (late) this.#counts.lateCalls += 1;
    for (const id of exceptions) this.#takeException(id, sequence);
    if (!results) return;
    if (levels.includes(this.#level)) this.#counts.checkedCalls += 1;
    for (const result of ['passed', 'failed', 'unchecked'] satisfies ControlResult[]) {
      for (const id of results[result] ?? []) {
        const control = this.#controls.get(id);
        if (!control) continue;
        control[result] += 1;
        if (result === 'failed' && control.failedRecords.length < mostRecords)
          control.failedRecords.push(sequence);
      }
    }
  }

  #takeException(id: string, sequence: number): void {
    const known = this.#exceptions.get(id) ?? { id, calls: 0, records: [] };
    this.#exceptions.set(id, known);
    known.calls += 1;
    if (known.records.length < mostRecords) known.records.push(sequence);
  }

  #takeFindings(findings: RecordedFindings, sequence: number): void {
    for (const { rule, class: of, count } of findings) {
      const known = this.#rules.get(rule) ?? { rule, class: of, findings: 0, calls: 0, records: [] };
      this.#rules.set(rule, known);
      known.findings += count;
      known.calls += 1;
      if (known.records.length < mostRecords) known.records.push(sequence);
    }
  }

  sums(): Omit<ComplianceReport, 'level' | 'since' | 'until'> {
    const rules = [...this.#rules.values()].toSorted((one, other) => other.findings - one.findings);
    return {
      calls: this.calls,
      ...this.#counts,
      blockedRecords: this.#blocked,
      controls: [...this.#controls.values()],
      rules,
      exceptions: [...this.#exceptions.values()],
    };
  }
}
