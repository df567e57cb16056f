import { describe, expect, it } from 'vitest';
import { Approvals, type ApprovalDependencies } from '../../../src/approvals/approvals.ts';
import { requestFileIn, requestFileText } from '../../../src/approvals/requestFile.ts';
import { isDecisionOn, isRequestSigned, signDecision } from '../../../src/approvals/request.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { Signer } from '../../../src/ledger/signing.ts';
import { randomFrom, testSeed } from '../../support/random.ts';
import { openLedger, reserveInput } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const [ada, grace, eve] = [Signer.generate(), Signer.generate(), Signer.generate()];
const approvers = [{ name: 'grace', public_key: grace.publicKey }];
const terms = { kind: 'exception' as const, allows: ['rule:email', 'model:m'] };
const because = { reason: 'JIRA-1 needed for the migration' };
const started = Date.parse('2026-03-10T12:00:00.000Z');
const hour = 3_600_000;

/** A ledger with one record and a clock of its own, and what ada may ask of it. */
async function asked(changes: Partial<ApprovalDependencies> = {}) {
  const clock = { now: started };
  const directory = temporaryFolder();
  const ledger = openLedger(directory, { now: () => clock.now });
  await ledger.reserve('first', reserveInput(1n));
  const approvals = approvalsOf(ledger, directory, changes);
  return { clock, directory, ledger, approvals };
}

function approvalsOf(
  ledger: Ledger,
  directory: string,
  changes: Partial<ApprovalDependencies> = {},
): Approvals {
  return new Approvals({
    ledger,
    directory,
    approvers,
    user: 'ada',
    account: 'ada-account',
    key: () => ada,
    recordable: (reason) => Promise.resolve(reason),
    minReasonLength: 3,
    ...changes,
  });
}

async function approved(changes: Partial<ApprovalDependencies> = {}) {
  const parts = await asked(changes);
  const request = await parts.approvals.ask(terms, because);
  const decision = await parts.approvals.decide(request, { decision: 'approved', reason: 'seen it' }, grace);
  await parts.approvals.take(decision);
  return { ...parts, request, decision };
}

const permits = async (approvals: Approvals, user = 'ada'): Promise<string[]> => [
  ...(await approvals.covering(user, ['rule:email', 'rule:card', 'model:m', 'region:eu'])).keys(),
];

