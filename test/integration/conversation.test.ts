import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Core } from '../../src/core/core.ts';
import { notMatched } from '../../src/flow/notMatched.ts';
import { gatewayUnavailable } from '../../src/gateways/registry.ts';
import {
  Conversation,
  type ConversationDependencies,
  type ConversationEvent,
} from '../../src/chat/conversation.ts';
import { imageAttachment, textAttachment } from '../../src/chat/context/attachments.ts';
import { readRules } from '../../src/chat/context/rulesFiles.ts';
import { statisticsOf } from '../../src/chat/statistics.ts';
import type { Failure, Turn } from '../../src/chat/turn.ts';
import { GatewayError, messageOf } from '../../src/errors.ts';
import { subjectHash } from '../../src/content/contentKeys.ts';
import { formatUsd } from '../../src/pricing/cost.ts';
import { storedRecords } from '../support/ledgers.ts';
import { gatewayOnMock, gatewayOnStandIn } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

const reason = 'JIRA-1 test the chat';
/** A PNG of one pixel. */
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

interface Opened {
  conversation: Conversation;
  posted: ConversationEvent[];
  /** Ids of the turns that were to be kept or left. */
  kept: { changed: string[]; removed: string[] }[];
  last: () => Turn;
}

function open(
  core: Core | null,
  turns: Turn[] = [],
  show: ConversationDependencies['show'] = () => Promise.resolve(null),
  origin: ConversationDependencies['origin'] = () =>
    Promise.resolve({ door: 'chat', folder: '/w', branch: 'b' }),
  folders: readonly string[] = [],
  leaf: string | null = null,
): Opened {
  const posted: ConversationEvent[] = [];
  const kept: Opened['kept'] = [];
  const conversation = new Conversation(
    {
      id: 'a-conversation',
      use: async (work) => {
        if (!core) throw gatewayUnavailable('corporate_llm');
        return work(core);
      },
      origin,
      folders: () => folders.map((path) => ({ path })),
      problems: () => Promise.resolve(''),
      rules: async () => (await readRules(folders, [])).followed,
      runFlow: async (command, { signal, onStart, onProgress }) => {
        if (!core) throw gatewayUnavailable('corporate_llm');
        const match = await core.flow.parseCommand(command);
        if (!match.agreement) throw notMatched(command, match);
        onStart(match.agreement);
        const origin = { door: 'chat', folder: null, branch: null };
        const { parameters, confidence } = match;
        const options = { parameters, confidence, origin, signal, onProgress, trusted: true };
        return core.flow.executeAgreement(match.agreement, options);
      },
      show,
      failureOf,
      // As it is sent: later changes of a turn do not reach a message that has gone.
      onEvent: (event) => posted.push(structuredClone(event)),
      onDidChange: (changed, removed) =>
        kept.push({ changed: changed.map(({ id }) => id), removed: removed.map(({ id }) => id) }),
    },
    { turns, leaf, reason, mode: 'direct', signature: '' },
  );
  return { conversation, posted, kept, last: () => conversation.turns.at(-1)! };
}

function failureOf(error: unknown): Failure {
  if (!GatewayError.is(error)) return { message: messageOf(error), hint: '', fixes: [] };
  const fixes = error.remedy.map((remedy) => ({ label: remedy.kind, remedy }));
  return { message: error.message, hint: error.hint, fixes };
}

const notShown: Failure = { message: 'Nobody sees it.', hint: '', fixes: [] };

function textOf(posted: readonly ConversationEvent[]): string {
  return posted.map((message) => (message.type === 'text' ? message.text : '')).join('');
}

/** The questions that each call sent. */
function questionsOf({
  calls,
}: Awaited<ReturnType<typeof gatewayOnStandIn>>['standIn']): (string | undefined)[][] {
  return calls.map(({ body }) =>
    (body.messages ?? []).filter(({ role }) => role === 'user').map(({ content }) => content?.[0]?.text),
  );
}

