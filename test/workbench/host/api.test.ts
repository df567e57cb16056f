import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { ApiRequest, TidyLlmApi } from '../../../src/host/api.ts';

const id = 'tidyllm.tidyllm-gateway';
const request: ApiRequest = {
  caller: id,
  reason: 'JIRA-1 test the API',
  model: 'claude-haiku',
  prompt: 'hello',
};

/** The journal of the window's home, as it stands on the disk. */
function journal(): string {
  const folder = join(process.env['TIDYLLM_HOME'] ?? '', 'ledger', 'simulated');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.journal'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
}

/** Everything that can be reached from a value, prototypes of its own included. */
function reachable(value: unknown, seen = new Set<unknown>()): Set<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value))
    return seen;
  if (value === Object.prototype || value === Function.prototype) return seen;
  seen.add(value);
  for (const key of Reflect.ownKeys(value))
    reachable(Reflect.getOwnPropertyDescriptor(value, key)?.value, seen);
  return reachable(Object.getPrototypeOf(value), seen);
}

describe('the extension’s API', () => {
  let api: TidyLlmApi;

  before(async () => {
    api = (await vscode.extensions.getExtension<TidyLlmApi>(id)?.activate()) as TidyLlmApi;
  });

  it('says how the gateway stands, and what the day has spent', async () => {
    assert.equal(api.version, vscode.extensions.getExtension(id)?.packageJSON.version);
    assert.deepEqual(await api.status(), { state: 'ready', simulated: true, error: null });
    const [corporate, processing, workflow] = await api.gateways();
    assert.ok(corporate?.capabilities && processing?.capabilities);
    assert.deepEqual(corporate.capabilities['providers'], ['mock']);
    assert.deepEqual(processing.capabilities['backends'], ['bedrock', 'mock']);
    assert.equal(typeof processing.capabilities['retry_enabled'], 'boolean');
    assert.equal(workflow?.state, 'initialized');
    assert.equal(workflow.capabilities?.['requires_knowledge_resources'], true);
    const budget = await api.budget();
    assert.match(budget.day, /^\d{4}-\d{2}-\d{2}$/);
    assert.match(budget.limit_usd, /^\d/);
  });

  it('makes a governed call that is recorded under the name of the extension that asks', async () => {
    const before = await api.budget();
    const pieces: string[] = [];
    const response = await api.execute(request, { onText: (text) => pieces.push(text) });
    assert.ok(response.success && response.simulated && response.gateway_tracked);
    assert.equal(pieces.join(''), response.content);
    const after = await api.budget();
    assert.equal(
      (Number(after.spent_usd) - Number(before.spent_usd)).toFixed(6),
      Number(response.cost_usd).toFixed(6),
    );
    assert.ok(journal().includes(response.audit_trail?.hash ?? 'no record'));
    assert.ok(journal().includes(`"command":"extension ${id} (unverified)"`));
  });

  it('takes tools and gives back the turn that the next request repeats', async () => {
    const { prompt, ...rest } = request;
    const tools = [{ name: 'read_file', input_schema: { type: 'object', properties: { path: {} } } }];
    const asked = { role: 'user' as const, content: prompt ?? '' };
    const first = await api.execute({ ...rest, messages: [asked], tools });
    assert.equal(first.stop_reason, 'tool_use');
    const { content } = first.message ?? { content: '' };
    const use = typeof content === 'string' ? undefined : content.find(({ type }) => type === 'tool_use');
    assert.ok(first.message && use?.type === 'tool_use');
    const result = { type: 'tool_result' as const, tool_use_id: use.id, content: 'forty-two' };
    const messages = [asked, first.message, { role: 'user' as const, content: [result] }];
    const second = await api.execute({ ...rest, messages, tools });
    assert.ok(second.success && second.stop_reason === 'end_turn');
    assert.ok(journal().includes('"tool_uses":["read_file"]'));
  });

  it('lends out nothing that can be patched, and nothing of the core', async () => {
    assert.deepEqual(Object.keys(api).sort(), ['budget', 'execute', 'gateways', 'status', 'version']);
    assert.ok(Object.isFrozen(api));
    assert.throws(() => Object.assign(api, { execute: () => null }), TypeError);
    const answers = [
      await api.status(),
      await api.gateways(),
      await api.budget(),
      await api.execute({ ...request, reason: ' ' }),
    ];
    const names = [...reachable([api, ...answers])].flatMap((value) => Reflect.ownKeys(value as object));
    const core = ['ledger', 'registry', 'sessions', 'credentials', 'raiseCap', 'settle', 'catalogue'];
    assert.deepEqual(
      names.filter((name) => core.includes(String(name))),
      [],
    );
    // What is given back belongs to the caller alone.
    Object.assign(answers[1] as object, { spent_usd: '0' });
    assert.equal((await api.execute(request)).success, true);
  });

  it('refuses what has no reason, no known caller, or is more than a request', async () => {
    assert.equal((await api.execute({ ...request, reason: ' ' })).error?.code, 'audit_reason_missing');
    const before = journal();
    const wrong: object[] = [
      { ...request, caller: 'nobody.unknown' },
      { ...request, caller: '' },
      { ...request, userId: 'somebody-else' },
      { ...request, flow: { runId: 'r', agreement: 'a', costLimit: 1n } },
      { ...request, origin: { workspace: null, branch: null, command: 'chat' } },
      { ...request, messages: [{ role: 'tool', content: 'x' }] },
      { ...request, messages: [{ role: 'user', content: [{ type: 'image', url: 'x' }] }] },
      { ...request, tools: [{ name: 'look', input_schema: { limit: () => 1 } }] },
    ];
    for (const one of wrong)
      await assert.rejects(api.execute(one as ApiRequest), { code: 'invalid_request' });
    assert.equal(journal(), before);
  });

  it('reads a request once: what changes afterwards changes nothing', async () => {
    let reads = 0;
    const sly = { ...request };
    Object.defineProperty(sly, 'reason', {
      enumerable: true,
      get: () => ((reads += 1) === 1 ? 'JIRA-1 first' : ''),
    });
    const response = await api.execute(sly);
    assert.ok(response.success || response.error?.code === 'audit_reason_missing');
    assert.ok(response.gateway_tracked);
  });

  it('stops a call when the caller does', async () => {
    const response = await api.execute(request, { signal: AbortSignal.abort() });
    assert.equal(response.status, 'cancelled');
    assert.equal(response.cost_usd, '0');
  });
});

describe('commands that other extensions call', () => {
  it('open and create no file but those that they are for', async () => {
    const path = join(process.env['TIDYLLM_HOME'] ?? '', 'made-by-a-command.yaml');
    for (const command of ['tidyllm.openSettingsFile', 'tidyllm.openFlowFile'])
      await vscode.commands.executeCommand(command, { place: { file: path, line: 1, column: 1 } });
    assert.ok(!readdirSync(process.env['TIDYLLM_HOME'] ?? '').includes('made-by-a-command.yaml'));
    assert.ok(!vscode.workspace.textDocuments.some(({ uri }) => uri.fsPath === path));
  });
});