describe('an exception', () => {
  it('allows nothing before it is approved, then what it names, and nothing else', async () => {
    const { approvals } = await asked();
    const request = await approvals.ask(terms, because);
    expect(await permits(approvals)).toEqual([]);
    const decision = await approvals.decide(request, { decision: 'approved', reason: 'seen it' }, grace);
    expect(await permits(approvals)).toEqual([]);
    expect(await approvals.take(decision)).toMatchObject({ state: 'approved' });
    expect(await permits(approvals)).toEqual(['rule:email', 'model:m']);
  });

  it('is for its requester alone, by name and account', async () => {
    const { approvals, ledger, directory } = await approved();
    expect(await permits(approvals, 'bob')).toEqual([]);
    expect(await permits(approvalsOf(ledger, directory, { account: 'other' }))).toEqual([]);
  });

  it('ends with its time, and a clock that is set back doesn’t revive it', async () => {
    const { approvals, ledger, clock } = await approved();
    clock.now = started + 24 * hour - 1_000;
    expect(await permits(approvals)).toHaveLength(2);
    clock.now = started + 25 * hour;
    await ledger.reserve('later', reserveInput(1n));
    expect(await permits(approvals)).toEqual([]);
    clock.now = started;
    expect(await permits(approvals)).toEqual([]);
    expect((await approvals.list())[0]?.state).toBe('expired');
  });

  it('ends when it is revoked', async () => {
    const { approvals, request } = await approved();
    await approvals.revoke(request.request.id, 'no longer needed');
    expect(await permits(approvals)).toEqual([]);
  });

  it('allows nothing once its approver is no longer one', async () => {
    const { ledger, directory } = await approved();
    for (const now of [
      [],
      [{ name: 'grace', public_key: eve.publicKey }],
      [{ name: 'eve', public_key: grace.publicKey }],
    ]) {
      const other = approvalsOf(ledger, directory, { approvers: now });
      expect(await permits(other)).toEqual([]);
      expect((await other.list())[0]?.state).toBe('not_valid');
    }
  });

  it('allows nothing once it was rejected, and can’t be approved then', async () => {
    const { approvals } = await asked();
    const request = await approvals.ask(terms, because);
    const yes = await approvals.decide(request, { decision: 'approved', reason: 'seen it' }, grace);
    await approvals.take(await approvals.decide(request, { decision: 'rejected', reason: 'no need' }, grace));
    await expect(approvals.take(yes)).rejects.toThrow('the request is rejected');
    expect(await permits(approvals)).toEqual([]);
  });

  it.each([
    ['a key that nobody enrolled', approvers, eve, 'not one of compliance.approvers'],
    [
      'the requester’s key under another name',
      [{ name: 'bob', public_key: ada.publicKey }],
      ada,
      'their own',
    ],
    [
      'another key under the requester’s name',
      [{ name: 'Ada', public_key: eve.publicKey }],
      eve,
      'their own',
    ],
    ['a key of the account', [{ name: 'account:ada-account', public_key: eve.publicKey }], eve, 'their own'],
    [
      'another key of whoever the requester’s key belongs to',
      [
        { name: 'bob', public_key: ada.publicKey },
        { name: 'bob', public_key: eve.publicKey },
      ],
      eve,
      'their own',
    ],
  ])('isn’t approved by %s, even where it is written into the ledger', async (_, people, signer, words) => {
    const { approvals, ledger } = await asked({ approvers: people });
    const request = await approvals.ask(terms, because);
    const decide = approvals.decide(request, { decision: 'approved', reason: 'mine' }, signer);
    await expect(decide).rejects.toThrow(words);
    const name = people.find(({ public_key: one }) => one === signer.publicKey)?.name ?? 'eve';
    const forged = signDecision(request, { decision: 'approved', approver: name, reason: 'mine' }, signer);
    await expect(approvals.take(forged)).rejects.toThrow('not accepted');
    const ledgerId = request.request.ledger_id;
    await ledger.note({ callId: null, ledgerId }, { topic: 'approval.decision', data: forged });
    expect(await permits(approvals)).toEqual([]);
  });

  it.each([
    ['at once', '2026-03-10T12:00:00.000Z'],
    ['after more than thirty days', '2026-04-09T12:00:00.001Z'],
  ])('can’t end %s', async (_, until) => {
    const { approvals, ledger } = await asked();
    const before = await ledger.head();
    await expect(approvals.ask(terms, { ...because, until })).rejects.toThrow('at most 30 days');
    expect(await ledger.head()).toEqual(before);
  });

  it.each([['rule:*'], ['secret'], ['rule:'], ['all:secrets'], ['class:secret']])(
    'can’t name %s',
    async (all) => {
      const { approvals, ledger } = await asked();
      const before = await ledger.head();
      const asking = approvals.ask({ kind: 'exception', allows: [all] }, because);
      await expect(asking).rejects.toMatchObject({
        code: 'invalid_request',
        message: expect.stringContaining('allows.0') as string,
      });
      expect(await ledger.head()).toEqual(before);
    },
  );
});

describe('a signed file', () => {
  it('is read back as it was written', async () => {
    const { request, decision } = await approved();
    const { decided, ...signed } = requestFileIn(requestFileText(request, decision), 'x.json');
    expect(signed.request).toEqual(request.request);
    expect(decided).toEqual(decision);
    expect(isRequestSigned(signed)).toBe(true);
  });

  it('with any altered byte is refused, or says the same', async () => {
    const { request, decision } = await approved();
    const text = requestFileText(request, decision);
    const random = randomFrom(testSeed());
    const bytes = Buffer.from(text);
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const altered = Buffer.from(bytes);
      altered[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 7));
      if (isAccepted(altered.toString('utf8'), text)) continue;
      refused += 1;
    }
    // White space between members is all that may change.
    expect(refused).toBeGreaterThan(text.replace(/\s/g, '').length - 1);
  });

  /** Throws where another content than the original is accepted. */
  function isAccepted(altered: string, original: string): boolean {
    try {
      const { decided, ...signed } = requestFileIn(altered, 'x.json');
      if (!decided || !isRequestSigned(signed) || !isDecisionOn(signed, decided)) return false;
    } catch {
      return false;
    }
    expect(JSON.parse(altered)).toEqual(JSON.parse(original));
    return true;
  }
});
