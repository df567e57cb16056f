import { describe, expect, test } from 'vitest';
import type { ComposeOptions, Core } from '../../src/core/core.ts';
import { anthropic, compatible, gatewayOn, openai, type DirectService } from '../support/directGateways.ts';
import { fakePacing } from '../support/fakePacing.ts';
import { gatewayOnStandIn } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';

/** What becomes of a call whose every attempt meets the same fault. */
interface Outcome {
  attempts: number;
  /** What each attempt is charged: nothing, its worst case, or something up to it. */
  charge: 'nothing' | 'worst case' | 'at most the worst case';
}

const refused: Outcome = { attempts: 1, charge: 'nothing' };
const repeated: Outcome = { attempts: 3, charge: 'nothing' };
const repeatedAndBilled: Outcome = { attempts: 3, charge: 'worst case' };
const unreadable: Outcome = { attempts: 1, charge: 'worst case' };
/** A part of the answer was shown. */
const begun: Outcome = { attempts: 1, charge: 'at most the worst case' };

const onBedrock: [fault: string, outcome: Outcome][] = [
  ['validation', refused],
  ['on-demand', refused],
  ['quota', refused],
  ['denied', refused],
  ['not-found', refused],
  ['throttled', repeated],
  ['not-ready', repeated],
  ['internal', repeated],
  ['unavailable', repeated],
  ['timeout', repeatedAndBilled],
  ['model-error', repeatedAndBilled],
  ['reset', repeatedAndBilled],
  ['hang', repeatedAndBilled],
  ['proxy-failure', repeatedAndBilled],
  // Bedrock had accepted the call, so its input counts.
  ['fail=throttlingException busy', { attempts: 3, charge: 'at most the worst case' }],
  ['fail=validationException wrong', { attempts: 1, charge: 'at most the worst case' }],
  ['html', unreadable],
  ['stall', begun],
  ['cut', begun],
  ['early-end', begun],
  ['exception', begun],
  ['no-metadata', begun],
  ['break=throttlingException busy', begun],
  ['break=modelStreamErrorException broken', begun],
  ['break=internalServerException broken', begun],
];

const onDirectServices: [fault: string, outcome: Outcome][] = [
  ['refuse=400 invalid_request_error wrong', refused],
  ['refuse=401 authentication_error key', refused],
  ['refuse=403 permission_error no', refused],
  ['refuse=404 not_found_error model', refused],
  ['refuse=413 request_too_large big', refused],
  ['refuse=429 insufficient_quota pay', refused],
  ['fail=400 invalid_request_error wrong', refused],
  ['refuse=429 rate_limit_error slow down', repeated],
  ['refuse=500 api_error broken', repeated],
  ['refuse=503 unavailable_error later', repeated],
  ['refuse=529 overloaded_error busy', repeated],
  ['fail=429 rate_limit_error slow down', repeated],
  ['fail=500 api_error broken', repeated],
  ['fail=529 overloaded_error busy', repeated],
  ['refuse=408 timeout_error slow', repeatedAndBilled],
  ['refuse=504 timeout_error late', repeatedAndBilled],
  ['reset', repeatedAndBilled],
  ['hang', repeatedAndBilled],
  ['html', unreadable],
  ['stall', begun],
  ['cut', begun],
  ['early-end', begun],
  ['break=529 overloaded_error busy', begun],
];

const settings = {
  TIDYLLM_RETRY_ATTEMPTS: '3',
  TIDYLLM_RETRY_BASE_DELAY_MS: '100',
  TIDYLLM_RETRY_MAX_DELAY_MS: '1000',
  TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '400',
};

interface Reached {
  core: Core;
  standIn: { calls: unknown[]; headers: Record<string, string> };
}

const bedrock = {
  name: 'Bedrock',
  model: 'claude-sonnet',
  throttled: 'throttled',
  faults: onBedrock,
  open: (options: Partial<ComposeOptions>): Promise<Reached> => gatewayOnStandIn(settings, options),
};

const backends = [
  bedrock,
  ...[anthropic, openai, compatible].map((service: DirectService) => ({
    name: service.name,
    model: service.model,
    throttled: 'refuse=429 rate_limit_error slow down',
    faults: onDirectServices,
    open: (options: Partial<ComposeOptions>): Promise<Reached> => gatewayOn(service, settings, '', options),
  })),
];

