import type { Approvals, ListedRequest } from '../approvals/approvals.ts';
import { subjectHash } from '../content/contentKeys.ts';
import type { ContentStore } from '../content/contentStore.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { Anchoring } from '../ledger/anchors.ts';
import { idOf, type Cap } from '../ledger/budgetFold.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import type { CapOf } from '../ledger/capSettings.ts';
import type { LedgerAdministration, LedgerReader } from '../ledger/contract.ts';
import type { LedgerLocation } from '../ledger/readJournal.ts';
import { requireReason } from '../ledger/reason.ts';
import type { ScopeKey } from '../ledger/records.ts';
import { reopenLedger } from '../ledger/reopenLedger.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import { userCapKey, userNameFault, userNameOf } from '../userName.ts';
import { workspaceKey } from '../workspaceKey.ts';
import type { Core } from './core.ts';

export interface AdministrationDependencies {
  ledger: LedgerReader & LedgerAdministration;
  journal: LedgerLocation;
  anchoring: Anchoring;
  content: Pick<ContentStore, 'erase'>;
  /** Cached answers. */
  answers: { erase(subject: string): Promise<void> };
  /** The chat's conversations. */
  conversations: { erase(subject: string): Promise<void> };
  /** Runs of workflows. */
  workflowRuns: { erase(subject: string): Promise<void> };
  /** Calls of workflows in the team's database. */
  sharedCalls: { erase(subject: string): Promise<void> };
  catalogue: ModelCatalogue;
  capOf: CapOf;
  budget: () => Promise<BudgetStatus>;
  /** The person who decides. */
  user: string;
  approvals: Approvals;
  /** Whether a cap is raised only with the approval of a second person. */
  twoPersons: boolean;
  minReasonLength: number;
}

/** A person's decisions on budget, ledger and content, each with a recorded reason. */
export function administration({
  ledger,
  journal,
  anchoring,
  content,
  answers,
  conversations,
  workflowRuns,
  sharedCalls,
  catalogue,
  capOf,
  budget,
  user,
  approvals,
  twoPersons,
  minReasonLength,
}: AdministrationDependencies): Pick<
  Core,
  'raiseCap' | 'takeDecision' | 'eraseContent' | 'reopenLedger' | 'acknowledgeOverruns'
> {
  const because = (reason: string) => ({ userId: user, reason: requireReason(reason, { minReasonLength }) });
  return {
    raiseCap: async (asked, reason) => {
      const cap = { ...asked, key: await keyOf(asked, catalogue) };
      const by = because(reason);
      const before = (await budget()).caps.find((one) => idOf(one) === idOf(cap));
      const limit = before?.limit ?? capOf(cap)?.limit;
      if (limit === undefined || cap.limit <= limit) throw notHigher(cap, limit);
      if (!twoPersons) return { receipt: await ledger.raiseCap(cap, by), request: null };
      const { day } = await budget();
      const terms = { kind: 'budget_raise' as const, scope: cap.scope, key: cap.key, day };
      const request = await approvals.ask({ ...terms, limit_micro_usd: cap.limit.toString() }, { reason });
      return { receipt: request.receipt, request };
    },
    takeDecision: async (signed, about) => {
      const before = await approvals.find(signed.decision.id);
      // A process that ended between the approval and its effect left the effect to be done.
      const again = before.state === 'approved' && before.request.terms.kind === 'budget_raise';
      const taken = again ? before : await approvals.take(signed, about);
      await raiseIfApproved(taken, { ledger, budget });
      return taken;
    },
    eraseContent: async (subject, reason) => {
      // Nothing is erased if its record would be refused.
      const { userId, reason: why } = because(reason);
      await eraseShared(sharedCalls, subject);
      const erase = (name: string) =>
        content.erase(name, async (count) => {
          // All is unreadable already, without the key: files that can't be deleted don't prevent the record.
          await answers.erase(name).catch(() => undefined);
          await conversations.erase(name).catch(() => undefined);
          await workflowRuns.erase(name).catch(() => undefined);
          const subject_sha256 = subjectHash(name);
          return ledger.tombstone({ subject_sha256, items: count, user_id: userId, reason: why });
        });
      const { items, recorded } = await erase(subject);
      if (userNameFault(subject) !== null || userNameOf(subject) === subject)
        return { items, receipt: recorded };
      // Records of earlier versions have names that aren't normalised.
      const inOneForm = await erase(userNameOf(subject));
      return { items: items + inOneForm.items, receipt: inOneForm.recorded };
    },
    reopenLedger: (reason, options) =>
      reopenLedger({ ledger, journal, anchoring }, { userId: user, reason }, options),
    acknowledgeOverruns: async (reason) => ledger.acknowledgeOverruns({ userId: user, reason }),
  };
}

/** First, because its texts have no key that goes. Throws `service_failed`. */
async function eraseShared(
  sharedCalls: AdministrationDependencies['sharedCalls'],
  subject: string,
): Promise<void> {
  const names = [subject, ...(userNameFault(subject) === null ? [userNameOf(subject)] : [])];
  try {
    for (const name of names) await sharedCalls.erase(name);
  } catch (error) {
    throw new GatewayError(
      'service_failed',
      `Nothing was erased, because the team’s database may have calls of workflows. ${messageOf(error)}`,
      {
        hint: 'Erase again when the database answers, or without postgres.host in the settings.',
        cause: error,
      },
    );
  }
}

/** Raises the cap that an approved request asks for, for the day that it names. */
async function raiseIfApproved(
  { request, decided, state }: ListedRequest,
  { ledger, budget }: Pick<AdministrationDependencies, 'ledger' | 'budget'>,
): Promise<void> {
  const { terms, id } = request;
  if (terms.kind !== 'budget_raise' || state !== 'approved') return;
  const { day } = await budget();
  if (day !== terms.day)
    throw new GatewayError(
      'invalid_request',
      `The cap was to be raised for ${terms.day}, and it is ${day}.`,
      {
        hint: 'The approval is recorded and raises nothing. Ask again: tidyllm budget raise.',
      },
    );
  const { scope, key, limit_micro_usd: limit } = terms;
  const reason = `${request.reason} (request ${id}, approved by ${decided?.decision.approver ?? ''})`;
  await ledger.raiseCap(
    { scope, key, limit: BigInt(limit) },
    { userId: request.user_id, reason: reason.slice(0, 1000) },
  );
}

/** The name a cap is stored under, for any spelling. */
async function keyOf({ scope, key }: ScopeKey, catalogue: ModelCatalogue): Promise<string> {
  if (scope === 'workspace') return workspaceKey(key);
  if (scope === 'user') return userCapKey(key);
  if (scope !== 'model') return key;
  await catalogue.learn(key);
  return catalogue.capKeyOf(key);
}

function notHigher({ limit, ...scope }: Cap, before: bigint | undefined): GatewayError {
  const what = scope.scope === 'ledger' ? 'The day' : `The ${scope.scope} ${scope.key}`;
  return before === undefined
    ? new GatewayError('invalid_request', `${what} has no cap to raise.`, {
        hint: `Caps are budget.daily_limit_usd and budget.per_${scope.scope}_usd of settings.yaml.`,
      })
    : new GatewayError(
        'invalid_request',
        `${what} already has a cap of ${formatUsd(before)}; ${formatUsd(limit)} is not higher.`,
      );
}
