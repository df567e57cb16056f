import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { subjectHash } from '../../src/content/contentKeys.ts';
import type { KeptContent } from '../../src/content/contentStore.ts';
import type { CallOptions, LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';

const prompt = 'mail grace@example.com the key AKIAQ3EXAMPLE7654321 @stand-in:text=told grace@example.com';

/** What is found in a request leaves as it is: here it is about what is kept of it. */
const leaves = { TIDYLLM_COMPLIANCE_SECRETS: 'allow', TIDYLLM_COMPLIANCE_PERSONAL_DATA: 'allow' };

function ask(
  { core }: TestGateway,
  request: Partial<LlmRequest> = {},
  options?: CallOptions,
): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  return gateway.execute({ prompt, auditReason: 'JIRA-1 content', ...request }, options);
}

function keeping(policy: string): Promise<TestGateway> {
  return gatewayOnStandIn({ ...leaves, TIDYLLM_AUDIT_CONTENT: policy });
}

/** What was kept of a call of ada's today. */
async function keptOf({ core }: TestGateway, callId = ''): Promise<KeptContent | null> {
  return core.content.read('ada', (await core.budget()).day, callId);
}

/** Everything under the home, as one text. */
function everythingIn(home: string): string {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

function environmentOf(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(AWS_|TIDYLLM_)/.test(name)),
  ) as Record<string, string>;
}

describe('with audit.content', () => {
  it('none, nothing of a call is kept, not even a hash', async () => {
    const gateway = await keeping('none');
    const { auditTrail } = await ask(gateway);
    expect(await recordsOf(gateway.core, 'RESERVE')).toMatchObject([{ request_hmac: null }]);
    expect(await recordsOf(gateway.core, 'SETTLE')).toMatchObject([{ response_hmac: null }]);
    expect(await keptOf(gateway, auditTrail?.callId)).toBeNull();
    expect(readdirSync(gateway.home)).not.toContain('content');
  });

  it('hash, only keyed hashes are kept', async () => {
    const gateway = await keeping('hash');
    const { auditTrail } = await ask(gateway);
    expect(await recordsOf(gateway.core, 'RESERVE')).toMatchObject([{ request_hmac: expect.any(String) }]);
    expect(await keptOf(gateway, auditTrail?.callId)).toBeNull();
    expect(everythingIn(gateway.home)).not.toMatch(/grace|AKIA|told/);
  });

  it('redacted, the text is kept without secrets and personal data; Bedrock gets it as it was', async () => {
    const gateway = await keeping('redacted');
    const { auditTrail, content } = await ask(gateway);
    expect(content).toBe('told grace@example.com');
    expect(gateway.standIn.calls[0]?.body.messages?.[0]?.content?.[0]?.text).toBe(prompt);
    expect(await keptOf(gateway, auditTrail?.callId)).toMatchObject({
      policy: 'redacted',
      request: { messages: [{ content: 'mail [email] the key [aws key] @stand-in:text=told [email]' }] },
      answer: 'told [email]',
    });
    expect(everythingIn(gateway.home)).not.toMatch(/grace|AKIA|told/);
  });

  it('full, the text is kept as it was, sealed, and its hashes are those of the records', async () => {
    const gateway = await keeping('full');
    const { auditTrail } = await ask(gateway, { system: 'be brief' });
    const kept = await keptOf(gateway, auditTrail?.callId);
    expect(kept).toMatchObject({
      policy: 'full',
      request: { system: 'be brief', messages: [{ role: 'user', content: prompt }] },
      answer: 'told grace@example.com',
    });
    const [reserved] = await recordsOf(gateway.core, 'RESERVE');
    const [settled] = await recordsOf(gateway.core, 'SETTLE');
    expect([kept?.requestHmac, kept?.responseHmac]).toEqual([reserved?.request_hmac, settled?.response_hmac]);
    expect(everythingIn(gateway.home)).not.toMatch(/grace|AKIA|told|brief/);
  });

  it('full, the request is on the disk before it leaves, and what arrived of a broken answer after', async () => {
    const gateway = await keeping('full');
    const under = ask(gateway, { prompt: '@stand-in:gate' });
    await expect.poll(() => gateway.standIn.calls.length).toBe(1);
    const callId = gateway.standIn.calls[0]?.metadata['tidyllm_call_id'] ?? '';
    expect(await keptOf(gateway, callId)).toMatchObject({ answer: null });
    gateway.standIn.openGate();
    await under;
    const cut = await ask(gateway, { prompt: '@stand-in:cut' });
    expect(cut.content).not.toBe('');
    const kept = await keptOf(gateway, cut.auditTrail?.callId);
    expect(kept?.answer).toBe(cut.content);
  });

  it('full, it lies under the day of its RESERVE, also when the clock was set back since', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const gateway = await keeping('full');
    await ask(gateway);
    vi.setSystemTime(Date.now() - 2 * 86_400_000);
    const { auditTrail } = await ask(gateway);
    const [first, second] = await recordsOf(gateway.core, 'RESERVE');
    expect(second?.day).toBe(first?.day);
    expect(readdirSync(join(gateway.home, 'content')).sort()).toEqual([first?.day, 'keys']);
    const show = ['audit', 'show', auditTrail?.callId ?? '', '--content'];
    const { document } = await tidyllmJson(show, { environment: environmentOf() });
    expect(document['content']).toMatchObject({ state: 'kept', matches_records: true });
  });
});