describe('a conversation', () => {
  it('streams an answer piece by piece and tells what it cost', async () => {
    const { core } = await gatewayOnMock();
    const { conversation, posted, last } = open(core);
    await conversation.ask('Why?', 'claude-sonnet');
    const turn = last();
    expect(turn).toMatchObject({ question: 'Why?', reason, model: 'claude-sonnet', simulated: true });
    expect(turn.result).toMatchObject({ status: 'success', costEstimated: false, failure: null });
    expect(turn.result?.cost).toMatch(/^\$0\.\d+$/);
    expect(turn.result?.record?.sequence).toBe(7);
    expect(textOf(posted)).toBe(turn.answer);
    expect(posted.filter(({ type }) => type === 'text').length).toBeGreaterThan(3);
    expect(posted.at(-1)).toEqual({ type: 'turn', turn });
  });

  it('keeps what the model thought apart from its answer', async () => {
    const { core } = await gatewayOnStandIn();
    const { conversation, last, posted } = open(core);
    const thought = { reasoningText: { text: 'Let me see.', signature: 'signed' } };
    await conversation.ask(
      `@stand-in:blocks=${JSON.stringify([{ reasoningContent: thought }, { text: 'Done.' }])}`,
      'claude-sonnet',
    );
    expect(last()).toMatchObject({ thinking: 'Let me see.', answer: 'Done.' });
    const { id } = last();
    expect(posted).toContainEqual({ type: 'thinking', id, text: 'Let me see.' });
    await conversation.ask('And now?', 'claude-sonnet');
    expect(last().thinking).toBeUndefined();
  });

  it('goes on where an answer was cut off, with all that came before', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    await conversation.ask('@stand-in:stop=max_tokens', 'claude-sonnet');
    const cut = last();
    expect(cut.result).toMatchObject({ status: 'success', shortfall: { goOn: 'continue' } });
    await conversation.goOn(cut, 'claude-sonnet');
    expect(conversation.turns).toHaveLength(2);
    expect(standIn.calls[1]?.body.messages?.map(({ content }) => content?.[0]?.text)).toEqual([
      '@stand-in:stop=max_tokens',
      cut.answer,
      'Go on exactly where you stopped.',
    ]);
  });

  it('asks again with room for an answer where all tokens went before it began', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    await conversation.ask('@stand-in:stop=max_tokens/silent', 'claude-sonnet');
    expect(last().result).toMatchObject({ shortfall: { goOn: 'longer' } });
    await conversation.goOn(last(), 'claude-sonnet');
    expect(conversation.turns).toHaveLength(1);
    expect(standIn.calls.map(({ body }) => body.inferenceConfig?.maxTokens)).toEqual([4000, 16_000]);
  });

  it.each(['guardrail_intervened', 'content_filtered', 'model_context_window_exceeded'])(
    'tells of an answer that ended by %s, and can’t go on',
    async (reason) => {
      const { core } = await gatewayOnStandIn();
      const { conversation, last } = open(core);
      await conversation.ask(`@stand-in:stop=${reason}`, 'claude-sonnet');
      expect(last().result).toMatchObject({ status: 'success', failure: null, shortfall: { goOn: null } });
    },
  );

  it('sends attachments before their question, again with each later one, and prices them', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    const attachments = [textAttachment('file', 'src/login.ts', 'export const limit = 3;')];
    const question = '@stand-in:text=Because.';
    const most = await conversation.worstCase(question, 'claude-sonnet', attachments);
    expect(most).toBeGreaterThan(await conversation.worstCase(question, 'claude-sonnet'));
    await conversation.ask(question, 'claude-sonnet', { attachments });
    expect(last()).toMatchObject({ question, attachments: [{ name: 'src/login.ts' }] });
    await conversation.ask('Go on', 'claude-sonnet');
    await conversation.regenerate(last(), 'claude-sonnet');
    const sent = standIn.calls.map(({ body }) => body.messages?.[0]?.content?.map(({ text }) => text));
    expect(sent).toHaveLength(3);
    for (const [block, asked] of sent.map((one) => one ?? [])) {
      expect(block).toMatch(/<attachment-\w+ kind="file" name="src\/login\.ts">\nexport const limit = 3;\n/);
      expect(asked).toBe(question);
    }
  });

  it('follows the rules files of the workspace, and records their hashes', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'AGENTS.md'), 'Answer in French.');
    writeFileSync(join(folder, 'CLAUDE.md'), 'Answer in French.');
    const { conversation } = open(core, [], undefined, undefined, [folder]);
    await conversation.ask('Why?', 'claude-sonnet');
    conversation.followsRules = false;
    await conversation.ask('And now?', 'claude-sonnet');
    expect(standIn.calls.map(({ body }) => body.system?.[0]?.text)).toEqual([
      'Follow the rules that this workspace’s team has for you.\n\nFrom AGENTS.md:\n\nAnswer in French.',
      undefined,
    ]);
    const recorded = storedRecords(core.journal.directory).filter((record) =>
      JSON.stringify(record).includes('call.instructions'),
    );
    expect(recorded).toHaveLength(1);
    const sha256 = createHash('sha256').update('Answer in French.').digest('hex');
    expect(JSON.stringify(recorded)).toContain(sha256);
    expect(JSON.stringify(recorded)).not.toContain('French');
    expect(conversation.turns.map(({ followsRules }) => followsRules)).toEqual([undefined, false]);
  });

  it('sends images as images, and none to a model that takes none', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    const attachments = [imageAttachment('pixel.png', pixel)];
    await conversation.ask('What is this?', 'claude-sonnet', { attachments });
    expect(standIn.calls[0]?.body.messages?.[0]?.content?.[0]).toMatchObject({ image: { format: 'png' } });
    await conversation.askAgain(last(), { modelId: 'deepseek.v3.2' });
    expect(last().result).toMatchObject({ status: 'refused' });
    expect(last().result?.failure?.message).toContain('this model takes no images');
    expect(standIn.calls).toHaveLength(1);
  });

  describe('that doesn’t fit into the context of its model', () => {
    /** A model of 8,192 tokens. */
    const small = 'meta.llama3-8b-instruct-v1:0';
    /** Three turns of about 4,000 tokens each. */
    const long = ['a', 'b', 'c'].map((id, index, all): Turn => ({
      ...{ id, question: `Question ${id}`, reason, model: small, simulated: false, result: null },
      ...(index > 0 && { parent: all[index - 1] }),
      answer: `${id} `.repeat(6_000),
    }));

    it('is refused on the model that the mode names', async () => {
      const folder = temporaryFolder();
      mkdirSync(join(folder, '.tidyllm', 'modes'), { recursive: true });
      writeFileSync(join(folder, '.tidyllm', 'modes', 'small.yaml'), `model: ${small}\n`);
      const { core, standIn } = await gatewayOnStandIn({}, { folders: [folder] });
      const { conversation, last } = open(core, long);
      conversation.mode = 'small';
      await expect(conversation.worstCase('Go on', 'claude-sonnet')).rejects.toThrow(/takes 8,192\.$/);
      expect((await conversation.windowUse('Go on', 'claude-sonnet', [])).window).toBe(8_192);
      await conversation.ask('Go on', 'claude-sonnet');
      expect(standIn.calls).toEqual([]);
      expect(last()).toMatchObject({ model: small, result: { status: 'refused', cost: '$0' } });
    });

    it('is refused before anything is sent, with a choice', async () => {
      const { core, standIn } = await gatewayOnStandIn();
      const { conversation, last } = open(core, long);
      await expect(conversation.worstCase('Go on', small)).rejects.toThrow(/takes 8,192\.$/);
      await conversation.ask('Go on', small);
      expect(standIn.calls).toEqual([]);
      const { result } = last();
      expect(result).toMatchObject({ status: 'refused', cost: '$0', record: null });
      expect(result?.failure?.message).toMatch(
        /^The question has about 12,0\d\d tokens with all that goes with it/,
      );
      expect(result?.failure?.fixes.map(({ remedy }) => remedy)).toEqual([
        { kind: 'retry', leaveOut: 2, atMost: expect.stringMatching(/^\$0\.0/) },
        { kind: 'retry', summarise: 2, atMost: expect.stringMatching(/^\$0\.0/) },
        { kind: 'retry', model: expect.any(String), atMost: expect.stringMatching(/^\$0\.0/) },
      ]);
    });

    it('names the most that each choice can cost, in the mode of the question', async () => {
      const { core } = await gatewayOnStandIn();
      const { conversation, last } = open(core, long);
      conversation.mode = 'agent';
      await conversation.ask('Go on', small);
      const remedies = last().result?.failure?.fixes.map(({ remedy }) => remedy) ?? [];
      const [leaveOut, summarise, other] = remedies as { model?: string; atMost: string }[];
      const costs = [leaveOut, summarise, other].map((one) => Number(one?.atMost.slice(1)));
      conversation.branchFrom(conversation.turns[2]!);
      const most = await conversation.worstCase('Go on', other!.model!);
      expect(other?.atMost).toBe(formatUsd(most));
      expect(costs[1]).toBeGreaterThan(costs[0]!);
      await conversation.ask('Go on', small);
      await conversation.askAgain(last(), { leaveOut: 2 });
      conversation.branchFrom(conversation.turns.at(-1)!);
      expect(statisticsOf(conversation.allTurns).unknown).toBe(3);
    });

    it('leaves out the oldest turns, of later questions too', async () => {
      const { core, standIn } = await gatewayOnStandIn();
      const { conversation, last } = open(core, long);
      await conversation.ask('Go on', small);
      await conversation.askAgain(last(), { leaveOut: 2 });
      await conversation.ask('And now?', small);
      expect(questionsOf(standIn)).toEqual([
        ['Question c', 'Go on'],
        ['Question c', 'Go on', 'And now?'],
      ]);
      expect(conversation.turns.map(({ question }) => question).slice(0, 3)).toEqual([
        'Question a',
        'Question b',
        'Question c',
      ]);
    });

    it('has the oldest turns summarised by a call of its own, with its own record', async () => {
      const { core, standIn } = await gatewayOnStandIn();
      const { conversation, last } = open(core, long);
      await conversation.ask('Go on', small);
      await conversation.askAgain(last(), { summarise: 2 });
      await conversation.ask('And now?', small);
      const summary = conversation.turns.find(({ isSummary }) => isSummary);
      expect(summary).toMatchObject({ reason, result: { status: 'success' } });
      expect(summary?.result?.record).not.toBeNull();
      expect(questionsOf(standIn)).toEqual([
        ['Question a', 'Question b', summary?.question],
        [summary?.question, 'Question c', 'Go on'],
        [summary?.question, 'Question c', 'Go on', 'And now?'],
      ]);
    });

    it('is asked of a model with more context', async () => {
      const { core, standIn } = await gatewayOnStandIn();
      const { conversation, last } = open(core, long);
      await conversation.ask('Go on', small);
      const { remedy } = last().result!.failure!.fixes[2]!;
      await conversation.askAgain(last(), { modelId: (remedy as { model: string }).model });
      expect(last().result).toMatchObject({ status: 'success' });
      expect(questionsOf(standIn)).toEqual([['Question a', 'Question b', 'Question c', 'Go on']]);
    });

    it('has no choice where the question alone is too long', async () => {
      const { core, standIn } = await gatewayOnStandIn();
      const { conversation, last } = open(core);
      await conversation.ask('x'.repeat(30_000_000), 'claude-sonnet');
      expect(last().result?.failure).toMatchObject({
        fixes: [],
        hint: expect.stringMatching(/Remove attachments/),
      });
      await conversation.ask('@stand-in:text=Yes', 'claude-sonnet');
      expect(last().result).toMatchObject({ status: 'success' });
      expect(standIn.calls).toHaveLength(1);
    });
  });

  it('sends what was said before, without the questions that got no answer', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation } = open(core);
    await conversation.ask('@stand-in:text=Because.', 'claude-sonnet');
    await conversation.ask('@stand-in:denied', 'claude-sonnet');
    await conversation.ask('Go on', 'claude-sonnet');
    expect(standIn.calls.at(-1)?.body.messages).toEqual([
      { role: 'user', content: [{ text: '@stand-in:text=Because.' }] },
      { role: 'assistant', content: [{ text: 'Because.' }] },
      { role: 'user', content: [{ text: 'Go on' }] },
    ]);
  });

  it('shows what is left when it is asked for in the middle of an answer', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, posted, last } = open(core);
    const answered = conversation.ask('@stand-in:gate', 'claude-sonnet');
    await expect.poll(() => last().answer).not.toBe('');
    const shown = structuredClone(conversation.turns);
    const before = posted.length;
    standIn.openGate();
    await answered;
    expect(shown[0]!.answer + textOf(posted.slice(before))).toBe(last().answer);
  });

  it('charges a stopped answer and says so', async () => {
    const { core } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    const answered = conversation.ask('@stand-in:gate', 'claude-sonnet');
    await expect.poll(() => last().answer).not.toBe('');
    conversation.stop();
    await answered;
    expect(last().result).toMatchObject({ status: 'cancelled', costEstimated: true, failure: null });
    expect(last().result?.cost).not.toBe('$0');
    expect(conversation.answering).toBe(false);
  });

  it('keeps what arrived before a failure', async () => {
    const { core } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    await conversation.ask('@stand-in:cut', 'claude-sonnet');
    expect(last().answer).toContain('This answer');
    expect(last().result).toMatchObject({
      status: 'incomplete',
      failure: { fixes: [{ label: 'retry' }, {}] },
    });
  });

  it('offers what fits when the budget does not, and asks again with it', async () => {
    const { core } = await gatewayOnMock({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.01' });
    const { conversation, posted, last } = open(core);
    await conversation.ask('Why?', 'claude-sonnet');
    const refused = last();
    expect(refused.result).toMatchObject({ status: 'refused', cost: '$0' });
    const fixes = refused.result?.failure?.fixes.map(({ remedy }) => remedy);
    expect(fixes).toMatchObject([
      { kind: 'retry', maxTokens: expect.any(Number) as number },
      // The same family's first, then another vendor's.
      { kind: 'retry', model: 'us.anthropic.claude-haiku-5-5' },
      { kind: 'raise_cap' },
    ]);
    await conversation.askAgain(refused, { modelId: 'nova-micro' });
    expect(conversation.turns).toHaveLength(1);
    expect(last()).toMatchObject({ question: 'Why?', model: 'nova-micro', result: { status: 'success' } });
    expect(posted).toContainEqual({ type: 'turnRemoved', id: refused.id });
  });

  it('gives the question back when the gateway does not accept the reason', async () => {
    const { core } = await gatewayOnMock();
    const { conversation, posted } = open(core);
    conversation.reason = 'ab';
    expect(await conversation.ask('Why?', 'claude-sonnet')).toMatchObject({
      outcome: 'reason_refused',
      error: { code: 'audit_reason_missing' },
    });
    expect(conversation.turns).toEqual([]);
    expect(posted.at(-1)).toEqual({ type: 'replaced' });
  });

  it('keeps the turn that is asked again when the gateway does not accept the reason', async () => {
    const { core } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    await conversation.ask('@stand-in:denied', 'claude-sonnet');
    const failed = last();
    conversation.reason = 'ab';
    expect(await conversation.askAgain(failed)).toMatchObject({ outcome: 'reason_refused' });
    expect(conversation.turns).toEqual([failed]);
    conversation.reason = 'JIRA-1 '.repeat(200);
    expect(await conversation.askAgain(failed)).toMatchObject({ outcome: 'reason_refused' });
    expect(conversation.turns).toEqual([failed]);
  });

  it('asks for the reason that was written when it was asked', async () => {
    const { core } = await gatewayOnMock();
    const { promise, resolve } = Promise.withResolvers<null>();
    const { conversation } = open(core, [], () => promise);
    const asked = conversation.ask('Why?', 'claude-sonnet');
    conversation.reason = 'JIRA-2 another';
    resolve(null);
    expect(await asked).toMatchObject({ outcome: 'asked', turn: { reason, result: { status: 'success' } } });
    const reserved = storedRecords(core.journal.directory).find(({ kind }) => kind === 'RESERVE');
    expect(reserved).toMatchObject({ reason });
  });

  it('does not take back what was forgotten while a reason was refused', async () => {
    const { core } = await gatewayOnMock();
    const { promise, resolve } = Promise.withResolvers<null>();
    let shown: Promise<null> = Promise.resolve(null);
    const { conversation } = open(core, [], () => shown);
    await conversation.ask('before', 'claude-sonnet');
    shown = promise;
    conversation.reason = 'ab';
    const asked = conversation.ask('Why?', 'claude-sonnet');
    const ledger = (await core.ledger.identity()) ?? '';
    expect(await conversation.forgetErased(ledger, () => Promise.resolve(true))).toBe(true);
    resolve(null);
    expect(await asked).toMatchObject({ outcome: 'reason_refused' });
    expect(conversation.turns).toEqual([]);
  });

  it('does not take a question while an answer is on its way', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    const first = conversation.ask('@stand-in:gate', 'claude-sonnet');
    await expect.poll(() => last().answer).not.toBe('');
    expect(await conversation.ask('Another', 'claude-sonnet')).toEqual({ outcome: 'busy' });
    standIn.openGate();
    expect(await first).toEqual({ outcome: 'asked', turn: last() });
    expect(conversation.turns).toHaveLength(1);
  });

  it('says what failed before anything was sent, and can be asked again', async () => {
    const { core } = await gatewayOnMock();
    let broken = true;
    const { conversation, last } = open(core, [], undefined, () =>
      broken
        ? Promise.reject(new Error('git broke'))
        : Promise.resolve({ door: 'chat', folder: null, branch: null }),
    );
    await conversation.ask('Why?', 'claude-sonnet');
    expect(last().result).toMatchObject({ status: 'failed', failure: { message: 'git broke' } });
    broken = false;
    await conversation.askAgain(last());
    expect(last()).toMatchObject({ question: 'Why?', result: { status: 'success' } });
    expect(conversation.turns).toHaveLength(1);
  });

  it('says that there is no other way while the gateway is down', async () => {
    const { conversation, last } = open(null);
    await conversation.ask('Why?', '');
    expect(last().result?.failure?.message).toContain('NO DIRECT AWS CALLS ALLOWED');
    expect(last().result?.record).toBeNull();
  });

  it('knows the worst case before it is asked', async () => {
    const { core } = await gatewayOnMock();
    const { conversation } = open(core);
    const alone = await conversation.worstCase('Why?', 'claude-sonnet');
    await conversation.ask('Why?', 'claude-sonnet');
    expect(await conversation.worstCase('Why?', 'claude-sonnet')).toBeGreaterThan(alone);
  });

  it('begins anew at once, even in the middle of an answer', async () => {
    const { core } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    const first = conversation.ask('@stand-in:gate', 'claude-sonnet');
    await expect.poll(() => last().answer).not.toBe('');
    conversation.clear();
    expect(conversation).toMatchObject({ turns: [], reason: '' });
    conversation.reason = reason;
    await conversation.ask('Hello', 'claude-sonnet');
    await first;
    expect(conversation.turns.map(({ question }) => question)).toEqual(['Hello']);
  });

  it('shows an answer that a closed window cut off', () => {
    const running: Turn = {
      id: '1',
      question: 'Why?',
      reason,
      model: 'claude-sonnet',
      simulated: false,
      answer: 'Beca',
      result: null,
    };
    expect(open(null, [running]).last().result?.status).toBe('interrupted');
  });

  it('runs an agreement whose trigger is the whole message, without a reason, and shows what it found', async () => {
    const { core } = await gatewayOnMock();
    const { conversation, last } = open(core);
    conversation.reason = '';
    await conversation.ask('[Cost Analysis] days=7', 'claude-sonnet');
    expect(last()).toMatchObject({
      ...{ model: '[Cost Analysis]', simulated: true, reason: '' },
      flow: { trigger: '[Cost Analysis]', reportOf: expect.stringMatching(/^[0-9a-f-]{36}$/) as string },
      result: { status: 'success', cost: '$0', failure: null },
    });
    expect(last().answer).toContain('Nothing was spent since');
  });

  it('runs nothing for a trigger that nobody has agreed to, and names the nearest', async () => {
    const { core } = await gatewayOnMock();
    const { conversation, last } = open(core);
    await conversation.ask('[Cost Something]', 'claude-sonnet');
    expect(last().result?.failure?.message).toMatch(/nothing was run/);
    expect(last().answer).toBe('');
  });

  it('does not send to a model what a run found', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    await conversation.ask('[Cost Analysis]', 'claude-sonnet');
    await conversation.ask('Why?', 'claude-sonnet');
    expect(last().result?.status).toBe('success');
    expect(standIn.calls).toHaveLength(1);
    expect(JSON.stringify(standIn.calls)).not.toContain('Cost Analysis');
  });

  it.each([
    ['a question', 'Why?'],
    ['an agreement', '[Cost Analysis]'],
  ])('sends %s only when the view shows it, and says so where it doesn’t', async (_what, question) => {
    const { core, standIn } = await gatewayOnStandIn();
    const kinds = (): string[] => storedRecords(core.journal.directory).map(({ kind }) => kind);
    await open(core).conversation.ask('@stand-in:validation', 'claude-sonnet');
    const before = kinds();
    const { conversation, last } = open(core, [], () => Promise.resolve(notShown));
    await conversation.ask(question, 'claude-sonnet');
    await conversation.askAgain(last());
    expect(last()).toMatchObject({
      ...{ question, answer: '' },
      result: { status: 'failed', cost: '$0', record: null, failure: notShown },
    });
    expect({ answering: conversation.answering, turns: conversation.turns.length }).toEqual({
      ...{ answering: false, turns: 1 },
    });
    expect(standIn.calls).toHaveLength(1);
    expect(kinds()).toEqual(before);
  });

  it('waits for the view before it sends, and can be stopped meanwhile', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { promise, resolve } = Promise.withResolvers<null>();
    const slow = open(core, [], () => promise);
    const asked = slow.conversation.ask('Why?', 'claude-sonnet');
    expect(standIn.calls).toEqual([]);
    resolve(null);
    await asked;
    expect(standIn.calls).toHaveLength(1);
    const stopped = open(
      core,
      [],
      (_turn, signal) =>
        new Promise((settle) => {
          signal.addEventListener('abort', () => settle(notShown));
        }),
    );
    const stopping = stopped.conversation.ask('Why?', 'claude-sonnet');
    await expect.poll(() => stopped.conversation.turns.length).toBe(1);
    stopped.conversation.stop();
    await stopping;
    expect(stopped.last().result).toMatchObject({ status: 'cancelled', failure: null });
    expect(standIn.calls).toHaveLength(1);
  });

  it('keeps the old answer as a version when a question is asked again, and goes back to it', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    await conversation.ask('@stand-in:text=One.', 'claude-sonnet');
    const first = last();
    await conversation.ask('Then?', 'claude-sonnet');
    const then = last();
    await conversation.regenerate(first, 'claude-sonnet');
    const again = last();
    expect(conversation.turns).toEqual([again]);
    expect(again).toMatchObject({ question: first.question, result: { status: 'success' } });
    expect(again.result).not.toHaveProperty('cached');
    expect(standIn.calls).toHaveLength(3);
    expect(conversation.versionOf(again)).toEqual({ number: 2, of: 2 });
    conversation.showVersion(again, -1);
    expect(conversation.turns).toEqual([first, then]);
    expect(conversation.versionOf(first)).toEqual({ number: 1, of: 2 });
    conversation.showVersion(first, 1);
    expect(conversation.turns).toEqual([again]);
    expect(conversation.allTurns).toEqual([first, then, again]);
  });

  it('asks an edited question in the place of the old one, without what followed', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    await conversation.ask('@stand-in:text=One.', 'claude-sonnet');
    await conversation.ask('wrong', 'claude-sonnet');
    const wrong = last();
    await conversation.ask('more', 'claude-sonnet');
    const more = last();
    await conversation.edit(wrong, 'right', 'claude-sonnet');
    expect(conversation.turns.map(({ question }) => question)).toEqual(['@stand-in:text=One.', 'right']);
    const sent = standIn.calls.at(-1)?.body.messages?.map(({ content }) => content?.[0]?.text);
    expect(sent).toEqual(['@stand-in:text=One.', 'One.', 'right']);
    conversation.showVersion(last(), -1);
    expect(conversation.turns.slice(1)).toEqual([wrong, more]);
  });

  it('goes on from an earlier turn, and returns to what followed it', async () => {
    const { core } = await gatewayOnMock();
    const { conversation, last } = open(core);
    await conversation.ask('first', 'claude-sonnet');
    const first = last();
    await conversation.ask('second', 'claude-sonnet');
    const second = last();
    expect(conversation.hasLater).toBe(false);
    conversation.branchFrom(first);
    expect(conversation).toMatchObject({ turns: [first], hasLater: true });
    conversation.showLater();
    expect(conversation.turns).toEqual([first, second]);
    conversation.branchFrom(first);
    await conversation.ask('another', 'claude-sonnet');
    expect(conversation.turns).toEqual([first, last()]);
    expect(conversation.versionOf(last())).toEqual({ number: 2, of: 2 });
  });

  it('shows the branch of a turn, and never a turn of another conversation', async () => {
    const { core } = await gatewayOnMock();
    const { conversation, last } = open(core);
    await conversation.ask('first', 'claude-sonnet');
    const first = last();
    await conversation.ask('second', 'claude-sonnet');
    const second = last();
    await conversation.regenerate(first, 'claude-sonnet');
    const again = last();
    conversation.showTurn(first);
    expect(conversation.turns).toEqual([first, second]);
    conversation.showTurn(again);
    expect(conversation.turns).toEqual([again]);
    conversation.showTurn({ ...first, id: 'elsewhere' });
    conversation.showTurn({ ...first });
    expect(conversation.turns).toEqual([again]);
  });

  it('opens on the branch that was shown', async () => {
    const { core } = await gatewayOnMock();
    const { conversation, last } = open(core);
    await conversation.ask('first', 'claude-sonnet');
    const first = last();
    await conversation.regenerate(first, 'claude-sonnet');
    const { allTurns: turns } = conversation;
    expect(open(core, [...turns]).conversation.turns).toEqual([last()]);
    expect(open(core, [...turns], undefined, undefined, [], first.id).conversation.turns).toEqual([first]);
  });

  it('shows what another window asks at its end, and keeps what it asks elsewhere as a version', async () => {
    const { core } = await gatewayOnMock();
    const { conversation, posted, last } = open(core);
    await conversation.ask('first', 'claude-sonnet');
    const first = last();
    const elsewhere = (id: string, parent: string): Turn => ({ ...structuredClone(first), id, parent });
    const running = { ...elsewhere('a', first.id), answer: '', result: null };
    conversation.takeIn([running]);
    expect(last()).toMatchObject({ id: 'a', result: { status: 'interrupted' } });
    expect(posted.at(-1)).toEqual({ type: 'replaced' });
    conversation.takeIn([elsewhere('a', first.id)]);
    expect(last()).toMatchObject({ id: 'a', answer: first.answer, result: { status: 'success' } });
    conversation.takeIn([elsewhere('b', first.id)]);
    expect(last().id).toBe('a');
    expect(conversation.versionOf(last())).toEqual({ number: 1, of: 2 });
    const before = posted.length;
    conversation.takeIn([elsewhere('b', first.id)]);
    expect(posted).toHaveLength(before);
    conversation.takeIn([], ['a']);
    expect(conversation.turns).toEqual([first]);
  });

  it('stays on its own answer when another window asks at the same place', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core);
    const asked = conversation.ask('@stand-in:gate', 'claude-sonnet');
    await expect.poll(() => last().answer).not.toBe('');
    const mine = last();
    conversation.takeIn([{ ...structuredClone(mine), id: 'theirs', question: 'theirs' }]);
    conversation.branchFrom(mine);
    conversation.showVersion(mine, 1);
    expect(conversation.turns).toEqual([mine]);
    standIn.openGate();
    await asked;
    expect(conversation.turns).toEqual([mine]);
    expect(conversation.versionOf(mine)).toEqual({ number: 1, of: 2 });
  });

  it('keeps every turn, and says what has to be kept', async () => {
    const { core } = await gatewayOnMock();
    const many = Array.from({ length: 150 }, (_, index): Turn => ({
      ...{ id: String(index), question: `question ${index}`, reason, model: 'claude-sonnet' },
      ...{ ...(index > 0 && { parent: String(index - 1) }), simulated: true, answer: 'yes', result: null },
    }));
    const { conversation, kept } = open(core, many);
    await conversation.ask('Why?', 'claude-sonnet');
    expect(conversation.turns).toHaveLength(151);
    const id = conversation.turns.at(-1)!.id;
    conversation.reason = 'ab';
    await conversation.ask('refused', 'claude-sonnet');
    const refused = kept.at(-2)?.removed[0];
    expect(kept).toEqual([
      ...[
        { changed: [id], removed: [] },
        { changed: [id], removed: [] },
      ],
      ...[
        { changed: [refused], removed: [] },
        { changed: [], removed: [refused] },
      ],
      { changed: [], removed: [] },
    ]);
  });

  it('forgets what was asked before its user’s content was erased, and nothing of another’s', async () => {
    const { core } = await gatewayOnMock({ TIDYLLM_AUDIT_CONTENT: 'full' });
    const { conversation } = open(core);
    await conversation.ask('before', 'claude-sonnet');
    const questions = (): string[] => conversation.turns.map(({ question }) => question);
    const forget = async (): Promise<boolean> => {
      const tombstones = storedRecords(core.journal.directory).filter(({ kind }) => kind === 'tombstone');
      const ofUser = tombstones.filter(
        (one) => 'items' in one && one.subject_sha256 === subjectHash(core.user),
      );
      return conversation.forgetErased((await core.ledger.identity()) ?? '', (sequence) =>
        Promise.resolve(ofUser.some(({ seq }) => seq > sequence)),
      );
    };
    expect(await forget()).toBe(false);
    await core.eraseContent(core.user, 'GDPR-1 my request');
    await conversation.ask('after', 'claude-sonnet');
    expect(questions()).toEqual(['before', 'after']);
    expect(await forget()).toBe(true);
    expect(questions()).toEqual(['after']);
    expect(await forget()).toBe(false);
  });
});

