import { attemptsCommand, type LedgerRecord, type NoteRecord } from '../ledger/records.ts';
import { userNameOf, userNameFault } from '../userName.ts';
import {
  isDecisionOn,
  isRequestSigned,
  longestDays,
  signedDecisionForm,
  signedRequestForm,
  signedRevocationForm,
  type SignedDecision,
  type SignedRequest,
} from './request.ts';

/** Topics of the notes. */
export const approvalTopics = {
  request: 'approval.request',
  decision: 'approval.decision',
  revocation: 'approval.revocation',
} as const;

/** A person whose key may approve: `compliance.approvers` of the settings. */
export interface Approver {
  name: string;
  /** Base64 of the 32 bytes of an Ed25519 key. */
  public_key: string;
}

/** A request with what the records say of it. */
export interface BookedRequest extends SignedRequest {
  /** Sequence number of its record. */
  sequence: number;
  /** The first decision; null while there is none. */
  decided: SignedDecision | null;
  revoked: boolean;
}

/** `approved` allows what was asked for; nothing else does. */
export type RequestState = 'waiting' | 'approved' | 'rejected' | 'revoked' | 'expired' | 'not_valid';

/**
 * The requests of a ledger, from its notes in their order. A request that isn't signed, is another ledger's, or lasts too
 * long, and a decision that isn't signed or came too late, is passed over: it allows nothing.
 */
export class ApprovalBook {
  readonly #ledgerId: string;
  readonly #requests = new Map<string, BookedRequest>();
  /** What policy kept back in each user's last such call. */
  readonly #blocked = new Map<string, readonly string[]>();
  /** The user of the last refused call, whose note comes next. */
  #refused: { callId: string; userId: string } | null = null;

  constructor(ledgerId: string) {
    this.#ledgerId = ledgerId;
  }

  get requests(): readonly BookedRequest[] {
    return [...this.#requests.values()];
  }

  request(id: string): BookedRequest | undefined {
    return this.#requests.get(id);
  }

  /** What an exception would have to allow for the last call of a user that policy kept back; empty if there is none. */
  lastBlocked(userId: string): readonly string[] {
    return this.#blocked.get(userId) ?? [];
  }

  take(record: LedgerRecord): void {
    // What the security test sends to be refused is nobody's need.
    if (record.kind === 'REFUSE' && record.command !== attemptsCommand)
      this.#refused = { callId: record.call_id, userId: record.user_id };
    if (record.kind !== 'note') return;
    if (record.topic === 'compliance.request') this.#takeBlocked(record);
    if (record.call_id !== null) return;
    if (record.topic === approvalTopics.request) this.#takeRequest(record);
    if (record.topic === approvalTopics.decision) this.#takeDecision(record);
    if (record.topic === approvalTopics.revocation) this.#takeRevocation(record);
  }

  #takeBlocked({ call_id: callId, data }: NoteRecord): void {
    const blocked = data['blocked'];
    if (!Array.isArray(blocked) || this.#refused?.callId !== callId) return;
    this.#blocked.set(this.#refused.userId, blocked.map(String));
  }

  #takeRequest({ data, seq, time }: NoteRecord): void {
    const signed = signedRequestForm.safeParse(data).data;
    if (!signed || this.#requests.has(signed.request.id)) return;
    const { ledger_id: ledgerId, until } = signed.request;
    if (ledgerId !== this.#ledgerId || !isInTime(until, time) || !isRequestSigned(signed)) return;
    this.#requests.set(signed.request.id, { ...signed, sequence: seq, decided: null, revoked: false });
  }

  #takeDecision({ data, time }: NoteRecord): void {
    const signed = signedDecisionForm.safeParse(data).data;
    const request = signed && this.#requests.get(signed.decision.id);
    if (!request || request.decided || request.revoked) return;
    if (time < request.request.until && isDecisionOn(request, signed)) request.decided = signed;
  }

  /** Taking a permission away needs no valid signature. */
  #takeRevocation({ data }: NoteRecord): void {
    const signed = signedRevocationForm.safeParse(data).data;
    const request = signed && this.#requests.get(signed.revocation.id);
    if (request) request.revoked = true;
  }
}

/** Whether a time to end is after the record's own, and at most thirty days after it. */
export function isInTime(until: string, time: string): boolean {
  const days = (Date.parse(until) - Date.parse(time)) / 86_400_000;
  return days > 0 && days <= longestDays;
}

/** What a request comes to at a time of the ledger, with the approvers that the settings have now. */
export function stateOf(
  { request, decided, revoked }: BookedRequest,
  now: string,
  approvers: readonly Approver[],
): RequestState {
  if (revoked) return 'revoked';
  if (decided?.decision.decision === 'rejected') return 'rejected';
  if (now >= request.until) return 'expired';
  if (!decided) return 'waiting';
  return approverFault(request, decided.decision, approvers) === null ? 'approved' : 'not_valid';
}

/** Why a key may not decide about a request, in a clause; null if it may. */
export function approverFault(
  { user_id: userId, account, public_key: ownKey }: SignedRequest['request'],
  { approver, public_key: publicKey }: { approver: string; public_key: string },
  approvers: readonly Approver[],
): string | null {
  const named = (name: string) => (userNameFault(name) === null ? userNameOf(name) : name);
  const enrolled = approvers.some(
    (one) => named(one.name) === named(approver) && one.public_key === publicKey,
  );
  if (!enrolled) return `compliance.approvers doesn’t have this key under the name ${approver}`;
  // A person may have several keys, and a key several names.
  const own = approvers.filter((one) => one.public_key === ownKey).map(({ name }) => named(name));
  const names = new Set([
    ...own,
    named(userId),
    ...(account === null ? [] : [named(account), `account:${account}`]),
  ]);
  const deciding = approvers.filter((one) => one.public_key === publicKey).map(({ name }) => named(name));
  return publicKey === ownKey || deciding.some((name) => names.has(name))
    ? 'nobody decides about their own request'
    : null;
}
