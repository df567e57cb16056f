import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { TidyLlmApi } from '../../../src/extension.ts';
import type { Core } from '../../../src/core/core.ts';

describe('the extension’s API', () => {
  let core: Core;

  before(async () => {
    const extension = vscode.extensions.getExtension<TidyLlmApi>('tidyllm.tidyllm-gateway');
    core = await (await extension!.activate()).whenReady();
  });

  it('gives the core with the simulated back-end where there are no credentials', () => {
    assert.equal(core.backend.id, 'mock');
    assert.equal(core.ledger.mode, 'simulated');
    assert.match(core.simulatedBecause ?? '', /credentials/);
  });

  it('makes a governed call that is recorded and moves the budget', async () => {
    const before = await core.budget();
    const pieces: string[] = [];
    const response = await core.registry
      .get('corporate_llm')
      .executeLlmRequest(
        { prompt: 'hello', modelId: 'claude-haiku', auditReason: 'JIRA-1 test the API' },
        { onText: (text) => pieces.push(text) },
      );
    assert.ok(response.success && response.simulated && response.gatewayTracked);
    assert.equal(pieces.join(''), response.content);
    const after = await core.budget();
    assert.equal(after.spent - before.spent, response.cost);
    assert.equal(after.reserved, 0n);
    assert.equal((await core.ledger.head())?.hash, response.auditTrail?.hash);
  });

  it('refuses a call without a reason', async () => {
    const response = await core.registry
      .get('corporate_llm')
      .executeLlmRequest({ prompt: 'hello', auditReason: ' ' });
    assert.equal(response.error?.code, 'audit_reason_missing');
    assert.equal(response.cost, 0n);
  });
});
