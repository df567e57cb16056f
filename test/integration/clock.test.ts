import { describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import { examine } from '../../src/health/examine.ts';
import type { Core } from '../../src/core/core.ts';
import type { LlmResponse } from '../../src/gateways/modelCalls.ts';
import { startAwsIdentityStandIn } from '../standIn/awsIdentity.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn, isolatedEnvironment } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';

const minute = 60_000;
/** How far AWS's clock is ahead, with what is said of this computer's. */
const skews = [
  [20 * minute, '20 minutes slow'],
  [-20 * minute, '20 minutes fast'],
  [6 * minute, '6 minutes slow'],
  [-6 * minute, '6 minutes fast'],
  [3 * 60 * minute, '3 hours slow'],
  [-26 * 60 * minute, '26 hours fast'],
  [400 * 24 * 60 * minute, '400 days slow'],
] as const;

function ask(core: Core, stream = true): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  return gateway.execute({ prompt: 'hello', auditReason: 'JIRA-1 clock', stream });
}

describe('a clock that is wrong', () => {
  it.each(skews)('by %i ms is allowed for: each call is made, and charged once', async (ahead) => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.clockAheadMs = ahead;
    const [first, second] = [await ask(core), await ask(core, false)];
    expect([first.success, second.success]).toEqual([true, true]);
    expect(first.cost).toBe(second.cost);
    expect(first.costEstimated).toBe(false);
    // Only the first call was refused for it.
    expect(standIn.refused).toBe(1);
    expect(standIn.calls).toHaveLength(2);
    expect(await recordsOf(core, 'RESERVE')).toHaveLength(2);
    expect(await recordsOf(core, 'VOID')).toEqual([]);
    expect((await core.budget()).spent).toBe(first.cost + second.cost);
  });

  it.each(skews)('by %i ms is told with how far', async (ahead, said) => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.clockAheadMs = ahead;
    const { state, evidence, clockOffsetMs } = await core.sessions.checkHealth('bedrock');
    expect(state).toBe('healthy');
    expect(evidence).toContain(`this computer's clock is ${said}, which calls correct for`);
    expect(Math.abs((clockOffsetMs ?? 0) - ahead)).toBeLessThan(5_000);
    const findings = await examine<Core>({ environment: process.env, withSources: (work) => work(core) });
    expect(findings.find(({ name }) => name === 'clock')).toMatchObject({
      state: 'warning',
      evidence: expect.stringContaining(said) as string,
      hint: expect.stringContaining('Set this computer’s clock') as string,
    });
  });

  it('that is set right in the meantime is followed', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    for (const ahead of [20 * minute, 0, -20 * minute]) {
      standIn.clockAheadMs = ahead;
      expect((await ask(core)).success).toBe(true);
    }
    expect(standIn.refused).toBe(3);
  });

  it('is allowed for in calls at the same time', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.clockAheadMs = 20 * minute;
    const responses = await Promise.all([ask(core), ask(core), ask(core), ask(core)]);
    expect(responses.map(({ success }) => success)).toEqual([true, true, true, true]);
  });

  it('with keys that have expired as well is met with both', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.clockAheadMs = 20 * minute;
    standIn.refuseKey('AKIASTANDIN');
    expect(await ask(core)).toMatchObject({ cost: 0n, error: { code: 'credentials_expired' } });
    expect(standIn.refused).toBe(2);
  });

  it('that differs by less than a minute is right', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.clockAheadMs = 45_000;
    expect((await core.sessions.checkHealth('bedrock')).evidence).not.toContain('clock');
    const findings = await examine<Core>({ environment: process.env, withSources: (work) => work(core) });
    expect(findings.find(({ name }) => name === 'clock')).toMatchObject({ state: 'healthy' });
  });

  it.each([20 * minute, -20 * minute])('by %i ms leaves the caller known', async (ahead) => {
    const identity = await startAwsIdentityStandIn();
    onTestFinished(() => identity.close());
    identity.clockAheadMs = ahead;
    await gatewayOnStandIn({ AWS_ENDPOINT_URL_STS: identity.url, AWS_REGION: 'us-east-1' });
    const core = await compose({ environment: process.env });
    onTestFinished(() => core.dispose());
    expect(core.user).toBe('ada@example.com');
    expect(identity.asked.at(-2)).toBe('refused for its time');
  });

  it('is told by the command, as text and as JSON', async () => {
    const standIn = await startBedrockStandIn();
    onTestFinished(() => standIn.close());
    standIn.clockAheadMs = 20 * minute;
    const environment = {
      ...isolatedEnvironment(temporaryFolder()),
      ...{ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret', TIDYLLM_USER: 'ada' },
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
    };
    const shown = await tidyllm(['health'], { environment });
    expect(shown.stdout).toContain('20 minutes slow');
    expect((await tidyllm(['doctor'], { environment })).stdout).toMatch(/clock: .*20 minutes slow/);
    const { document } = await tidyllmJson(['health', 'bedrock'], { environment });
    expect(document['clock_offset_ms']).toBeGreaterThan(19 * minute);
  });
});
