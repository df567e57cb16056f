import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import type { Gateway } from '../../../src/gateways/gateway.ts';
import type { GovernedCalls, ModelCalls } from '../../../src/gateways/modelCalls.ts';
import { initGateways } from '../../../src/gateways/registry.ts';
import { WorkflowOptimizerGateway } from '../../../src/gateways/workflowOptimizer/workflowOptimizerGateway.ts';
import { gatewayOnMock } from '../../support/gateways.ts';
import { patience } from '../../support/patience.ts';

describe('the gateway registry', () => {
  it('brings up all three gateways', async () => {
    const { core } = await gatewayOnMock();
    const { registry } = core;
    expect(registry.getAvailableServices()).toEqual(['corporate_llm', 'ai_processing', 'workflow_optimizer']);
    expect(registry.getRegistryStats()).toEqual({ total: 3, initialized: 3, failed: 0, notInstalled: 0 });
    const health = await registry.healthCheck(AbortSignal.timeout(patience));
    expect(health.corporate_llm.state).toBe('healthy');
    expect(health.ai_processing.state).toBe('healthy');
    expect(health.workflow_optimizer.state).toBe('healthy');
  });

  it('never calls a gateway healthy that is not installed', async () => {
    const registry = await initGateways({});
    const health = await registry.healthCheck(AbortSignal.timeout(patience));
    expect(health.workflow_optimizer).toMatchObject({
      state: 'not_installed',
      evidence: expect.stringContaining('corporate_llm and ai_processing'),
    });
  });

  it('refuses the third level without the second', () => {
    const below = { id: 'corporate_llm' } as Gateway;
    const policy = {
      optimizationLevel: 1,
      performanceThreshold: 0.1,
      complianceMode: true,
      dagManagerEnabled: true,
      flowAgreementsEnabled: true,
    };
    const tracker = { call: <T>(_level: string, make: () => Promise<T>) => make() };
    expect(() => new WorkflowOptimizerGateway({ below, policy, knowledge: [], tracker })).toThrow(
      'workflow_optimizer needs ai_processing and corporate_llm below it, not corporate_llm alone.',
    );
  });

  it('gives the fail-safe and the cause when a gateway did not come up', async () => {
    const cause = new GatewayError('backend_not_allowed', 'Policy allows no back-end.', {
      hint: 'Ask your lead.',
    });
    const registry = await initGateways({ corporate_llm: () => Promise.reject(cause) });
    expect(registry.listServices()[0]).toMatchObject({ state: 'failed', error: cause });
    const health = await registry.healthCheck(AbortSignal.timeout(patience));
    expect(health.corporate_llm).toMatchObject({ state: 'failed', error: cause });
    expect(() => registry.calls()).toThrow(/^NO DIRECT AWS CALLS ALLOWED: .*Policy allows no back-end/);
    expect(() => registry.calls()).toThrow(expect.objectContaining({ cause, hint: 'Ask your lead.' }));
  });

  it('hands out the highest level, which is made over the level below', async () => {
    const calls: string[] = [];
    const level = (id: Gateway['id'], below?: ModelCalls): Gateway & GovernedCalls => ({
      id,
      execute: (request) => {
        calls.push(id);
        return below ? (below as GovernedCalls).execute(request) : Promise.reject(new Error('no model'));
      },
      worstCase: () => 1n,
      plan: () => Promise.reject(new Error('never asked')),
      replay: () => Promise.reject(new Error('never asked')),
      refuse: () => Promise.reject(new Error('never asked')),
      checkHealth: () => Promise.reject(new Error('never asked')),
      validateAgreement: () => Promise.resolve([]),
      getCapabilities: () => ({ providers: [], models: [] }),
    });
    const registry = await initGateways({
      corporate_llm: () => Promise.resolve(level('corporate_llm')),
      ai_processing: (below) => Promise.resolve(level('ai_processing', below)),
      workflow_optimizer: () => Promise.reject(new GatewayError('settings_invalid', 'No.')),
    });
    await expect(registry.calls().execute({ prompt: 'hello' })).rejects.toThrow('no model');
    expect(calls).toEqual(['ai_processing', 'corporate_llm']);
  });

  it('says what a gateway lacks, and why that is missing', async () => {
    const level2: Gateway = {
      id: 'ai_processing',
      execute: () => Promise.reject(new Error('never asked')),
      worstCase: () => 0n,
      checkHealth: () => Promise.reject(new Error('never asked')),
      validateAgreement: () => Promise.reject(new Error('never asked')),
      getCapabilities: () => ({}),
    };
    const alone = await initGateways({ ai_processing: () => Promise.resolve(level2) });
    expect(alone.listServices()[1]).toMatchObject({
      state: 'failed',
      error: { message: 'ai_processing needs corporate_llm, which is not installed.' },
    });
    const cause = new GatewayError('ledger_unavailable', 'The disk is gone.', { hint: 'Mount it.' });
    const below = await initGateways({
      corporate_llm: () => Promise.reject(cause),
      ai_processing: () => Promise.resolve(level2),
    });
    expect(below.listServices()[1]?.error).toMatchObject({
      code: 'gateway_unavailable',
      message: 'ai_processing needs corporate_llm, which did not start: The disk is gone.',
      hint: 'Mount it.',
      cause,
    });
    expect(below.getAvailableServices()).toEqual([]);
    const health = await below.healthCheck(AbortSignal.timeout(patience));
    expect(health.ai_processing).toMatchObject({ state: 'failed', error: { hint: 'Mount it.' } });
  });
});
