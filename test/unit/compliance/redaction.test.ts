import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { restored, Restorer } from '../../../src/compliance/restorer.ts';
import { Placeholders } from '../../../src/compliance/placeholders.ts';
import { ComplianceBlocked, Screening } from '../../../src/compliance/screening.ts';
import { textOf, type JsonObject, type RequestContent } from '../../../src/content/messages.ts';
import { findingsIn } from '../../../src/detection/detect.ts';
import type { SearchedText } from '../../../src/detection/finding.ts';
import { settingsSchema } from '../../../src/settings/schema.ts';
import { randomFrom, testSeed } from '../../support/random.ts';

const email = 'ada.lovelace@example.com';
const card = '4111 1111 1111 1111';
const key = `AKIA${'Z7QX2MNB'.repeat(2)}`;
const options = { key: Buffer.alloc(32, 1) };

function screening(compliance: object = {}, late = false): Screening {
  const detector = {
    start: () => undefined,
    find: (texts: readonly SearchedText[]) =>
      Promise.resolve(late ? null : texts.map((one) => findingsIn(one, []))),
  };
  return new Screening(settingsSchema.parse({ compliance }).compliance, detector, {
    retentionDays: 400,
  });
}

function asking(text: string): RequestContent {
  return { system: null, messages: [{ role: 'user', content: text }] };
}

describe('a placeholder', () => {
  it('is the same for a value in each call of a conversation, and another with another key', () => {
    const name = (seed: number): string =>
      new Placeholders(Buffer.alloc(32, seed)).reversible('EMAIL', email);
    expect(name(1)).toBe(name(1));
    expect(name(1)).toMatch(/^\[EMAIL-[0-9A-Z]{3}\]$/);
    expect(name(1)).not.toBe(name(2));
  });

  it('differs for each of 4,000 values, and has no more bytes than its value', () => {
    const placeholders = new Placeholders(randomBytes(32));
    const names = Array.from({ length: 4_000 }, (_, index) => {
      const value = `${index}@mail.example.com`;
      const name = placeholders.reversible('EMAIL', value);
      expect(name.length).toBeLessThanOrEqual(value.length);
      return name;
    });
    expect(new Set(names).size).toBe(names.length);
    expect(placeholders.reversible('EMAIL', 'a@b.co').length).toBeLessThanOrEqual(6);
  });
});

describe('an answer that arrives in pieces', () => {
  const values = new Map([
    ['[EMAIL-7K2]', email],
    ['[CARD-0AB]', card],
    ['[EMAIL-7K3]', 'grace@example.org'],
  ]);
  const answer = 'To [EMAIL-7K2][CARD-0AB], not [EMAIL-, [[EMAIL-7K3]] nor [EMAIL-7KX] or 🙂[EMAIL-7K2';

  it('is restored as in one piece, wherever it is cut in two', () => {
    for (let cut = 0; cut <= answer.length; cut += 1) {
      const restorer = new Restorer(values);
      const all = restorer.push(answer.slice(0, cut)) + restorer.push(answer.slice(cut)) + restorer.end();
      expect(all).toBe(restored(answer, values));
    }
  });

  it('is restored when it comes character by character, and holds back only what may be a placeholder', () => {
    const restorer = new Restorer(values);
    let all = '';
    for (const unit of answer.split('')) all += restorer.push(unit);
    expect(all + restorer.end()).toBe(restored(answer, values));
    expect(new Restorer(values).push('a [b] [EMA')).toBe('a [b] ');
    expect(new Restorer(values).push('a [b')).toBe('a [b');
  });
});

