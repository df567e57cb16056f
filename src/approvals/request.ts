import { createHash, randomBytes } from 'node:crypto';
import canonicalize from 'canonicalize';
import * as z from 'zod/mini';
import { isSignedBy, originOf, type Signer } from '../ledger/signing.ts';

/** The longest that an exception may last, in days. */
export const longestDays = 30;
/** Of the texts that a record repeats. */
const longestText = 1000;

const text = z.string().check(z.minLength(1), z.maxLength(longestText));
const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const micro = z.string().check(z.regex(/^[1-9]\d{0,14}$/));
/** A rule of findings, a model id, or a region or geography: `rule:email`, `model:ID`, `region:eu`. Never all of a kind. */
const permit = z.string().check(z.maxLength(300), z.regex(/^(?:rule|model|region):[^\s*]+$/));
/** Base64 in its one form: another spelling of the same bytes would be another record with the same meaning. */
const base64 = (bytes: number) =>
  z.string().check(
    z.refine((value) => {
      const decoded = Buffer.from(value, 'base64');
      return decoded.length === bytes && decoded.toString('base64') === value;
    }),
  );
const publicKey = base64(32);
const signature = base64(64);

/** What is asked for, and nothing else. */
const termsForm = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('exception'),
    allows: z.array(permit).check(z.minLength(1), z.maxLength(20)),
  }),
  z.strictObject({
    kind: z.literal('budget_raise'),
    scope: z.enum(['ledger', 'user', 'model', 'workspace']),
    key: z.string().check(z.maxLength(longestText)),
    limit_micro_usd: micro,
    /** The policy day for which the cap is raised. */
    day: z.string().check(z.regex(/^\d{4}-\d\d-\d\d$/)),
  }),
  z.strictObject({ kind: z.literal('agreement'), agreement: text, definition_sha256: hash }),
]);
export type Terms = z.infer<typeof termsForm>;

const requestForm = z.strictObject({
  id: z.string().check(z.regex(/^[0-9a-f]{8}$/)),
  /** The ledger for which it holds. */
  ledger_id: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  terms: termsForm,
  /** Who asks, and for whom alone it holds; the account where it is known. */
  user_id: text,
  account: z.nullable(text),
  reason: text,
  /** When it ends, ISO 8601 in UTC. */
  until: z.string().check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)),
  /** The requester's key, base64 of its 32 bytes. */
  public_key: publicKey,
});
export type ApprovalRequest = z.infer<typeof requestForm>;

export const signedRequestForm = z.strictObject({ request: requestForm, signature });
export type SignedRequest = z.infer<typeof signedRequestForm>;

const decisionForm = z.strictObject({
  id: requestForm.shape.id,
  /** SHA-256 of what the requester signed. */
  request_sha256: hash,
  decision: z.enum(['approved', 'rejected']),
  /** The name under which the settings have the key. */
  approver: text,
  reason: text,
  public_key: publicKey,
});
export type ApprovalDecision = z.infer<typeof decisionForm>;

export const signedDecisionForm = z.strictObject({ decision: decisionForm, signature });
export type SignedDecision = z.infer<typeof signedDecisionForm>;

const revocationForm = z.strictObject({ id: requestForm.shape.id, user_id: text, reason: text });
export const signedRevocationForm = z.strictObject({
  revocation: revocationForm,
  public_key: publicKey,
  signature,
});
export type SignedRevocation = z.infer<typeof signedRevocationForm>;

/** The file in which a request travels to its approver and back. */
export const requestFileForm = z.strictObject({
  format: z.literal('tidyllm-approval-1'),
  ...signedRequestForm.shape,
  decided: z.optional(signedDecisionForm),
});
export type RequestFile = z.infer<typeof requestFileForm>;

/** A new request, signed by the one who asks. */
export function signRequest(
  asked: Omit<ApprovalRequest, 'id' | 'public_key'>,
  signer: Signer,
): SignedRequest {
  const request = { id: randomBytes(4).toString('hex'), ...asked, public_key: signer.publicKey };
  return { request, signature: signer.sign(requestText(request)) };
}

/** A decision about a request as it was signed. */
export function signDecision(
  { request }: SignedRequest,
  made: Pick<ApprovalDecision, 'decision' | 'approver' | 'reason'>,
  signer: Signer,
): SignedDecision {
  const decision = {
    id: request.id,
    request_sha256: sha256Of(requestText(request)),
    ...made,
    public_key: signer.publicKey,
  };
  return { decision, signature: signer.sign(decisionText(request.ledger_id, decision)) };
}

/** The end of a request before its time. */
export function signRevocation(
  ledgerId: string,
  revocation: SignedRevocation['revocation'],
  signer: Signer,
): SignedRevocation {
  const signed = signer.sign(signedText(ledgerId, 'revocation', revocation));
  return { revocation, public_key: signer.publicKey, signature: signed };
}

/** Whether the one who asks has signed all of a request. */
export function isRequestSigned({ request, signature: signed }: SignedRequest): boolean {
  return isSignedBy(request.public_key, requestText(request), signed);
}

/** Whether a decision is signed by the key that it names, and is about exactly this request. */
export function isDecisionOn(
  { request }: SignedRequest,
  { decision, signature: signed }: SignedDecision,
): boolean {
  return (
    decision.id === request.id &&
    decision.request_sha256 === sha256Of(requestText(request)) &&
    isSignedBy(decision.public_key, decisionText(request.ledger_id, decision), signed)
  );
}

function requestText(request: ApprovalRequest): string {
  return signedText(request.ledger_id, 'request', request);
}

function decisionText(ledgerId: string, decision: ApprovalDecision): string {
  return signedText(ledgerId, 'decision', decision);
}

/** What is signed: the ledger, what it is, and all members in canonical JSON (RFC 8785). */
function signedText(ledgerId: string, what: string, members: object): string {
  return `${originOf(ledgerId)}\napproval.${what} ${canonicalize(members) ?? ''}\n`;
}

function sha256Of(signed: string): string {
  return createHash('sha256').update(signed, 'utf8').digest('hex');
}
