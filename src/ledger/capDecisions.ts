import { capRecord, idOf, type Cap, type OpenRun } from './budgetFold.ts';
import type { CapSetting } from './capSettings.ts';
import type { CallRefusal, CapRefusal } from './contract.ts';
import type { LedgerState } from './ledgerState.ts';
import type { PolicyChangeRecord, RecordDraft, RefuseRecord, ScopeKey } from './records.ts';
import { keyIdOf, policyText, type Signer } from './signing.ts';

/** A request for money, and its caps. */
export interface Wanted {
  scopes: readonly ScopeKey[];
  /** Micro-USD. */
  amount: bigint;
  /** Those of the settings. */
  caps: readonly Cap[];
  /** Policy day. */
  day: string;
  /** The run that pays. */
  run: OpenRun | null;
}

/** Why an amount may not be held now: the cap with the least left, among those it doesn't fit under. */
export function refusalOf(
  { fold }: LedgerState,
  { scopes, amount, caps, day, run }: Wanted,
): CapRefusal | { overruns: number } | null {
  const { overruns, raised } = fold.day(day);
  if (overruns.size > 0) return { overruns: overruns.size };
  const standing = new Map(caps.map((cap) => [idOf(cap), cap]));
  // What the run holds for this call already counts, except under the caps of models.
  const held = (cap: Cap): bigint => (run?.day === day && cap.scope !== 'model' ? amount : 0n);
  const [tightest, ...looser] = scopes
    .flatMap((scope) => raised.get(idOf(scope)) ?? standing.get(idOf(scope)) ?? [])
    .map((cap) => ({ cap, left: fold.left(cap, day) + held(cap) }))
    .sort((a, b) => (a.left < b.left ? -1 : 1));
  if (!tightest || amount <= tightest.left) return null;
  const forOthers = tightest.cap.scope === 'model' ? looser[0] : tightest;
  return { ...tightest, leftForOtherModels: forOthers?.left ?? 0n };
}

/** Why a call was refused, for its record. */
export function refusedBy(refusal: CallRefusal): Pick<RefuseRecord, 'error_code' | 'cap'> {
  if ('cap' in refusal) return { error_code: 'budget_exceeded', cap: capRecord(refusal.cap) };
  return { error_code: 'overruns' in refusal ? 'budget_blocked' : 'cost_limit_exceeded', cap: null };
}

/** The changes that bring these scopes' standing caps to their settings. */
export function policyDrafts(
  state: LedgerState,
  scopes: readonly ScopeKey[],
  caps: readonly CapSetting[],
  { userId, signer }: { userId: string; signer: Signer },
): RecordDraft[] {
  const wanted = new Map(caps.map((cap) => [idOf(cap), cap]));
  const drafts: RecordDraft[] = [];
  for (const scope of scopes) {
    const id = idOf(scope);
    const from = state.fold.policy.get(id) ?? null;
    const to = wanted.get(id) ?? null;
    if (from?.limit === to?.limit) continue;
    const by = { userId, reason: to ? `set by ${to.origin}` : 'no longer set' };
    drafts.push(policyChange(state, scope, { day: null, from, to: to?.limit ?? null }, by, signer));
  }
  return drafts;
}

/** A signed change of a cap: for one day, or from now on. */
export function policyChange(
  state: LedgerState,
  { scope, key }: ScopeKey,
  { day, from, to }: { day: string | null; from: Cap | null; to: bigint | null },
  by: { userId: string; reason: string },
  signer: Signer,
): RecordDraft {
  const change = {
    scope,
    key,
    day,
    from_micro_usd: from && from.limit.toString(),
    to_micro_usd: to === null ? null : to.toString(),
    user_id: by.userId,
    reason: by.reason,
    key_id: keyIdOf(state.ledgerId, signer.publicKey),
  } satisfies Partial<PolicyChangeRecord>;
  const signature = signer.sign(policyText(state.ledgerId, change));
  return { ...change, kind: 'policy_change', call_id: null, signature };
}