describe('a redacted request', () => {
  it('comes back as it was, for texts with values anywhere', async () => {
    const random = randomFrom(testSeed());
    const parts = [
      email,
      card,
      'grace@example.org',
      ' ',
      '\n',
      '🙂',
      '[',
      ']',
      '[EMAIL-',
      'word',
      ',',
      '81.2.69.142',
    ];
    for (let round = 0; round < 300; round += 1) {
      const text = Array.from({ length: 12 }, () => parts[Math.floor(random() * parts.length)]).join('');
      const { content, placeholders } = await screening().screen(asking(text), options);
      const sent = content.messages.map((message) => textOf(message.content)).join('');
      expect(restored(sent, placeholders)).toBe(text);
      for (const value of placeholders.values()) expect(sent).not.toContain(value);
    }
  });

  it('has a value replaced in every part, also where no rule would find it', async () => {
    const request: RequestContent = {
      system: `Write to ${email}`,
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'document',
              title: email,
              source: { type: 'text', media_type: 'text/plain', data: email },
            },
          ],
        },
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 't1', name: 'send', input: { [email]: [email] } }],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 't1',
              content: [{ type: 'json', json: { to: `x${email}x` } }],
            },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'document',
              source: {
                type: 'base64',
                media_type: 'text/csv',
                data: Buffer.from(`a,${email}`).toString('base64'),
              },
            },
          ],
        },
      ],
      tools: [{ name: 'send', description: email, input_schema: { enum: [email] } }],
      stop_sequences: [email],
      output_schema: { schema: { const: email } },
      additional_fields: { to: email },
    };
    const { content, decision, findings } = await screening().screen(request, options);
    expect(JSON.stringify(content)).not.toContain(email);
    expect(JSON.stringify(content)).not.toContain(Buffer.from(email).toString('base64').slice(0, 12));
    expect(decision).toBe('redact');
    expect(findings).toEqual([{ rule: 'email', class: 'personal_data', count: expect.any(Number) }]);
  });

  it('leaves what a person typed like a placeholder, and short values of other texts, as they are', async () => {
    const first = await screening().screen(asking(email), options);
    const [placeholder = ''] = [...first.placeholders.keys()];
    const typed = `${placeholder} stands for ${email}`;
    const { content, placeholders } = await screening().screen(asking(typed), options);
    const sent = content.messages.map((message) => textOf(message.content)).join('');
    expect(restored(sent, placeholders)).toBe(typed);
    const short: RequestContent = {
      system: 'mysql://root:string@db.example.com/app',
      messages: [{ role: 'user', content: 'Which type is "string"?' }],
    };
    const redacted = await screening({ secrets: 'redact' }).screen(short, options);
    expect(redacted.content.system).not.toContain(':string@');
    expect(redacted.content.messages[0]?.content).toBe('Which type is "string"?');
  });

  it('has documents that are no UTF-8 counted as unreadable, and unchanged', async () => {
    const data = Buffer.from(`Größe für ${email}`, 'latin1').toString('base64');
    const wide = Buffer.from(`mail ${email}`, 'utf16le').toString('base64');
    const request: RequestContent = {
      system: null,
      messages: [
        {
          role: 'user',
          content: [data, wide].map((one) => ({
            type: 'document' as const,
            source: { type: 'base64' as const, media_type: 'text/plain' as const, data: one },
          })),
        },
      ],
    };
    const { content, unreadable } = await screening().screen(request, options);
    expect(unreadable.documents).toBe(2);
    expect(content).toEqual(request);
  });

  it('keeps the signature of reasoning that holds only placeholders, and drops it where words change', async () => {
    const first = await screening().screen(asking(email), options);
    const [placeholder] = [...first.placeholders.keys()];
    const thought = (thinking: string): RequestContent => ({
      system: null,
      messages: [
        { role: 'user', content: email },
        { role: 'assistant', content: [{ type: 'thinking', thinking, signature: 'proof' }] },
      ],
    });
    const kept = await screening().screen(thought(`about ${placeholder}`), options);
    expect(kept.content.messages[1]?.content).toEqual([
      { type: 'thinking', thinking: `about ${placeholder}`, signature: 'proof' },
    ]);
    const changed = await screening().screen(thought(`about ${email}`), options);
    expect(changed.content.messages[1]?.content).toEqual([
      { type: 'thinking', thinking: `about ${placeholder}` },
    ]);
  });
});

