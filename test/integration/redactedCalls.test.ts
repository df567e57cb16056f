import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { Screening } from '../../src/compliance/screening.ts';
import type { AnswerEvent, LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';

const email = 'ada.lovelace@example.com';
const card = '4111 1111 1111 1111';
const key = `AKIA${'Z7QX2MNB'.repeat(2)}`;

function ask(
  { core }: TestGateway,
  request: Partial<LlmRequest>,
  told: AnswerEvent[] = [],
): Promise<LlmResponse> {
  return core.registry
    .calls()
    .execute({ auditReason: 'JIRA-1 redaction', ...request }, { onEvent: (event) => told.push(event) });
}

function sentTo({ standIn }: TestGateway): string {
  return JSON.stringify(standIn.calls.map(({ body, invoked }) => [body, invoked]));
}

function everythingIn(home: string): string {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

describe('a call that is searched', () => {
  it('can be stopped meanwhile, and is recorded as stopped', async () => {
    const gateway = await gatewayOnStandIn({
      TIDYLLM_COMPLIANCE_PATTERNS: '(a+)+!',
      TIDYLLM_COMPLIANCE_DEADLINE_MS: '60000',
    });
    const stop = new AbortController();
    const request = { prompt: `${'a'.repeat(60)}?`, auditReason: 'JIRA-1 stop' };
    const begun = Promise.withResolvers<unknown>();
    const { compliance } = gateway.core;
    const find = compliance.find.bind(compliance);
    vi.spyOn(compliance, 'find').mockImplementation((...asked) => {
      begun.resolve(null);
      return find(...asked);
    });
    const response = gateway.core.registry.calls().execute(request, { signal: stop.signal });
    // Its pattern takes hours on this text.
    await begun.promise;
    stop.abort();
    const { error } = await response;
    expect(error, error?.message).toMatchObject({ code: 'cancelled' });
    expect(gateway.standIn.calls).toEqual([]);
    expect(await recordsOf(gateway.core, 'REFUSE')).toMatchObject([{ error_code: 'cancelled' }]);
  }, 30_000);

  it('has its reason searched once, whether it is made or refused', async () => {
    const gateway = await gatewayOnStandIn();
    const searched = vi.spyOn(gateway.core.compliance as Screening, 'recordable');
    expect(await ask(gateway, { prompt: 'hello', auditReason: `JIRA-1 for ${email}` })).toMatchObject({
      success: true,
    });
    expect(searched).toHaveBeenCalledTimes(1);
    expect(await ask(gateway, { prompt: `Use ${key}` })).toMatchObject({ success: false });
    expect(searched).toHaveBeenCalledTimes(2);
    const [made] = await recordsOf(gateway.core, 'RESERVE');
    expect(made?.reason).toBe('JIRA-1 for [email]');
  });
});

describe('a call with personal data', () => {
  it('reaches the model without it, and the answer gets it back while it streams', async () => {
    const gateway = await gatewayOnStandIn();
    const told: AnswerEvent[] = [];
    const response = await ask(gateway, { prompt: `@stand-in:text=Write to ${email} about ${card}` }, told);
    expect(sentTo(gateway)).not.toContain(email);
    expect(sentTo(gateway)).not.toContain('4111');
    expect(sentTo(gateway)).toMatch(/Write to \[EMAIL-\w{3}\] about \[CARD-\w{3}\]/);
    expect(response.content).toContain(`Write to ${email} about ${card}`);
    expect(told.map((event) => (event.type === 'text' ? event.text : '')).join('')).toBe(response.content);
    expect(response.compliance).toMatchObject({
      decision: 'redact',
      findings: [
        { rule: 'email', class: 'personal_data', count: 1 },
        { rule: expect.any(String), class: 'personal_data', count: 1 },
      ],
    });
    const notes = await recordsOf(gateway.core, 'note');
    expect(notes.find(({ topic }) => topic === 'compliance.request')?.data).toMatchObject({
      decision: 'redact',
      levels: ['enterprise'],
    });
  });

  it('reaches it in no part of a rich request, however often a value is there', async () => {
    const gateway = await gatewayOnStandIn();
    const people = Array.from({ length: 12 }, (_, index) => `person.${index}@mail.example.com`);
    const [a, b, c, d, e, f, g, h, i, j, k, l] = people as [string, ...string[]];
    const response = await ask(gateway, {
      system: [{ type: 'text', text: `You work for ${a}.` }],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: `Ask ${b}` },
            {
              type: 'document',
              title: `Notes of ${c ?? ''}`,
              context: `from ${d ?? ''}`,
              source: { type: 'text', media_type: 'text/plain', data: `${e ?? ''}\n${a}` },
            },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: `about ${f ?? ''}` },
            { type: 'tool_use', id: 't1', name: 'send', input: { to: [g ?? ''], [`x ${h ?? ''}`]: 1 } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 't1',
              content: [
                { type: 'text', text: `sent to ${i ?? ''}` },
                { type: 'json', json: { to: j ?? '' } },
              ],
            },
          ],
        },
      ],
      tools: [
        {
          name: 'send',
          description: `Sends mail, for example to ${k ?? ''}`,
          input_schema: { type: 'object', properties: { to: { description: `such as ${l ?? ''}` } } },
        },
      ],
    });
    expect(response.error).toBeNull();
    const sent = sentTo(gateway);
    for (const person of people) expect(sent).not.toContain(person);
    // Reasoning without a signature isn't sent at all.
    expect(new Set(sent.match(/\[EMAIL-\w+\]/g)).size).toBe(people.length - 1);
    expect(everythingIn(gateway.home)).not.toContain('mail.example.com');
  });

  it('has the same placeholders in each call of a conversation, and others in another', async () => {
    const gateway = await gatewayOnStandIn();
    for (const conversation of ['one', 'one', 'two'])
      await ask(gateway, { prompt: `Write to ${email}`, conversation, cache: false });
    const names = gateway.standIn.calls.map(({ body }) => /\[EMAIL-\w{3}\]/.exec(JSON.stringify(body))?.[0]);
    expect(names[0]).toBe(names[1]);
    expect(names[0]).not.toBe(names[2]);
  });

  it('is cached without it, and the cached answer gets it back', async () => {
    const gateway = await gatewayOnStandIn({ TIDYLLM_AUDIT_CONTENT: 'full', TIDYLLM_CACHE_ENABLED: 'true' });
    const request = { prompt: `@stand-in:text=Write to ${email}`, conversation: 'one', cache: true };
    const first = await ask(gateway, request);
    const second = await ask(gateway, request);
    expect(second).toMatchObject({ cacheHit: true, content: first.content });
    expect(second.content).toContain(email);
    const { day } = await gateway.core.budget();
    const kept = await gateway.core.content.read('ada', day, first.auditTrail?.callId ?? '');
    expect(JSON.stringify(kept)).not.toContain(email);
  });

  it('has none of it in its reason either, where it could not be erased', async () => {
    const gateway = await gatewayOnStandIn();
    const auditReason = `JIRA-1 for ${email} with ${key}`;
    await ask(gateway, { prompt: 'hello', auditReason });
    await ask(gateway, { prompt: 'hello', auditReason, modelId: 'no-such-model' });
    expect(await recordsOf(gateway.core, 'RESERVE')).toMatchObject([
      { reason: expect.stringMatching(/^JIRA-1 for \[email\] with \[[a-z_]+\]$/) as string },
    ]);
    expect(await recordsOf(gateway.core, 'REFUSE')).toMatchObject([
      { reason: expect.stringContaining('[email]') as string },
    ]);
    for (const value of [email, key]) expect(everythingIn(gateway.home)).not.toContain(value);
  });

  it('is found in JSON that a tool gave as text, and in the characters of typesetting', async () => {
    const gateway = await gatewayOnStandIn();
    const written = JSON.stringify({ content: `line one\n4111 1111 1111 1111\n${email}\tend` });
    const response = await ask(gateway, { prompt: `${written} and 4111\u00a01111\u00a01111\u00a01111` });
    expect(response.compliance?.decision).toBe('redact');
    expect(sentTo(gateway)).not.toMatch(/1111|lovelace/);
    expect(sentTo(gateway)).toContain(String.raw`\\n[CARD-`);
  });

  it('leaves none of it on disk', async () => {
    const gateway = await gatewayOnStandIn({ TIDYLLM_AUDIT_CONTENT: 'hash' });
    await ask(gateway, { prompt: `@stand-in:text=Write to ${email} about ${card}` });
    expect(everythingIn(gateway.home)).not.toContain(email);
    expect(everythingIn(gateway.home)).not.toContain(card);
  });
});