describe.each(backends)('$name', ({ model, throttled, faults, open }) => {
  /** Makes the call with the real core; only time and chance are ours. */
  async function callWith(fault: string, headers: Record<string, string> = {}) {
    const pacing = fakePacing();
    const { core, standIn } = await open({ pacing });
    Object.assign(standIn.headers, headers);
    const request = {
      prompt: `@stand-in:${fault}`,
      auditReason: 'JIRA-1 faults',
      modelId: model,
      maxTokens: 100,
    };
    const calls = core.registry.calls();
    const worst = calls.worstCase(request);
    const response = await calls.execute(request);
    const charges = (await recordsOf(core, 'SETTLE')).map((record) => BigInt(record.cost_micro_usd));
    return { core, response, worst, charges, sent: standIn.calls.length, waits: pacing.waits };
  }

  test.each(faults)('%s: attempts, waits and charges', async (fault, { attempts, charge }) => {
    const { core, response, worst, charges, sent, waits } = await callWith(fault);
    expect(response).toMatchObject({ success: false, gatewayTracked: true, attempts });
    // Nobody repeats a call besides level 2.
    expect(sent).toBe(attempts);
    // Half of the longest wait, which doubles.
    expect(waits).toEqual([50, 100].slice(0, attempts - 1));
    expect(await recordsOf(core, 'RESERVE')).toHaveLength(attempts);
    expect(await recordsOf(core, 'VOID')).toHaveLength(charge === 'nothing' ? attempts : 0);
    expect(charges).toHaveLength(charge === 'nothing' ? 0 : attempts);
    for (const cost of charges) {
      expect(cost > 0n && cost <= worst).toBe(true);
      if (charge === 'worst case') expect(cost).toBe(worst);
    }
    const spent = charges.reduce((sum, cost) => sum + cost, 0n);
    expect(response.cost).toBe(spent);
    expect(await core.ledger.budget()).toMatchObject({ spent, reserved: 0n });
  });

  test('waits as long as the provider asks, and hands the wait on once attempts are used up', async () => {
    const { response, waits } = await callWith(throttled, { 'retry-after': '7' });
    expect(waits).toEqual([7_000, 7_000]);
    expect(response.error?.retryAfterMs).toBe(7_000);
  });

  test('does not wait for a provider that asks for more than a minute', async () => {
    const { response, sent, waits } = await callWith(throttled, { 'retry-after': '61' });
    expect({ sent, waits }).toEqual({ sent: 1, waits: [] });
    expect(response.error?.retryAfterMs).toBe(61_000);
  });
});

/** The same failure as each service says it in its first event. */
const failure = {
  type: 'error',
  error: { type: 'overloaded_error', message: 'busy', code: null },
};

describe.each([
  [anthropic, 'claude-haiku-4-5'],
  [openai, 'gpt-5.4-mini'],
] as const)('fallback models of $name', (service, other) => {
  async function withFallback() {
    const settings = (url: string): string =>
      service.settings(url).replace('ai:\n', `ai:\n  fallback_models: { ${service.model}: [${other}] }\n`);
    return gatewayOn({ ...service, settings }, { TIDYLLM_RETRY_ATTEMPTS: '1' });
  }

  test('answer when the first event is a failure', async () => {
    const { ask, standIn } = await withFallback();
    const fails = { events: [{ event: 'error', data: JSON.stringify(failure) }] };
    standIn.override = ({ body }) => (body['model'] === service.model ? fails : null);
    const response = await ask({ prompt: '@stand-in:text=Hello' });
    expect(response).toMatchObject({ success: true, content: 'Hello', fallbackFrom: service.model });
    expect(response.modelUsed).toContain(other);
  });

  test('are not asked once a part of the answer was shown', async () => {
    const { ask, standIn } = await withFallback();
    const response = await ask({ prompt: '@stand-in:break=529 overloaded_error busy' });
    expect(response).toMatchObject({ status: 'incomplete', attempts: 1, fallbackFrom: null });
    expect(response.content).not.toBe('');
    expect(standIn.calls).toHaveLength(1);
  });
});
