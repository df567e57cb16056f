export const faultKinds = [
  ...(['malformed_line', 'hash_mismatch', 'sequence_gap', 'unknown_version', 'bad_header'] as const),
  ...(['bad_signature', 'inconsistent', 'missing_segment', 'unterminated_tail'] as const),
  ...(['anchor_mismatch', 'unreadable', 'wrong_key'] as const),
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What a person may decide on: a fault, or a clock that is held. */
export const reopeningFindings = [...faultKinds, 'clock_ahead'] as const;
export type ReopeningFinding = (typeof reopeningFindings)[number];

/** The first fault of a journal, and its exact place. */
export interface Fault {
  segment: string;
  /** From 1. */
  line: number;
  /** The sequence number that the record at fault should have. */
  sequence: number;
  kind: FaultKind;
  detail: string;
}

/** A record that can't follow those before it. */
export class ChainFault extends Error {
  override readonly name = 'ChainFault';
  readonly kind: FaultKind;

  constructor(kind: FaultKind, detail: string) {
    super(detail);
    this.kind = kind;
  }
}
