import { appendFileSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConversationFiles, titleOf } from '../../../src/chat/conversationFiles.ts';
import type { Author } from '../../../src/chat/conversationLine.ts';
import type { Turn } from '../../../src/chat/turn.ts';
import { subjectHash } from '../../../src/content/contentKeys.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const ada: Author = { user: 'ada', policy: 'hash', patterns: [] };
const bob: Author = { user: 'bob', policy: 'full', patterns: [] };

function turn(id: string, question: string, more: Partial<Turn> = {}): Turn {
  return {
    id,
    question,
    reason: 'JIRA-1 test',
    model: 'claude-sonnet',
    simulated: true,
    answer: `Answer to ${question}`,
    result: {
      status: 'success',
      processingTimeMs: 12,
      tokens: { input: 1, output: 2 },
      cost: '$0.01',
      costEstimated: false,
      record: { ledger: 'l', callId: id, sequence: 6 },
      failure: null,
    },
    ...more,
  };
}

function store(): { files: ConversationFiles; state: string; path: (id: string) => string } {
  const state = temporaryFolder();
  const files = new ConversationFiles(state);
  return { files, state, path: (id) => join(files.directory, `${id}.lines`) };
}

describe('kept conversations', () => {
  it('come back as they were, each turn once, with what was changed about them', async () => {
    const { files } = store();
    const file = files.create(['/w']);
    const first = turn('1', 'Why does it time out?');
    await files.append(file, ada, [{ ...first, answer: '', result: null }], { leaf: '1' });
    await files.append(file, ada, [first]);
    const second = turn('2', 'And now?', { parent: '1', mode: 'rag' });
    await files.append(file, ada, [second], { leaf: '2', pinned: true });
    const opened = await files.open(file.id);
    expect(opened).toMatchObject({ turns: [first, second], unreadable: 0 });
    expect(opened?.file.about).toMatchObject({
      title: 'Why does it time out?',
      pinned: true,
      deleted: null,
      workspaces: ['/w'],
      leaf: '2',
      turns: 2,
    });
    expect(opened?.file.offset).toBe(file.offset);
  });

  it('are files of this user that nobody reads without the key', async () => {
    const { files, state, path } = store();
    const file = files.create([]);
    await files.append(file, ada, [turn('1', 'a very secret question')]);
    const text = readFileSync(path(file.id), 'utf8');
    expect(text).toMatch(/^(?:[0-9a-f]{64} [A-Za-z0-9+/=]+\n){2}$/);
    expect(Buffer.from(text.split(/[ \n]/)[1] ?? '', 'base64').toString('latin1')).not.toContain('secret');
    expect(statSync(path(file.id)).mode & 0o777).toBe(0o600);
    rmSync(join(state, 'content', 'keys', `${subjectHash('ada')}.key`));
    expect(await new ConversationFiles(state).open(file.id)).toMatchObject({ turns: [], unreadable: 2 });
    expect(await new ConversationFiles(state).list()).toEqual({ conversations: [], unreadable: 1 });
  });

  it('are not made with policy none', async () => {
    const { files } = store();
    const file = files.create([]);
    await files.append(file, { user: 'ada', policy: 'none', patterns: [] }, [turn('1', 'Why?')]);
    expect(await files.list()).toEqual({ conversations: [], unreadable: 0 });
    expect(await files.open(file.id)).toBeNull();
  });

  it('hold no secrets with policy redacted, wherever a secret was found', async () => {
    const { files } = store();
    const file = files.create([]);
    const redacted: Author = { user: 'ada', policy: 'redacted', patterns: [] };
    const asked = turn('1', 'Is hunter2-Zq8 of use to ada@example.com?', {
      answer: 'The password="hunter2-Zq8" is weak.',
    });
    await files.append(file, redacted, [asked]);
    const opened = await files.open(file.id);
    expect(opened?.turns[0]).toMatchObject({
      question: 'Is [secret] of use to [email]?',
      answer: 'The password="[secret]" is weak.',
    });
    expect(opened?.file.about.title).toContain('[email]');
  });

  it('keep attachments; with policy redacted their texts without secrets, and no images', async () => {
    const { files } = store();
    const common = { id: 'x', bytes: 5 };
    const asked = turn('1', 'Why?', {
      attachments: [
        { ...common, kind: 'file', name: 'a.txt', text: 'Ask ada@example.com' },
        { ...common, kind: 'image', name: 'a.png', mediaType: 'image/png', data: 'iVBORw==' },
      ],
    });
    const [whole, redacted] = [files.create([]), files.create([])];
    await files.append(whole, ada, [asked]);
    await files.append(redacted, { user: 'ada', policy: 'redacted', patterns: [] }, [asked]);
    expect((await files.open(whole.id))?.turns).toEqual([asked]);
    expect((await files.open(redacted.id))?.turns[0]?.attachments).toEqual([
      { ...common, kind: 'file', name: 'a.txt', text: 'Ask [email]' },
      { ...common, kind: 'text', name: 'a.png', text: '[image/png, 5 bytes, not kept]' },
    ]);
  });

  it('lose no complete line when a writer dies in the middle of one, and go on behind it', async () => {
    const { files, path } = store();
    const file = files.create([]);
    await files.append(file, ada, [turn('1', 'first')]);
    const whole = readFileSync(path(file.id));
    appendFileSync(path(file.id), whole.subarray(0, 100));
    const opened = await files.open(file.id);
    expect(opened).toMatchObject({ turns: [{ id: '1' }], unreadable: 0 });
    await files.append(opened!.file, ada, [turn('2', 'second', { parent: '1' })]);
    expect(await files.open(file.id)).toMatchObject({ turns: [{ id: '1' }, { id: '2' }], unreadable: 0 });
  });

  it('say how many of their lines can’t be read: changed ones, and those of another conversation', async () => {
    const { files, path } = store();
    const one = files.create([]);
    const other = files.create([]);
    await files.append(one, ada, [turn('1', 'mine')]);
    await files.append(other, ada, [turn('2', 'theirs')]);
    appendFileSync(path(one.id), readFileSync(path(other.id)));
    appendFileSync(path(one.id), 'not a line\n');
    const opened = await files.open(one.id);
    expect(opened).toMatchObject({ turns: [{ id: '1' }], unreadable: 3 });
    await files.append(opened!.file, ada, [turn('3', 'more')]);
    expect(await files.open(one.id)).toMatchObject({ turns: [{ id: '1' }, { id: '3' }], unreadable: 3 });
  });

  it('are listed with the pinned ones first, then the latest, whatever else is in the folder', async () => {
    const { files, path } = store();
    const made = [files.create(['/a']), files.create([]), files.create([])];
    for (const [index, file] of made.entries()) {
      const asked = `2026-01-0${index + 1}T00:00:00.000Z`;
      await files.append(file, ada, [turn(String(index), `question ${index}`)], { asked });
    }
    await files.append(made[0]!, ada, [], { pinned: true });
    writeFileSync(join(files.directory, 'notes.txt'), 'mine');
    writeFileSync(path('00000000-0000-0000-0000-000000000000'), 'damaged\n');
    const { conversations, unreadable } = await files.list();
    expect(conversations.map(({ title }) => title)).toEqual(['question 0', 'question 2', 'question 1']);
    expect(conversations[0]).toMatchObject({ id: made[0]!.id, workspaces: ['/a'], turns: 1 });
    expect(unreadable).toBe(1);
  });

  it('are found in the list behind the longest answer', async () => {
    const { files } = store();
    const file = files.create([]);
    await files.append(file, ada, [turn('1', 'long', { answer: 'x'.repeat(5_000_000) })]);
    await files.append(file, ada, [], { title: 'Another name' });
    expect((await files.list()).conversations).toMatchObject([{ title: 'Another name' }]);
  });

  it('can be restored for 30 days after they were deleted', async () => {
    const { files } = store();
    const [recent, past] = [files.create([]), files.create([])];
    const ago = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();
    await files.append(recent, ada, [turn('1', 'recent')], { deleted: ago(29) });
    await files.append(past, ada, [turn('2', 'past')], { deleted: ago(31) });
    expect((await files.list()).conversations.map(({ title }) => title)).toEqual(['recent']);
    expect(await files.open(past.id)).toBeNull();
    await files.append(recent, ada, [], { deleted: null });
    expect((await files.list()).conversations).toMatchObject([{ deleted: null }]);
  });

  it('hold what two windows add, and a later writer keeps the other’s name for them', async () => {
    const { files, state } = store();
    const other = new ConversationFiles(state);
    const file = files.create([]);
    await files.append(file, ada, [turn('1', 'first')]);
    const theirs = (await other.open(file.id))!.file;
    await other.append(theirs, ada, [turn('2', 'second', { parent: '1' })], { title: 'Renamed', leaf: '2' });
    expect(await files.append(file, ada, [turn('3', 'third', { parent: '1' })], { leaf: '3' })).toMatchObject(
      { turns: [{ id: '2' }] },
    );
    expect(file.about).toMatchObject({ title: 'Renamed', turns: 3 });
    expect(await other.readOn(theirs)).toMatchObject({ turns: [{ id: '3' }] });
    expect((await files.open(file.id))?.turns.map(({ id }) => id)).toEqual(['1', '2', '3']);
  });

  it('are without a question that was taken back, in every window', async () => {
    const { files, state } = store();
    const file = files.create([]);
    await files.append(file, ada, [turn('1', 'first'), turn('2', 'refused')]);
    const theirs = (await new ConversationFiles(state).open(file.id))!.file;
    await files.append(file, ada, [], { removed: ['2'] });
    expect(await files.open(file.id)).toMatchObject({ turns: [{ id: '1' }], file: { about: { turns: 1 } } });
    expect(await files.readOn(theirs)).toMatchObject({ turns: [], removed: ['2'] });
  });

  it('of an erased subject are gone, with what others said in them, and are not made again', async () => {
    const { files, state } = store();
    const [mine, mixed, theirs] = [files.create([]), files.create([]), files.create([])];
    await files.append(mine, ada, [turn('1', 'mine')]);
    await files.append(mixed, bob, [turn('2', 'mixed')]);
    await files.append(mixed, ada, [turn('3', 'mixed too')]);
    await files.append(theirs, bob, [turn('4', 'theirs')]);
    await new ConversationFiles(state).erase('ada');
    expect((await files.list()).conversations.map(({ title }) => title)).toEqual(['theirs']);
    expect(await files.readOn(mine)).toBeNull();
    expect(await files.append(mine, ada, [turn('5', 'later')])).toBeNull();
    expect(readdirSync(files.directory).filter((name) => name.endsWith('.lines'))).toHaveLength(1);
  });

  it('tell other windows of what is added', async () => {
    const { files, state } = store();
    const file = files.create([]);
    await files.append(file, ada, [turn('1', 'first')]);
    const { promise, resolve } = Promise.withResolvers<true>();
    const stop = new ConversationFiles(state).onDidChange(() => resolve(true));
    await files.append(file, ada, [turn('2', 'second')]);
    await promise;
    stop();
  });

  it('are as long as they are: 40 MB come back whole', async () => {
    const { files } = store();
    const file = files.create([]);
    const answer = 'All work and no play makes a long answer. '.repeat(200);
    const turns = Array.from({ length: 4_000 }, (_, index) =>
      turn(String(index), `question ${index}`, {
        answer,
        ...(index > 0 && { parent: String(index - 1) }),
      }),
    );
    for (let start = 0; start < turns.length; start += 500)
      await files.append(file, ada, turns.slice(start, start + 500));
    expect(file.offset).toBeGreaterThan(40_000_000);
    const opened = await files.open(file.id);
    expect(opened?.turns).toHaveLength(4_000);
    expect(opened?.turns.at(-1)).toEqual(turns.at(-1));
  });
});

describe('the title of a conversation', () => {
  it.each([
    ['Why?', 'Why?'],
    ['  Why\n does it  fail? ', 'Why does it fail?'],
    ['word '.repeat(30), `${'word '.repeat(11)}word…`],
    ['x'.repeat(100), `${'x'.repeat(60)}…`],
  ])('is the first words of a question: %j', (question, title) => {
    expect(titleOf(question)).toBe(title);
  });
});
