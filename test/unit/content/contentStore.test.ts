import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { subjectHash } from '../../../src/content/contentKeys.ts';
import { ContentStore, type ContentStoreOptions } from '../../../src/content/contentStore.ts';
import type { RequestContent } from '../../../src/content/messages.ts';
import type { GatewayError } from '../../../src/errors.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const request: RequestContent = {
  system: 'be brief',
  messages: [{ role: 'user', content: 'who is grace@example.com?' }],
};

const day = '2026-03-02';

function open(directory: string, options: Partial<ContentStoreOptions> = {}): ContentStore {
  return new ContentStore({ directory, policy: 'full', patterns: [], mode: 'live', ...options });
}

async function keep(store: ContentStore, subject: string, callId = 'call-1', on = day): Promise<void> {
  const kept = store.begin(subject, callId, request);
  await kept.storeRequest(on);
  await kept.storeAnswer(on, 'an admiral');
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const changed = expect.objectContaining({
  code: 'content_unavailable',
  hint: expect.stringContaining('backup') as string,
}) as GatewayError;
const unavailable = expect.objectContaining({ code: 'content_unavailable' }) as GatewayError;

describe('what is kept of a call', () => {
  it('is nothing at all with none, and only hashes with hash', async () => {
    const nothing = temporaryFolder();
    const none = open(nothing, { policy: 'none' }).begin('ada', 'call-1', request);
    await none.storeRequest(day);
    expect([none.requestHmac, await none.storeAnswer(day, 'yes')]).toEqual([null, null]);
    expect(filesIn(nothing)).toEqual([]);

    const hashes = temporaryFolder();
    const hashed = open(hashes, { policy: 'hash' }).begin('ada', 'call-1', request);
    await hashed.storeRequest(day);
    expect(hashed.requestHmac).toMatch(/^[0-9a-f]{64}$/);
    expect(await hashed.storeAnswer(day, 'yes')).toMatch(/^[0-9a-f]{64}$/);
    expect(filesIn(hashes)).toEqual([join(hashes, 'keys', `${subjectHash('ada')}.key`)]);
  });

  it('is the request before it is sent and the answer after, readable by another process', async () => {
    const folder = temporaryFolder();
    const kept = open(folder).begin('ada', 'call-1', request);
    await kept.storeRequest(day);
    expect(await open(folder).read('ada', day, 'call-1')).toMatchObject({
      policy: 'full',
      request,
      answer: null,
    });
    const responseHmac = await kept.storeAnswer(day, 'an admiral');
    expect(await open(folder).read('ada', day, 'call-1')).toEqual({
      policy: 'full',
      request,
      answer: 'an admiral',
      requestHmac: kept.requestHmac,
      responseHmac,
    });
  });

  it('lies sealed under the day and the subject’s hash, for this user only', async () => {
    const folder = temporaryFolder();
    await keep(open(folder), 'ada');
    const path = join(folder, day, subjectHash('ada'), 'call-1.enc');
    expect(filesIn(folder).toSorted()).toEqual(
      [path, join(folder, 'keys', `${subjectHash('ada')}.key`)].toSorted(),
    );
    expect(readFileSync(path).toString('latin1')).not.toMatch(/brief|grace|admiral/);
    for (const file of filesIn(folder)) expect(statSync(file).mode & 0o077).toBe(0);
    expect(statSync(join(folder, day)).mode & 0o077).toBe(0);
  });

  it('goes without secrets and personal data when redacted, and the answer without what the question gave away', async () => {
    const folder = temporaryFolder();
    const kept = open(folder, { policy: 'redacted' }).begin('ada', 'call-1', {
      system: null,
      messages: [{ role: 'user', content: 'password: "tr0ub4dor&3-x" of grace@example.com' }],
    });
    await kept.storeRequest(day);
    await kept.storeAnswer(day, 'tr0ub4dor&3-x is weak, tell grace@example.com and linus@example.org');
    expect(await open(folder).read('ada', day, 'call-1')).toMatchObject({
      policy: 'redacted',
      request: { messages: [{ content: 'password: "[secret]" of [email]' }] },
      answer: '[secret] is weak, tell [email] and [email]',
    });
  });

  it('goes without what the settings’ own patterns find when redacted, also in JSON by its name', async () => {
    const folder = temporaryFolder();
    const patterns = [{ id: 'employee', pattern: '\\bE-\\d{6}\\b', class: 'personal_data' as const }];
    const input = { password: 'hunter7-blue', of: 'E-123456' };
    const kept = open(folder, { policy: 'redacted', patterns }).begin('ada', 'call-1', {
      system: null,
      messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'log_in', input }] }],
    });
    await kept.storeRequest(day);
    expect(await open(folder).read('ada', day, 'call-1')).toMatchObject({
      request: { messages: [{ content: [{ input: { password: '[secret]', of: '[employee]' } }] }] },
    });
  });

  it.each(['nonce', 'text', 'tag'])('is not read when its %s was changed', async (part) => {
    const folder = temporaryFolder();
    await keep(open(folder), 'ada');
    const path = join(folder, day, subjectHash('ada'), 'call-1.enc');
    const bytes = readFileSync(path);
    const place = { nonce: 0, text: 20, tag: bytes.length - 1 }[part] ?? 0;
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    await expect(open(folder).read('ada', day, 'call-1')).rejects.toThrow(changed);
  });

  it.each(['another one', 'no key'])('is not read when its key was replaced with %s', async (what) => {
    const folder = temporaryFolder();
    await keep(open(folder), 'ada');
    const key = join(folder, 'keys', `${subjectHash('ada')}.key`);
    writeFileSync(key, what === 'no key' ? 'short' : Buffer.alloc(32, 7));
    await expect(open(folder).read('ada', day, 'call-1')).rejects.toThrow(changed);
  });

  it('is not read as another call’s, another ledger’s or another subject’s', async () => {
    const folder = temporaryFolder();
    await keep(open(folder), 'ada');
    await keep(open(folder), 'bob');
    const own = join(folder, day, subjectHash('ada'));
    await expect(open(folder, { mode: 'simulated' }).read('ada', day, 'call-1')).rejects.toThrow(unavailable);
    renameSync(join(folder, day, subjectHash('bob'), 'call-1.enc'), join(own, 'call-3.enc'));
    await expect(open(folder).read('ada', day, 'call-3')).rejects.toThrow(unavailable);
    renameSync(join(own, 'call-1.enc'), join(own, 'call-2.enc'));
    await expect(open(folder).read('ada', day, 'call-2')).rejects.toThrow(unavailable);
    expect(await open(folder).read('ada', day, '../../keys/x')).toBeNull();
    expect(await open(folder).read('ada', '..', 'call-2')).toBeNull();
  });

  it('stops the call before it is sent when it can’t be written', async () => {
    const folder = temporaryFolder();
    const kept = open(folder).begin('ada', 'call-1', request);
    writeFileSync(join(folder, day), 'not a folder');
    await expect(kept.storeRequest(day)).rejects.toThrow(unavailable);
    writeFileSync(join(folder, 'keys', `${subjectHash('ada')}.key`), 'short');
    expect(() => open(folder).begin('ada', 'call-2', request)).toThrow(unavailable);
  });

  it('leaves no draft behind when a write fails', async () => {
    const folder = temporaryFolder();
    const own = join(folder, day, subjectHash('ada'));
    mkdirSync(join(own, 'call-1.enc', 'in-the-way'), { recursive: true });
    await expect(open(folder).begin('ada', 'call-1', request).storeRequest(day)).rejects.toThrow(unavailable);
    expect(readdirSync(own)).toEqual(['call-1.enc']);
  });
});

