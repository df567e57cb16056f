import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InfrastructureDelegate } from '../../src/core/infrastructureDelegate.ts';
import { GatewayError } from '../../src/errors.ts';
import { initGateways } from '../../src/gateways/registry.ts';
import { aiProcessingGateway } from '../examples/aiProcessingGateway.ts';
import { enterprisePipeline } from '../examples/enterprisePipeline.ts';
import { gatewayChain } from '../examples/gatewayChain.ts';
import { multiModelComparison } from '../examples/multiModelComparison.ts';
import { gatewayOnMock, gatewayOnStandIn } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';

describe('the examples', () => {
  it('compare models, each call governed and recorded with its reason', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const lines: string[] = [];
    const results = await multiModelComparison(core, (line) => lines.push(line));
    expect(Object.keys(results)).toEqual(['claude-3-sonnet', 'claude-3-haiku', 'claude-opus']);
    for (const result of Object.values(results)) {
      expect(result).toMatchObject({ status: 'success', cacheHit: false, backendUsed: 'bedrock' });
      expect(result.responseLength).toBeGreaterThan(0);
    }
    expect(new Set(standIn.calls.map(({ modelId }) => modelId)).size).toBe(3);
    expect(await recordsOf(core, 'SETTLE')).toHaveLength(3);
    expect(lines).toContain('\nComparison Summary:');
  });

  it('show what the second gateway needs and can do, and ask through it', async () => {
    const { core } = await gatewayOnMock();
    const lines: string[] = [];
    const response = await aiProcessingGateway(core, (line) => lines.push(line));
    expect(response).toMatchObject({ success: true, simulated: true, gatewayTracked: true });
    expect(lines).toEqual(
      expect.arrayContaining([
        'Auto-detected backend: mock',
        'Requires: corporate_llm',
        'All available backends: bedrock,mock',
        'Cache enabled: false',
        'Processing status: success',
      ]),
    );
  });

  it('chain two governed calls through all three levels, and plan what the second answers', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const lines: string[] = [];
    const [first, second] = await gatewayChain(core, (line) => lines.push(line));
    expect([first?.success, second?.success]).toEqual([true, true]);
    expect(JSON.stringify(standIn.calls[1]?.body.messages)).toContain(JSON.stringify(first?.content));
    const reserved = await recordsOf(core, 'RESERVE');
    expect(reserved.map(({ user_id: user }) => user)).toEqual(['system_diagnostic', 'system_diagnostic']);
    expect(lines.at(-2)).toBe('Step 3 (Workflow Optimizer): optimize, 20000 ms, estimated: true');
    expect(lines.at(-1)).toBe('Full gateway chain completed');
  });

  it('go through the enterprise pipeline, recorded together under one user', async () => {
    const { core } = await gatewayOnStandIn();
    const lines: string[] = [];
    const responses = await enterprisePipeline(core, (line) => lines.push(line));
    expect(responses.map(({ status }) => status)).toEqual(['success', 'success']);
    expect(lines[0]).toBe('FLOW analysis: real');
    expect(lines.at(-1)).toMatch(/^Workflow optimization: optimize, \d+ improvements$/);
    const users = (await recordsOf(core, 'RESERVE')).map(({ user_id: user }) => user);
    expect(users).toEqual(['finance_team', 'finance_team']);
  });

  it('are all here and in their document', () => {
    const folder = join(import.meta.dirname, '../examples');
    const document = readFileSync(join(folder, '../../docs/examples.md'), 'utf8');
    const unnamed = readdirSync(folder).filter((file) => file !== 'withCore.ts' && !document.includes(file));
    expect(unnamed).toEqual([]);
  });
});

describe('invokeBedrock', () => {
  const request = { prompt: 'Why is the sky blue?', auditReason: 'JIRA-1 sky', modelId: 'claude-sonnet' };

  it('is a governed call that is tracked', async () => {
    const { core } = await gatewayOnStandIn();
    const response = await core.infrastructure.invokeBedrock(request);
    expect(response).toMatchObject({ success: true, gatewayTracked: true, modelUsed: expect.any(String) });
    expect(response.content).not.toBe('');
    expect(await recordsOf(core, 'SETTLE')).toMatchObject([{ call_id: response.auditTrail?.callId }]);
  });

  it('is refused without a reason, and that is tracked too', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const { auditReason: _reason, ...unexplained } = request;
    const response = await core.infrastructure.invokeBedrock(unexplained);
    expect(response).toMatchObject({ success: false, error: { code: 'audit_reason_missing' } });
    expect(standIn.calls).toEqual([]);
    expect(await recordsOf(core, 'REFUSE')).toHaveLength(1);
  });

  it('without a gateway makes no call: NO DIRECT AWS CALLS ALLOWED', async () => {
    const cause = new GatewayError('ledger_unavailable', 'The disk is gone.', { hint: 'Mount it.' });
    const registry = await initGateways({ corporate_llm: () => Promise.reject(cause) });
    const delegate = new InfrastructureDelegate(registry, { id: 'bedrock', simulated: false });
    const response = await delegate.invokeBedrock(request);
    expect(response).toMatchObject({
      ...{ success: false, gatewayTracked: false, cost: 0n, modelUsed: 'claude-sonnet' },
      error: { code: 'gateway_unavailable', hint: 'Mount it.' },
    });
    expect(response.error?.message).toContain('NO DIRECT AWS CALLS ALLOWED');
  });
});
