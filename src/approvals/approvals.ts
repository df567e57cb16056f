import canonicalize from 'canonicalize';
import { GatewayError } from '../errors.ts';
import { firstOfDays, positionBeforeDay } from '../history/recordedCalls.ts';
import type { LedgerAdministration, LedgerReader, Receipt } from '../ledger/contract.ts';
import { readFrom, type JournalPosition } from '../ledger/readJournal.ts';
import { requireReason } from '../ledger/reason.ts';
import type { NoteData } from '../ledger/records.ts';
import type { Signer } from '../ledger/signing.ts';
import { faultIn, schemaWords } from '../schemaWords.ts';
import {
  ApprovalBook,
  approvalTopics,
  approverFault,
  isInTime,
  stateOf,
  type Approver,
  type BookedRequest,
  type RequestState,
} from './approvalBook.ts';
import {
  isDecisionOn,
  isRequestSigned,
  longestDays,
  signDecision,
  signRequest,
  signedRequestForm,
  signRevocation,
  type ApprovalDecision,
  type SignedDecision,
  type SignedRequest,
  type Terms,
} from './request.ts';

export interface ApprovalDependencies {
  ledger: Pick<LedgerReader, 'identity' | 'time' | 'timeZone'> & Pick<LedgerAdministration, 'note'>;
  /** Folder of the ledger's journal. */
  directory: string;
  approvers: readonly Approver[];
  /** Who asks: the user's name and the account. */
  user: string;
  account: string | null;
  /** This user's key. Throws `settings_invalid`. */
  key: () => Signer;
  /** A reason as it may be recorded for good. */
  recordable: (reason: string) => Promise<string>;
  minReasonLength: number;
}

/** A request with its state at a moment. */
export interface ListedRequest extends BookedRequest {
  state: RequestState;
}

export interface Asked {
  reason: string;
  /** ISO 8601; a day from now if left out. */
  until?: string;
}

const dayMs = 86_400_000;

/**
 * What needs a second person: exceptions from policy, raised caps and commands of agreements. A request is a note of the
 * ledger that the requester signs. It allows what it names once somebody else, whose key the settings have, has signed too,
 * and until its time by the ledger's clock. In all doubt it allows nothing.
 */
