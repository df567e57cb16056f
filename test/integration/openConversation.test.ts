import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ChatMemory, type ChatStorage } from '../../src/chat/chatMemory.ts';
import { ConversationFiles } from '../../src/chat/conversationFiles.ts';
import { authorOf } from '../../src/chat/conversationLine.ts';
import type { Turn } from '../../src/chat/turn.ts';
import type { Core } from '../../src/core/core.ts';
import { messageOf } from '../../src/errors.ts';
import { OpenConversation } from '../../src/views/chat/openConversation.ts';
import { gatewayOnMock, gatewayOnStandIn } from '../support/gateways.ts';

const reason = 'JIRA-1 test';

/** A window's storage, with what an earlier window left. */
class Storage implements ChatStorage {
  readonly values: Map<string, unknown>;

  constructor(values: Readonly<Record<string, unknown>> = {}) {
    this.values = new Map(Object.entries(values));
  }

  get(key: string): unknown {
    return this.values.get(key);
  }

  update(key: string, value: unknown): Promise<void> {
    this.values.set(key, structuredClone(value));
    return Promise.resolve();
  }
}

interface Window {
  open: OpenConversation;
  /** What is written and not asked. */
  written: { text: string };
  files: ConversationFiles;
  storage: Storage;
  errors: unknown[];
}

/** A window on a core that keeps what it has open there. */
async function windowOn(core: Core, home: string, storage = new Storage()): Promise<Window> {
  const files = new ConversationFiles(home);
  const errors: unknown[] = [];
  const written = { text: '' };
  const open: OpenConversation = new OpenConversation({
    files,
    memory: new ChatMemory(storage),
    workspaces: () => ['/w'],
    conversation: {
      use: (work) => work(core),
      origin: () => Promise.resolve({ door: 'chat', folder: null, branch: null }),
      folders: () => [],
      problems: () => Promise.resolve(''),
      rules: () => Promise.resolve([]),
      runFlow: () => Promise.reject(new Error('There are no agreements here.')),
      show: () => Promise.resolve(null),
      failureOf: (error) => ({ message: messageOf(error), hint: '', fixes: [] }),
    },
    onEvent: () => undefined,
    draft: () => written.text,
    onReplaced: () => (written.text = open.draft),
    onError: (error) => errors.push(error),
  });
  await open.restore();
  await open.keepAs(authorOf(core.user, core.loaded.settings));
  return { open, written, files, storage, errors };
}

async function ask({ open }: Window, question: string): Promise<void> {
  open.conversation.reason = reason;
  await open.conversation.ask(question, 'claude-sonnet');
}

function questions({ open }: Window): string[] {
  return open.conversation.turns.map(({ question }) => question);
}

const past: Turn = {
  id: 'past',
  question: 'of an earlier version',
  reason,
  model: 'claude-sonnet',
  simulated: true,
  answer: 'yes',
  result: null,
};