describe('hashes of content', () => {
  it('are the same in every process, and differ by subject, call and content', () => {
    const folder = temporaryFolder();
    const of = (subject: string, callId: string, text: string): string | null =>
      open(folder, { policy: 'hash' }).begin(subject, callId, { ...request, system: text }).requestHmac;
    const hashes = [of('ada', 'a', 'x'), of('bob', 'a', 'x'), of('ada', 'b', 'x'), of('ada', 'a', 'y')];
    expect(new Set(hashes).size).toBe(4);
    expect(of('ada', 'a', 'x')).toBe(hashes[0]);
  });
});

describe('erasing a subject', () => {
  it('deletes key and files of that subject only, and records how many calls it was', async () => {
    const folder = temporaryFolder();
    await keep(open(folder), 'ada', 'call-1');
    await keep(open(folder), 'ada', 'call-2', '2026-03-03');
    await keep(open(folder), 'bob');
    const recorded: number[] = [];
    const { items } = await open(folder).erase('ada', (count) => {
      recorded.push(count);
      return Promise.resolve('receipt');
    });
    expect([items, recorded]).toEqual([2, [2]]);
    expect(await open(folder).read('ada', day, 'call-1')).toBeNull();
    expect(await open(folder).read('bob', day, 'call-1')).not.toBeNull();
    expect(filesIn(folder).some((file) => file.includes(subjectHash('ada')))).toBe(false);
  });

  it('reaches processes that hold the key: they hash under a new one and finish no call under the old', async () => {
    const folder = temporaryFolder();
    const elsewhere = open(folder);
    const underWay = elsewhere.begin('ada', 'call-1', request);
    await underWay.storeRequest(day);
    await open(folder).erase('ada', () => Promise.resolve());
    expect(await underWay.storeAnswer(day, 'an admiral')).toBeNull();
    expect(filesIn(folder)).toEqual([]);
    expect(elsewhere.begin('ada', 'call-1', request).requestHmac).not.toBe(underWay.requestHmac);
  });

  it('that is cut short leaves nothing readable, and is recorded when it is done again', async () => {
    const folder = temporaryFolder();
    await keep(open(folder), 'ada');
    const cut = open(folder).erase('ada', () => Promise.reject(new Error('the process died')));
    await expect(cut).rejects.toThrow('the process died');
    expect(await open(folder).read('ada', day, 'call-1')).toBeNull();
    expect(readFileSync(join(folder, 'keys', `${subjectHash('ada')}.key.erasing`), 'utf8')).toBe('1');
    let recorded = 0;
    await open(folder).erase('ada', (count) => Promise.resolve((recorded = count)));
    expect(recorded).toBe(1);
    expect(filesIn(folder)).toEqual([]);
  });

  it('that died after its first step is finished: the files without a key are deleted and counted', async () => {
    const folder = temporaryFolder();
    await keep(open(folder), 'ada');
    const key = join(folder, 'keys', `${subjectHash('ada')}.key`);
    renameSync(key, `${key}.erasing`);
    expect(await open(folder).read('ada', day, 'call-1')).toBeNull();
    const { items } = await open(folder).erase('ada', () => Promise.resolve());
    expect(items).toBe(1);
    expect(filesIn(folder)).toEqual([]);
  });

  it('of whom nothing is kept says so, and records nothing', async () => {
    const store = open(temporaryFolder());
    await expect(store.erase('nobody', () => Promise.reject(new Error('recorded')))).rejects.toThrow(
      'Nothing is kept',
    );
  });
});

describe('retention', () => {
  it('deletes whole days before the one that is kept', async () => {
    const folder = temporaryFolder();
    const days = ['2026-01-31', '2026-02-01', '2026-02-02'];
    for (const kept of days) await keep(open(folder), 'ada', 'call-1', kept);
    await open(folder).removeBefore('2026-02-02');
    const readable = await Promise.all(days.map((kept) => open(folder).read('ada', kept, 'call-1')));
    expect(readable.map((content) => content !== null)).toEqual([false, false, true]);
    expect(readdirSync(folder).toSorted()).toEqual(['2026-02-02', 'keys']);
  });
});
