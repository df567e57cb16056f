import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Conversation } from '../../src/chat/conversation.ts';
import { previewText } from '../../src/chat/context/preview.ts';
import { statisticsOf } from '../../src/chat/statistics.ts';
import type { ChatCalls, ChatResponse } from '../../src/chat/chatMode.ts';
import type { Core } from '../../src/core/core.ts';
import type { LlmRequest } from '../../src/gateways/modelCalls.ts';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnMock, gatewayOnStandIn, isolatedEnvironment } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const cohere = 'cohere.embed-english-v3';
const titan = 'amazon.titan-embed-text-v2:0';
const reason = 'JIRA-1 find it';
const on = (model: string): Record<string, string> => ({ TIDYLLM_CHAT_RETRIEVAL_EMBEDDINGS: model });

/** More parts than are sent, with texts that no other test embeds. */
function workspace(parts = 40): string {
  const folder = temporaryFolder();
  for (let index = 0; index < parts; index += 1)
    writeFileSync(join(folder, `m${index}.md`), `The marmalade of pot ${index}, ${randomUUID()}`);
  return folder;
}

/** The embedding model has a cap of its own, of nothing. */
function capped(): Record<string, string> {
  const file = join(temporaryFolder(), 'settings.yaml');
  writeFileSync(file, `budget: { per_model_usd: { "${cohere}": 0 } }\n`);
  return { TIDYLLM_SETTINGS: file };
}

async function calls(core: Core, folder: string, mode = 'rag'): Promise<ChatCalls> {
  return core.chat.calls(await core.chat.mode(mode), { folders: [{ path: folder }] });
}

/** A question that no other test asks, unless it is given. */
const request = (more: Partial<LlmRequest> = {}): LlmRequest => ({
  prompt: `What is known of the marmalade ${randomUUID()}?`,
  auditReason: reason,
  origin: { door: 'chat', folder: '/w', branch: 'b' },
  modelId: 'claude-sonnet',
  maxTokens: 100,
  ...more,
});

function invoked({ calls: seen }: BedrockStandIn): { model: string; type: unknown; texts: number }[] {
  return seen.flatMap(({ modelId, invoked: body }) =>
    body ? { model: modelId, type: body.input_type, texts: ((body.texts ?? [0]) as unknown[]).length } : [],
  );
}