describe('the conversation that a window has open', () => {
  it('is there in the next window, with its branch, reason and mode', async () => {
    const { core, home } = await gatewayOnMock();
    const first = await windowOn(core, home);
    await ask(first, 'first');
    await ask(first, 'second');
    const { conversation } = first.open;
    conversation.branchFrom(conversation.turns[0]!);
    conversation.mode = 'rag';
    conversation.reason = 'JIRA-2 another';
    await first.open.remember();
    await expect
      .poll(async () => (await first.files.open(first.open.log.id))?.file.about.leaf)
      .toBe(conversation.turns[0]!.id);
    const second = await windowOn(core, home, first.storage);
    expect(questions(second)).toEqual(['first']);
    expect(second.open.conversation).toMatchObject({
      hasLater: true,
      mode: 'rag',
      reason: 'JIRA-2 another',
    });
    expect([...first.errors, ...second.errors]).toEqual([]);
  });

  it('carries the conversation of an earlier version over, once', async () => {
    const { core, home } = await gatewayOnMock();
    const turns = [past, { ...past, id: 'last', question: 'and its last' }];
    const storage = new Storage({ conversation: { turns, reason, mode: 'rag' } });
    const window = await windowOn(core, home, storage);
    expect(questions(window)).toEqual(['of an earlier version', 'and its last']);
    expect(window.open.conversation.mode).toBe('rag');
    expect(storage.get('conversation')).toBeUndefined();
    const { conversations } = await window.files.list();
    expect(conversations).toMatchObject([{ title: 'of an earlier version', turns: 2, workspaces: ['/w'] }]);
    await window.open.remember();
    const next = await windowOn(core, home, storage);
    expect(questions(next)).toEqual(['of an earlier version', 'and its last']);
    expect((await next.files.list()).conversations).toHaveLength(1);
  });

  it('is deleted, not carried over, and kept nowhere with policy none', async () => {
    const { core, home } = await gatewayOnMock({ TIDYLLM_AUDIT_CONTENT: 'none' });
    const storage = new Storage({ conversation: { turns: [past], reason } });
    const window = await windowOn(core, home, storage);
    await ask(window, 'a secret');
    expect(window.open.isKept).toBe(false);
    expect(JSON.stringify([...storage.values])).not.toMatch(/earlier version|a secret/);
    expect(readdirSync(home, { recursive: true }).join()).not.toContain('.lines');
  });

  it('stays in the list when a new one begins, and ends its answer in its own file', async () => {
    const { core, home, standIn } = await gatewayOnStandIn();
    const window = await windowOn(core, home);
    const { conversation } = window.open;
    const asked = ask(window, '@stand-in:gate');
    await expect.poll(() => conversation.turns[0]?.answer).toBeTruthy();
    window.open.startNew();
    expect(questions(window)).toEqual([]);
    standIn.openGate();
    await asked;
    await ask(window, 'new');
    await expect
      .poll(async () => (await window.files.list()).conversations.map(({ title }) => title))
      .toEqual(['new', '@stand-in:gate']);
    const { conversations } = await window.files.list();
    await expect
      .poll(async () => (await window.files.open(conversations[1]!.id))?.turns[0]?.result?.status)
      .toBe('cancelled');
  });

  it('has what was written in it and not asked, sealed, until its user is erased', async () => {
    const { core, home } = await gatewayOnMock();
    const window = await windowOn(core, home);
    await ask(window, 'one');
    window.written.text = 'a secret of the first';
    const { id } = window.open.log;
    window.open.startNew();
    expect(window.written.text).toBe('');
    window.written.text = 'of a new one';
    await window.open.open(id);
    expect(window.written.text).toBe('a secret of the first');
    window.open.startNew();
    expect(window.written.text).toBe('of a new one');
    await expect.poll(() => JSON.stringify([...window.storage.values])).toContain('drafts');
    expect(JSON.stringify([...window.storage.values])).not.toContain('secret');
    const next = await windowOn(core, home, window.storage);
    await next.open.open(id);
    expect(next.written.text).toBe('a secret of the first');
    next.open.dispose();
    await core.eraseContent(core.user, 'GDPR-1 my request');
    const afterwards = await windowOn(core, home, window.storage);
    expect(afterwards.open.draft).toBe('');
    await afterwards.open.keepDraft('anew');
    expect(afterwards.open.draft).toBe('anew');
    window.open.dispose();
    afterwards.open.dispose();
  });

  it('is forgotten in every window when its user is erased, and nothing of it is left', async () => {
    const { core, home } = await gatewayOnMock({ TIDYLLM_AUDIT_CONTENT: 'full' });
    const first = await windowOn(core, home);
    await ask(first, 'what will be erased');
    const second = await windowOn(core, home, first.storage);
    expect(questions(second)).toEqual(['what will be erased']);
    await core.eraseContent(core.user, 'GDPR-1 my request');
    await expect.poll(() => [...questions(first), ...questions(second)]).toEqual([]);
    expect(await first.files.list()).toEqual({ conversations: [], unreadable: 0 });
    await ask(second, 'afterwards');
    await expect
      .poll(async () => (await first.files.list()).conversations.map(({ title }) => title))
      .toEqual(['afterwards']);
    first.open.dispose();
    second.open.dispose();
  });

  it('takes in what another window asks, and neither changes the other’s reason or mode', async () => {
    const { core, home } = await gatewayOnMock();
    const first = await windowOn(core, home);
    await ask(first, 'first');
    const second = await windowOn(core, home, first.storage);
    second.open.conversation.mode = 'rag';
    await ask(second, 'second');
    await expect.poll(() => questions(first)).toEqual(['first', 'second']);
    await expect
      .poll(() => first.open.conversation.turns[1]?.result?.status)
      .toBe(second.open.conversation.turns[1]?.result?.status);
    expect(first.open.conversation.mode).toBe('direct');
    first.open.dispose();
    second.open.dispose();
  });
});
