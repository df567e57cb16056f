import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import { initGateways } from '../../../src/gateways/registry.ts';
import { gatewayOnMock } from '../../support/gateways.ts';

describe('the gateway registry', () => {
  it('brings up what is installed and never calls the rest healthy', async () => {
    const { core } = await gatewayOnMock();
    const { registry } = core;
    expect(registry.getAvailableServices()).toEqual(['corporate_llm']);
    expect(registry.getRegistryStats()).toEqual({ total: 3, initialized: 1, failed: 0, notInstalled: 2 });
    const health = await registry.healthCheck(AbortSignal.timeout(5000));
    expect(health.corporate_llm.state).toBe('healthy');
    expect(health.ai_processing).toMatchObject({
      state: 'not_installed',
      evidence: expect.stringContaining('corporate_llm'),
    });
    expect(health.workflow_optimizer).toMatchObject({
      state: 'not_installed',
      evidence: expect.stringContaining('corporate_llm and ai_processing'),
    });
  });

  it('gives the fail-safe and the cause when a gateway did not come up', async () => {
    const cause = new GatewayError('backend_not_allowed', 'Policy allows no back-end.', {
      hint: 'Ask your lead.',
    });
    const registry = await initGateways({ corporate_llm: () => Promise.reject(cause) });
    expect(registry.listServices()[0]).toMatchObject({ state: 'failed', error: cause });
    const health = await registry.healthCheck(AbortSignal.timeout(5000));
    expect(health.corporate_llm).toMatchObject({ state: 'failed', error: cause });
    expect(() => registry.get('corporate_llm')).toThrow(
      /^NO DIRECT AWS CALLS ALLOWED: .*Policy allows no back-end/,
    );
    expect(() => registry.get('corporate_llm')).toThrow(
      expect.objectContaining({ cause, hint: 'Ask your lead.' }),
    );
  });
});