describe('answers from the workspace, ordered by meaning', () => {
  test('need no embeddings unless they are switched on', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const response = await (await calls(core, workspace())).execute(request());
    expect(response.success).toBe(true);
    expect(invoked(standIn)).toEqual([]);
    expect(response.embeddings).toBeUndefined();
  });

  test('embed the question and the parts by governed calls for its reason, and the answer costs them too', async () => {
    const { core, standIn } = await gatewayOnStandIn(on(cohere));
    standIn.behave = () => ({ blocks: [{ text: 'It is known [1].' }] });
    const asked = await calls(core, workspace());
    const question = request();
    const worstCase = asked.worstCase(question);
    const response = await asked.execute(question);
    expect(invoked(standIn)).toEqual([
      { model: cohere, type: 'search_query', texts: 1 },
      { model: cohere, type: 'search_document', texts: 40 },
    ]);
    expect(response).toMatchObject({ success: true, attempts: 1, citations: { valid: [{ n: 1 }] } });
    expect(response.citations?.byWords).toBeUndefined();
    const reserved = await recordsOf(core, 'RESERVE');
    expect(reserved.map(({ reason: one, command, branch }) => [one, command, branch])).toEqual(
      Array.from({ length: 3 }, () => [reason, 'chat', 'b']),
    );
    const settled = await recordsOf(core, 'SETTLE');
    const spent = settled.map(({ cost_micro_usd: cost }) => BigInt(cost));
    expect(response.cost).toBe(spent[0]! + spent[1]! + spent[2]!);
    expect(response.embeddings).toMatchObject({ model: cohere, cost: spent[0]! + spent[1]! });
    expect(response.embeddings?.records.map(({ sequence }) => sequence)).toEqual(
      settled.slice(0, 2).map(({ seq }) => seq),
    );
    expect(await core.ledger.budget()).toMatchObject({ spent: response.cost, reserved: 0n });
    const most = reserved.reduce((sum, one) => sum + BigInt(one.reserved_micro_usd), 0n);
    expect(most).toBeLessThanOrEqual(worstCase);
  });

  test.each([cohere, titan])('never reserve more than was said before, by %s', async (model) => {
    const { core } = await gatewayOnStandIn(on(model));
    const folder = temporaryFolder();
    for (let index = 0; index < 70; index += 1)
      writeFileSync(join(folder, `m${index}.md`), `marmalade ${'数ﷺ😀x'.repeat(90)} ${randomUUID()}`);
    const asked = await calls(core, folder);
    const long = request({ prompt: `marmalade ${'数ﷺ😀x'.repeat(900)}` });
    const worstCase = asked.worstCase(long);
    const response = await asked.execute(long);
    expect(response.success).toBe(true);
    const reserved = (await recordsOf(core, 'RESERVE')).map((one) => BigInt(one.reserved_micro_usd));
    expect(reserved.length).toBeGreaterThan(2);
    expect(reserved.reduce((sum, one) => sum + one, 0n)).toBeLessThanOrEqual(worstCase);
  });

  test('do not embed again what was embedded in this process, nor what is sent whole', async () => {
    const { core, standIn } = await gatewayOnStandIn(on(cohere));
    const folder = workspace();
    const asked = await calls(core, folder);
    const question = request();
    await asked.execute(question);
    await asked.execute(question);
    expect(invoked(standIn)).toHaveLength(2);
    const other = await asked.execute(request());
    expect(invoked(standIn).slice(2)).toEqual([{ model: cohere, type: 'search_query', texts: 1 }]);
    expect(other.embeddings?.records).toHaveLength(1);
    await (await calls(core, workspace(5))).execute(request());
    expect(invoked(standIn)).toHaveLength(3);
  });

  test('keep the order of the words, and say so, where the budget does not allow both', async () => {
    const direct = await gatewayOnStandIn();
    const answer = (await calls(direct.core, temporaryFolder())).worstCase(request());
    const limit = { TIDYLLM_BUDGET_DAILY_LIMIT_USD: (Number(answer + 10n) / 1e6).toFixed(6) };
    const { core, standIn } = await gatewayOnStandIn({ ...on(cohere), ...limit });
    const response = await (await calls(core, workspace())).execute(request());
    expect(response.success).toBe(true);
    expect(response.citations?.byWords).toMatch(
      /^The sources are in the order of their words alone\. With embeddings the question may cost \$/,
    );
    expect(invoked(standIn)).toEqual([]);
    expect(await recordsOf(core, 'RESERVE')).toHaveLength(1);
  });

  test.each<[string, () => Record<string, string>, RegExp]>([
    ['is capped', capped, /\$0 of today's \$0 for the model cohere/],
    ['makes no embeddings', () => on('claude-sonnet'), /creates no embeddings\. Use one of: titan-embed/],
    ['is denied', () => ({}), /access/i],
  ])('keep the order of the words, and say why, where the model %s', async (what, environment, why) => {
    const { core, standIn } = await gatewayOnStandIn({ ...on(cohere), ...environment() });
    standIn.behave = ({ operation }) =>
      what === 'is denied' && operation === 'invoke' ? { refusal: 'denied' } : {};
    const response = await (await calls(core, workspace())).execute(request());
    expect(response.success).toBe(true);
    expect(response.citations?.byWords).toMatch(why);
    // One refusal is enough, and it is recorded like any other call.
    expect(invoked(standIn).length).toBe(what === 'is denied' ? 1 : 0);
  });

  test('are stopped while they are ordered, and what was spent is said', async () => {
    const { core, standIn } = await gatewayOnStandIn(on(cohere));
    const stop = new AbortController();
    standIn.behave = ({ operation }, index) => {
      if (operation === 'invoke' && index === 1) stop.abort();
      return {};
    };
    const response = await (await calls(core, workspace())).execute(request(), { signal: stop.signal });
    expect(response.status).toBe('cancelled');
    expect(response.cost).toBe((await core.ledger.budget()).spent);
    expect(standIn.calls.every(({ operation }) => operation === 'invoke')).toBe(true);
  });

  test('are simulated on the mock, with every record', async () => {
    const { core } = await gatewayOnMock(on(cohere));
    const response: ChatResponse = await (await calls(core, workspace())).execute(request());
    expect(response).toMatchObject({ success: true, simulated: true });
    expect(response.embeddings?.records).toHaveLength(2);
  });

  test('show in a conversation what they cost, and in its preview where the parts go', async () => {
    const { core, standIn } = await gatewayOnStandIn(on(cohere));
    const folder = workspace();
    const conversation = new Conversation(
      {
        id: 'a-conversation',
        use: (work) => work(core),
        origin: () => Promise.resolve({ door: 'chat', folder: '/w', branch: 'b' }),
        folders: () => [{ path: folder }],
        problems: () => Promise.resolve(''),
        rules: () => Promise.resolve([]),
        runFlow: () => Promise.reject(new Error('There is none.')),
        show: () => Promise.resolve(null),
        failureOf: (error) => {
          throw error;
        },
        onEvent: () => undefined,
        onDidChange: () => undefined,
      },
      { turns: [], reason, mode: 'rag', signature: '' },
    );
    const { prompt: question = '' } = request();
    const preview = await conversation.preview(question, 'claude-sonnet', []);
    expect(standIn.calls).toEqual([]);
    expect(preview.embedded).toMatchObject({ model: cohere });
    expect(previewText(preview)).toMatch(
      /\nBefore: {2}41 texts of [\d,]+ bytes, .* go to cohere\.embed-english-v3/,
    );
    expect(previewText(preview)).toContain('The marmalade of pot');
    const worstCase = await conversation.worstCase(question, 'claude-sonnet');
    expect(worstCase).toBe(preview.worstCase);
    await conversation.ask(question, 'claude-sonnet');
    // A preview embeds nothing, so the question still needed all of it.
    expect(invoked(standIn).map(({ texts }) => texts)).toEqual([1, 40]);
    const { spent } = await core.ledger.budget();
    expect(conversation.turns[0]?.result?.costMicro).toBe(spent.toString());
    expect(statisticsOf(conversation.allTurns).cost).toBe(spent);
    expect((await conversation.preview(question, 'claude-sonnet', [])).embedded).toBeNull();
  });
});

describe('tidyllm chat --mode rag with embeddings', () => {
  test('has their cost and records in its document, and says what kept the order of the words', async () => {
    const standIn = await startBedrockStandIn();
    onTestFinished(() => standIn.close());
    const environment = {
      ...isolatedEnvironment(temporaryFolder()),
      ...{ AWS_ACCESS_KEY_ID: 'AKIASTANDIN', AWS_SECRET_ACCESS_KEY: 'secret' },
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
      ...on('cohere-embed'),
    };
    const ask = ['chat', '--mode', 'rag', '--reason', reason, 'Which marmalade?'];
    const cwd = workspace();
    const { code, document } = await tidyllmJson(ask, { environment, cwd });
    expect(code).toBe(0);
    expect(document).toMatchObject({
      embeddings: { model: 'cohere-embed', audit_trails: [{ sequence: expect.any(Number) as number }, {}] },
    });
    standIn.behave = ({ operation }) => (operation === 'invoke' ? { refusal: 'denied' } : {});
    // What a process has embedded it doesn't ask for again.
    const { stderr } = await tidyllm(ask, { environment, cwd, fresh: true });
    expect(stderr).toContain('The sources are in the order of their words alone.');
  });
});