describe('a conversation that answers from the workspace', () => {
  function workspace(): string {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'marmalade.ts'), 'export const marmalade = boil(oranges, 105);\n');
    return folder;
  }

  it('keeps what an answer cites, and what is wrong with it', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const folder = workspace();
    const { conversation, last, posted } = open(core, [], undefined, undefined, [folder]);
    conversation.mode = 'rag';
    await conversation.ask('How is marmalade made? @stand-in:text=At 105 [1][4].', 'claude-sonnet');
    expect(last()).toMatchObject({
      mode: 'rag',
      answer: 'At 105 [1][4].',
      citations: {
        valid: [
          { n: 1, path: 'marmalade.ts', file: join(folder, 'marmalade.ts'), firstLine: 1, lastLine: 2 },
        ],
        faults: ['[4] is not a source of this answer: check what it claims there.'],
      },
      result: { status: 'success' },
    });
    expect(posted.at(-1)).toEqual({ type: 'turn', turn: last() });
    expect(posted).toContainEqual({
      type: 'turn',
      turn: expect.objectContaining({ answer: '', progress: 'Reading the workspace: 0 %' }) as Turn,
    });
    expect(standIn.calls).toHaveLength(1);
  });

  it('is previewed with its sources before it has a reason, and with what they take', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'marmalade.md'), 'Marmalade is made of oranges. '.repeat(40));
    const { core } = await gatewayOnStandIn();
    const { conversation } = open(core, [], undefined, undefined, [folder]);
    conversation.mode = 'rag';
    conversation.reason = '';
    const { sent, use } = await conversation.preview('How is marmalade made?', 'claude-sonnet', []);
    expect(JSON.stringify(sent?.messages)).toContain('made of oranges');
    expect(sent?.auditReason).toBe('');
    expect(use.tokens).toBeGreaterThan(400);
  });

  it('says that nothing was found, at no cost and without a record', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core, [], undefined, undefined, [workspace()]);
    conversation.mode = 'rag';
    await conversation.ask('Which zygote hibernates?', 'claude-sonnet');
    expect(last().answer).toContain('Not found in the workspace');
    expect(last()).toMatchObject({ citations: { valid: [], faults: [] } });
    expect(last().result).toMatchObject({ status: 'success', cost: '$0', record: null, failure: null });
    expect(standIn.calls).toEqual([]);
  });

  it('searches for the question before where one has no words of its own', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation } = open(core, [], undefined, undefined, [workspace()]);
    conversation.mode = 'rag';
    await conversation.ask('How is marmalade made?', 'claude-sonnet');
    await conversation.ask('Why so?', 'claude-sonnet');
    const [source, question] = standIn.calls[1]!.body.messages!.at(-1)!.content!;
    expect(source!.text).toContain('boil(oranges, 105)');
    expect(question!.text).toBe('Why so?');
  });

  it('asks a question again in the mode in which it was asked', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { conversation, last } = open(core, [], undefined, undefined, [workspace()]);
    conversation.mode = 'rag';
    await conversation.ask('How is marmalade made?', 'claude-sonnet');
    conversation.mode = 'direct';
    await conversation.askAgain(last());
    expect(last().mode).toBe('rag');
    expect(standIn.calls[1]!.body.messages!.at(-1)!.content).toHaveLength(2);
  });

  it('costs more at the most, and begins anew in the direct mode', async () => {
    const { core } = await gatewayOnMock();
    const { conversation } = open(core, [], undefined, undefined, [workspace()]);
    const direct = await conversation.worstCase('How is marmalade made?', 'claude-sonnet');
    conversation.mode = 'rag';
    expect(await conversation.worstCase('How is marmalade made?', 'claude-sonnet')).toBeGreaterThan(direct);
    conversation.clear();
    expect(conversation.mode).toBe('direct');
  });
});