describe('what a question would send', () => {
  it('has the placeholders that it is sent with, and says what would be kept back', async () => {
    const gateway = await gatewayOnStandIn();
    const { chat } = gateway.core;
    const look = async (prompt: string) =>
      chat.preview(
        await chat.mode('direct'),
        { folders: [] },
        { prompt, auditReason: 'JIRA-1 preview', conversation: 'one' },
      );
    const { sent, policy } = await look(`Write to ${email}`);
    expect(policy).toBe('redacts email');
    await ask(gateway, { prompt: `Write to ${email}`, conversation: 'one' });
    const [shown] = /Write to \[EMAIL-\w{3}\]/.exec(JSON.stringify(sent)) ?? [];
    expect(sentTo(gateway)).toContain(shown);
    expect((await look(`Use ${key}`)).policy).toMatch(/^Policy keeps this request back: aws/);
    expect((await look('Why?')).policy).toBe('nothing was found');
  });
});

describe('a call with a secret', () => {
  it('is kept back, recorded with what was found, and costs nothing', async () => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, { prompt: `Use ${key}` });
    expect(response).toMatchObject({ success: false, status: 'refused', cost: 0n, gatewayTracked: true });
    expect(response.error).toMatchObject({ code: 'compliance_blocked', exitCode: 8 });
    expect(response.compliance).toMatchObject({
      decision: 'block',
      findings: [{ class: 'secret', count: 1 }],
    });
    expect(gateway.standIn.calls).toHaveLength(0);
    expect(await recordsOf(gateway.core, 'REFUSE')).toMatchObject([{ error_code: 'compliance_blocked' }]);
    const notes = await recordsOf(gateway.core, 'note');
    expect(notes.find(({ topic }) => topic === 'compliance.request')?.data).toMatchObject({
      decision: 'block',
      findings: [{ class: 'secret', count: 1 }],
    });
    expect(everythingIn(gateway.home)).not.toContain(key);
  });

  it('is sent without it, for good, where the caller asks for that', async () => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, { prompt: `@stand-in:text=Use ${key}`, redact: true });
    expect(response.success).toBe(true);
    expect(response.content).toContain('Use [SECRET]');
    expect(sentTo(gateway)).not.toContain(key);
  });

  it('ends the command with 8, and says where and how to go on', async () => {
    const gateway = await gatewayOnStandIn();
    const environment = { ...(process.env as Record<string, string>) };
    const blocked = await tidyllm(['chat', '--reason', 'JIRA-1 keys', `Use ${key}`], { environment });
    expect(blocked.code).toBe(8);
    expect(blocked.stderr).toMatch(/aws.* in message 1, line 1, column 5/);
    expect(blocked.stderr).not.toContain(key);
    const { code, document } = await tidyllmJson(
      ['chat', '--reason', 'JIRA-1 keys', '--redact', `@stand-in:text=Use ${key}`],
      { environment },
    );
    expect(code).toBe(0);
    expect(document).toMatchObject({ compliance: { decision: 'redact', findings: [{ class: 'secret' }] } });
    expect(sentTo(gateway)).not.toContain(key);
  });
});

it('a caller that fails over each piece of an answer has the call settled all the same', async () => {
  const { core } = await gatewayOnStandIn();
  const response = await core.registry.calls().execute(
    { prompt: '@stand-in:halves=a😀b😀', auditReason: 'JIRA-1 failing caller' },
    {
      onEvent: () => {
        throw new Error('the view is gone');
      },
    },
  );
  expect(response).toMatchObject({ success: false, gatewayTracked: true });
  expect(await recordsOf(core, 'SETTLE')).toHaveLength(1);
  expect(await core.budget()).toMatchObject({ reserved: 0n });
});