describe('what a rule finds only beside a name', () => {
  const password = 'hunter7-blue';
  const given = (input: JsonObject): RequestContent => ({
    system: null,
    messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'log_in', input }] }],
  });
  const redacting = { ...options, redactBlocked: true };

  it.each<[string, JsonObject]>([
    ['a member', { user: 'ada', password }],
    ['a member deep inside', { servers: [{ db: { password } }] }],
    ['an item of a list', { password: [password] }],
  ])('is found in JSON as %s', async (_, input) => {
    const { content, findings } = await screening().screen(given(input), redacting);
    expect(findings.map(({ class: of, count }) => [of, count])).toEqual([['secret', 1]]);
    expect(JSON.stringify(content)).not.toContain(password);
  });

  it('is found in a tool’s result, and not under a harmless name', async () => {
    const result = (json: JsonObject): RequestContent => ({
      system: null,
      messages: [
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'json', json }] }],
        },
      ],
    });
    await expect(screening().screen(result({ password }), options)).rejects.toMatchObject({
      message: expect.stringMatching(/in a tool’s result in message 1, line 1, column 1\.$/),
    });
    expect((await screening().screen(result({ title: password }), options)).decision).toBe('allow');
  });

  it('counts once under several names', async () => {
    const { findings } = await screening().screen(given({ password, db_password: password }), redacting);
    expect(findings.map(({ count }) => count)).toEqual([1]);
  });

  it('may be a number: a card’s is replaced, and comes back as a text', async () => {
    const number = 4_111_111_111_111_111;
    const input = { number, size: 1_234_567_890_123, least: -5, time: 1_700_000_000_000 };
    const { content, findings, placeholders } = await screening().screen(given(input), options);
    expect(findings).toEqual([{ rule: 'card', class: 'personal_data', count: 1 }]);
    const [placeholder = ''] = [...placeholders.keys()];
    expect(content.messages[0]?.content).toEqual([
      { type: 'tool_use', id: 't1', name: 'log_in', input: { ...input, number: placeholder } },
    ]);
    expect(restored(placeholder, placeholders)).toBe(String(number));
  });
});