export class Approvals {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  readonly #dependencies: ApprovalDependencies;
  #book: ApprovalBook | null = null;
  #ledgerId: string | null = null;
  #position: JournalPosition | null = null;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(dependencies: ApprovalDependencies) {
    this.#dependencies = dependencies;
  }

  /** Records a request. Throws `audit_reason_missing`, `invalid_request` and what the ledger throws. */
  async ask(terms: Terms, asked: Asked): Promise<ListedRequest & { receipt: Receipt }> {
    const { ledger, user, account, key } = this.#dependencies;
    const until = asked.until ?? (await this.#later(1));
    if (!isInTime(until, await ledger.time())) throw wrongTime();
    const reason = await this.#reason(asked.reason);
    const ledgerId = await this.#requireLedger();
    const form = { ledger_id: ledgerId, terms, user_id: user, account, reason, until };
    const signed = signRequest(form, key());
    requireForm(signed);
    const receipt = await this.#record(approvalTopics.request, ledgerId, signed);
    return { ...(await this.find(signed.request.id)), receipt };
  }

  /** This user's public key, made when there is none, and the names under which it may approve. */
  ownKey(): { public_key: string; names: readonly string[] } {
    const { approvers, key } = this.#dependencies;
    const { publicKey } = key();
    const names = approvers.filter((one) => one.public_key === publicKey).map(({ name }) => name);
    return { public_key: publicKey, names };
  }

  /** All requests of the last thirty days, oldest first. */
  async list(): Promise<ListedRequest[]> {
    const { ledger, approvers } = this.#dependencies;
    const [book, now] = [await this.#read(), await ledger.time()];
    return (book?.requests ?? []).map((one) => ({ ...one, state: stateOf(one, now, approvers) }));
  }

  /** Throws `invalid_request` if there is none. */
  async find(id: string): Promise<ListedRequest> {
    const found = (await this.list()).find(({ request }) => request.id === id);
    if (found) return found;
    throw new GatewayError(
      'invalid_request',
      `This ledger has no request ${id} of the last ${longestDays} days.`,
      {
        hint: 'tidyllm compliance exception list shows all.',
      },
    );
  }

  /** What the user's last call was kept back for, as an exception names it; empty if no call was. */
  async lastBlocked(): Promise<readonly string[]> {
    return (await this.#read())?.lastBlocked(this.#dependencies.user) ?? [];
  }

  /**
   * Signs a decision about a request, which may be of another ledger. Nothing is recorded. Throws `invalid_request` for a
   * request that isn't signed, and for an approval by a key that may not.
   */
  async decide(
    request: SignedRequest,
    { decision, reason }: Pick<ApprovalDecision, 'decision' | 'reason'>,
    signer: Signer = this.#dependencies.key(),
  ): Promise<SignedDecision> {
    const { approvers } = this.#dependencies;
    if (!isRequestSigned(request)) throw notAccepted('its signature is not that of the requester');
    const approver = approvers.find(({ public_key: one }) => one === signer.publicKey)?.name;
    if (approver === undefined) throw notEnrolled(signer);
    const made = { decision, approver, reason: await this.#reason(reason) };
    const fault = approverFault(request.request, { approver, public_key: signer.publicKey }, approvers);
    if (decision === 'approved' && fault) throw notAccepted(fault);
    return signDecision(request, made, signer);
  }

  /** Records a decision about a request of this ledger. Throws `invalid_request` for one that would change nothing. */
  async take(signed: SignedDecision, as?: SignedRequest): Promise<ListedRequest & { receipt: Receipt }> {
    const { decision } = signed;
    const request = await this.find(decision.id);
    const { approvers } = this.#dependencies;
    if (as && canonicalize(as.request) !== canonicalize(request.request))
      throw notAccepted('the file is about another request than the one that was recorded');
    if (!isDecisionOn(request, signed))
      throw notAccepted('the signature is not one of its approver under this request');
    if (request.state !== 'waiting') throw notAccepted(`the request is ${request.state.replace('_', ' ')}`);
    const fault = approverFault(request.request, decision, approvers);
    if (decision.decision === 'approved' && fault) throw notAccepted(fault);
    const receipt = await this.#record(approvalTopics.decision, request.request.ledger_id, signed);
    return { ...(await this.find(decision.id)), receipt };
  }

  /** Ends a request, whatever its state. Throws `audit_reason_missing` and `invalid_request`. */
  async revoke(id: string, reason: string): Promise<ListedRequest & { receipt: Receipt }> {
    const { user, key } = this.#dependencies;
    const { request } = await this.find(id);
    const revocation = { id, user_id: user, reason: await this.#reason(reason) };
    const signed = signRevocation(request.ledger_id, revocation, key());
    const receipt = await this.#record(approvalTopics.revocation, request.ledger_id, signed);
    return { ...(await this.find(id)), receipt };
  }

  /** Which of these permits a user of this account has by an exception now, with the exception's id. */
  async covering(userId: string, permits: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const covered = new Map<string, string>();
    for (const { request, state } of await this.list()) {
      if (state !== 'approved' || request.terms.kind !== 'exception' || !this.#isOf(request, userId))
        continue;
      for (const permit of request.terms.allows)
        if (permits.includes(permit) && !covered.has(permit)) covered.set(permit, request.id);
    }
    return covered;
  }

  /** Null if this wording of an agreement is approved; otherwise the id of the request, which is made if there is none. */
  async waitingForAgreement(
    agreement: string,
    definitionSha256: string,
    reason: string,
  ): Promise<string | null> {
    const { user } = this.#dependencies;
    const terms = { kind: 'agreement' as const, agreement, definition_sha256: definitionSha256 };
    const own = (await this.list()).filter(
      ({ request }) => canonicalize(request.terms) === canonicalize(terms) && this.#isOf(request, user),
    );
    if (own.some(({ state }) => state === 'approved')) return null;
    const waiting =
      own.find(({ state }) => state === 'waiting') ??
      (await this.ask(terms, { reason, until: await this.#later(longestDays) }));
    return waiting.request.id;
  }

  #isOf({ user_id: userId, account }: BookedRequest['request'], user: string): boolean {
    return userId === user && account === this.#dependencies.account;
  }

  /** A time of the ledger, so many days from now. */
  async #later(days: number): Promise<string> {
    return new Date(Date.parse(await this.#dependencies.ledger.time()) + days * dayMs).toISOString();
  }

  async #reason(reason: string): Promise<string> {
    return this.#dependencies.recordable(requireReason(reason, this.#dependencies));
  }

  async #requireLedger(): Promise<string> {
    const ledgerId = await this.#dependencies.ledger.identity();
    if (ledgerId !== null) return ledgerId;
    throw new GatewayError(
      'invalid_request',
      'A request is signed for one ledger, and this one has no record yet.',
      {
        hint: 'Make a call first: a refused one is enough. Then ask again.',
      },
    );
  }

  #record(topic: string, ledgerId: string, data: object): Promise<Receipt> {
    return this.#dependencies.ledger.note({ callId: null, ledgerId }, { topic, data: data as NoteData });
  }

  /** The book with every record so far. Another caller's pass over the journal is awaited first. */
  #read(): Promise<ApprovalBook | null> {
    const read = this.#reading.then(() => this.#readOn());
    this.#reading = read.catch(() => undefined);
    return read;
  }

  async #readOn(): Promise<ApprovalBook | null> {
    const { ledger, directory } = this.#dependencies;
    const ledgerId = await ledger.identity();
    if (ledgerId === null) return null;
    if (this.#book === null || this.#ledgerId !== ledgerId) {
      const today = (await ledger.time()).slice(0, 10);
      // No request lasts longer.
      this.#position = positionBeforeDay(directory, firstOfDays(today, longestDays + 2));
      this.#book = new ApprovalBook(ledgerId);
      this.#ledgerId = ledgerId;
    }
    const book = this.#book;
    try {
      for await (const { records, position } of readFrom(directory, this.#position)) {
        for (const { record } of records) book.take(record);
        this.#position = position;
      }
    } catch (error) {
      // What was read may be half of it.
      this.#book = null;
      throw error;
    }
    return book;
  }
}

/** Throws `invalid_request` for a request that readers would pass over. */
function requireForm(signed: SignedRequest): void {
  const { error } = signedRequestForm.safeParse(signed, { error: schemaWords });
  if (!error) return;
  const { path, message } = faultIn(error);
  throw new GatewayError('invalid_request', `The request can’t be made: ${path.join('.')} ${message}.`, {
    hint: 'An exception names up to 20 rules, models and regions, each by its full name.',
  });
}

function wrongTime(): GatewayError {
  return new GatewayError(
    'invalid_request',
    `A request lasts at most ${longestDays} days, and ends after now.`,
    {
      hint: 'Use --for 12h or --for 3d, or --until with a later day.',
    },
  );
}

function notEnrolled({ publicKey }: Signer): GatewayError {
  return new GatewayError('invalid_request', `The key ${publicKey} is not one of compliance.approvers.`, {
    hint: 'Have it added to compliance.approvers, with your name, in the settings of you and of whoever asks.',
  });
}

function notAccepted(why: string): GatewayError {
  return new GatewayError('invalid_request', `The decision is not accepted: ${why}.`, {
    hint: 'Nothing was recorded, and nothing is allowed by it.',
  });
}