describe('content that can’t be kept', () => {
  it('is not sent: the reservation is released and the call refused', async () => {
    const gateway = await keeping('full');
    mkdirSync(join(gateway.home, 'content'));
    const today = (await gateway.core.budget()).day;
    writeFileSync(join(gateway.home, 'content', today), 'not a folder');
    const response = await ask(gateway);
    expect(response).toMatchObject({ status: 'failed', cost: 0n, gatewayTracked: true });
    expect(response.error).toMatchObject({ code: 'content_unavailable', exitCode: 7 });
    expect(gateway.standIn.calls).toHaveLength(0);
    expect(await recordsOf(gateway.core, 'VOID')).toMatchObject([{ error_code: 'content_unavailable' }]);
    expect(await gateway.core.budget()).toMatchObject({ spent: 0n, reserved: 0n });
  });

  it('is not sent without its key either, and the refusal is recorded', async () => {
    const gateway = await keeping('hash');
    mkdirSync(join(gateway.home, 'content', 'keys', `${subjectHash('ada')}.key`), { recursive: true });
    const response = await ask(gateway);
    expect(response.error).toMatchObject({ code: 'content_unavailable', exitCode: 7 });
    expect(gateway.standIn.calls).toHaveLength(0);
    expect(await recordsOf(gateway.core, 'REFUSE')).toMatchObject([{ error_code: 'content_unavailable' }]);
  });

  it('as an answer is settled at its cost all the same, and the response says so', async () => {
    const gateway = await keeping('full');
    const under = ask(gateway, { prompt: '@stand-in:gate' });
    await expect.poll(() => gateway.standIn.calls.length).toBe(1);
    const callId = gateway.standIn.calls[0]?.metadata['tidyllm_call_id'] ?? '';
    // A folder that isn't empty, where the file has to go.
    const own = join(gateway.home, 'content', (await gateway.core.budget()).day, subjectHash('ada'));
    rmSync(join(own, `${callId}.enc`));
    mkdirSync(join(own, `${callId}.enc`, 'in-the-way'), { recursive: true });
    gateway.standIn.openGate();
    const response = await under;
    expect(response).toMatchObject({ success: false, status: 'incomplete', costEstimated: false });
    expect(response.error).toMatchObject({ code: 'content_unavailable', exitCode: 7 });
    expect(response.cost).toBeGreaterThan(0n);
    expect(await recordsOf(gateway.core, 'SETTLE')).toMatchObject([
      { outcome: 'incomplete', error_code: 'content_unavailable', response_hmac: null, estimated: false },
    ]);
    expect((await gateway.core.budget()).spent).toBe(response.cost);
  });
});

describe('tidyllm audit erase', () => {
  it('erases what was kept of a subject; the chain verifies and the tombstone says how much', async () => {
    const gateway = await keeping('full');
    const { auditTrail } = await ask(gateway, { userId: 'grace' });
    const callId = auditTrail?.callId ?? '';
    const environment = environmentOf();
    const shown = await tidyllmJson(['audit', 'show', callId, '--content'], { environment });
    expect(shown.document['content']).toMatchObject({
      state: 'kept',
      policy: 'full',
      messages: [{ role: 'user', content: prompt }],
      answer: 'told grace@example.com',
      matches_records: true,
    });

    const unsure = await tidyllm(['audit', 'erase', '--subject', 'grace', '--reason', 'GDPR-7'], {
      environment,
    });
    expect(unsure).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    const erase = ['audit', 'erase', '--subject', 'grace', '--reason', 'GDPR-7 her request', '--yes'];
    const erased = await tidyllmJson(erase, { environment });
    expect(erased).toMatchObject({ code: 0, document: { subject: 'grace', items: 1 } });
    expect(await recordsOf(gateway.core, 'tombstone')).toMatchObject([
      { subject_sha256: subjectHash('grace'), items: 1, reason: 'GDPR-7 her request' },
    ]);
    expect(await verifyLedger(gateway.core.journal)).toMatchObject({ ok: true });

    const gone = await tidyllmJson(['audit', 'show', callId, '--content'], { environment });
    expect(gone.document['content']).toMatchObject({ state: 'erased', erased: expect.any(String) });
    expect(await tidyllm(erase, { environment })).toMatchObject({ code: 2 });
    expect(readdirSync(gateway.home, { recursive: true }).join()).not.toContain(subjectHash('grace'));
  });

  it('shows that nothing was kept, and needs a reason', async () => {
    const gateway = await keeping('hash');
    const { auditTrail } = await ask(gateway);
    const environment = environmentOf();
    const { stdout } = await tidyllm(['audit', 'show', auditTrail?.callId ?? '', '--content'], {
      environment,
    });
    expect(stdout).toContain('This call’s prompt and answer were not stored');
    const erase = await tidyllm(['audit', 'erase', '--subject', 'ada', '--yes'], { environment });
    expect(erase.code).toBe(4);
  });
});