describe('a value in another form', () => {
  const url = encodeURIComponent(email);
  const escapes = Array.from(email, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join(
    '',
  );
  const base64 = (text: string): string => Buffer.from(text).toString('base64');

  it.each([
    ['in a URL', `https://mail.example/?to=${url}&cc=none`],
    [
      'in a URL with every character escaped',
      `to=${Buffer.from(email).toString('hex').replace(/../g, '%$&')}&cc`,
    ],
    ['with small letters in escapes', `to=${url.toLowerCase()}`],
    ['in JSON as escapes', `{"to":"${escapes}"}`],
    ['with one escape', `{"to":"${email.replace('@', '\\u0040')}"}`],
    ['in Base64', `data: ${base64(email)}`],
    ['in Base64 after one byte more', base64(`x${email}:rest`)],
    ['in Base64 after two bytes more', base64(`xy${email}:rest`)],
    ['in Base64 for URLs', Buffer.from(`??>${email}`).toString('base64url')],
    ['in Base64 right after letters', `path/${base64(`user ${email}`)}`],
    ['in lines of Base64', base64(`${'x'.repeat(50)}${email}${'y'.repeat(60)}`).replace(/.{76}/g, '$&\r\n')],
  ])('does not leave: %s', async (_, form) => {
    const { content, placeholders } = await screening().screen(asking(`${email}\n${form}`), options);
    const sent = content.messages.map((message) => textOf(message.content)).join('');
    const marks = [...placeholders.keys()].reduce((rest, one) => rest.replaceAll(one, ''), sent);
    for (const hidden of [email, url, escapes, base64(email).slice(4, -4)])
      expect(sent.toLowerCase()).not.toContain(hidden.toLowerCase());
    expect(marks.length).toBeLessThan(sent.length - 10);
    expect(placeholders.size).toBe(2);
    // It comes back in its own form.
    expect(restored(sent, placeholders)).toBe(`${email}\n${form}`);
  });

  it('with blanks is found with plus signs', async () => {
    const { content } = await screening().screen(
      asking(`${card}, q=${card.replaceAll(' ', '+')}&x=1`),
      options,
    );
    expect(textOf(content.messages[0]?.content ?? '')).not.toContain('1111');
  });

  it('never comes back if it is a secret, and is blocked as the value itself', async () => {
    const form = Buffer.from(`user:${key}`).toString('base64');
    const { content, placeholders } = await screening().screen(asking(`${key} and ${form}`), {
      ...options,
      redactBlocked: true,
    });
    expect(textOf(content.messages[0]?.content ?? '')).toBe('[SECRET] and [SECRET]');
    expect(placeholders.size).toBe(0);
  });

  it('leaves other escapes and Base64 as they are', async () => {
    const text = `a%20b \\u00e9 C:\\new %zz %ff ${Buffer.from('somebody else entirely').toString('base64')}`;
    const { content } = await screening().screen(asking(`${email} ${text}`), options);
    expect(textOf(content.messages[0]?.content ?? '').endsWith(` ${text}`)).toBe(true);
  });

  it('takes time that grows with the text, not with its square', async () => {
    const time = async (length: number): Promise<number> => {
      const text = `${email} ${'QUJD%41\\u0041=='.repeat(length / 16)}`;
      const startedAt = performance.now();
      const finds = {
        start: () => undefined,
        find: () => Promise.resolve([findingsIn({ text: email }, [])]),
      };
      await new Screening(settingsSchema.parse({}).compliance, finds, { retentionDays: 400 }).screen(
        asking(text),
        options,
      );
      return performance.now() - startedAt;
    };
    const quickest = async (length: number): Promise<number> => {
      let least = Infinity;
      for (let round = 0; round < 5; round += 1) least = Math.min(least, await time(length));
      return least;
    };
    expect(await quickest(1_000_000)).toBeLessThan(50 * (await quickest(100_000)));
  });
});

describe('an answer', () => {
  it('that can’t be searched is recorded as that, because it is billed all the same', async () => {
    const broken = { start: () => undefined, find: () => Promise.reject(new Error('the thread has ended')) };
    const policy = settingsSchema.parse({}).compliance;
    const failing = new Screening(policy, broken, { retentionDays: 400 });
    const found = await failing.findInAnswer({ role: 'assistant', content: `write to ${email}` });
    expect(found).toBeNull();
    expect(failing.answerNotes(found)).toEqual([{ topic: 'compliance.answer', data: { late: true } }]);
    // A request that can't be searched is not sent.
    await expect(failing.screen(asking('words'), options)).rejects.toThrow('the thread has ended');
  });

  it('is counted by rule, with what its tools get', async () => {
    const found = await screening().findInAnswer({
      role: 'assistant',
      content: [
        { type: 'text', text: `${email} and ${card}` },
        { type: 'tool_use', id: 't1', name: 'send', input: { to: 'grace@example.org' } },
      ],
    });
    expect(found?.find(({ rule }) => rule === 'email')?.count).toBe(2);
  });
});

describe('policy', () => {
  it('keeps a request with a secret back, and says where without saying what', async () => {
    const blocked = screening().screen(asking(`line one\nkey = ${key}`), options);
    await expect(blocked).rejects.toBeInstanceOf(ComplianceBlocked);
    await expect(blocked).rejects.toMatchObject({
      code: 'compliance_blocked',
      exitCode: 8,
      message: expect.stringMatching(/aws-[a-z-]+ in message 1, line 2, column 7\.$/),
      needs: [expect.stringMatching(/^rule:aws-/)],
      remedy: [
        { kind: 'retry', redact: true },
        { kind: 'request_exception', allows: [expect.stringMatching(/^rule:aws-/)] },
      ],
    });
    await expect(blocked).rejects.not.toMatchObject({ message: expect.stringContaining(key) });
  });

  it('redacts a secret without a way back, where the caller asks for that or policy says so', async () => {
    const asked = await screening().screen(asking(`key = ${key}`), { ...options, redactBlocked: true });
    const said = await screening({ secrets: 'redact' }).screen(asking(`key = ${key}`), options);
    for (const { content, placeholders, decision } of [asked, said]) {
      expect(content.messages[0]?.content).toBe('key = [SECRET]');
      expect(placeholders.size).toBe(0);
      expect(decision).toBe('redact');
    }
  });

  it('lets through what is allowed, and counts it', async () => {
    const policy = screening({ secrets: 'allow', personal_data: 'allow' });
    const { content, decision, findings } = await policy.screen(asking(`${key} ${email} ${email}`), options);
    expect(content.messages[0]?.content).toContain(key);
    expect(decision).toBe('allow');
    expect(findings.map(({ rule, count }) => [rule, count])).toEqual([
      [expect.stringMatching(/^aws-/), 1],
      ['email', 2],
    ]);
  });

  it.each([
    [{}, 'allow'],
    [{ level: 'sox' }, 'block'],
    [{ level: ['gdpr', 'sox'] }, 'block'],
    [{ level: 'sox', unchecked: 'allow' }, 'allow'],
    [{ unchecked: 'block' }, 'block'],
  ])('decides about what was not searched in time: %j', async (compliance, expected) => {
    const screened = screening(compliance, true).screen(asking('words'), options);
    if (expected === 'block') await expect(screened).rejects.toMatchObject({ code: 'compliance_blocked' });
    else await expect(screened).resolves.toMatchObject({ decision: 'allow', late: true });
  });
});
