import { expect, test } from 'vitest';
import { AiProcessingGateway } from '../../src/gateways/aiProcessing/aiProcessingGateway.ts';
import type { LlmResponse, Priority } from '../../src/gateways/modelCalls.ts';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { untracked } from '../support/untracked.ts';
import { slotsInMemory } from '../support/slotsInMemory.ts';
import { VirtualTime } from '../support/virtualTime.ts';
import { SimulatedProvider, worstCost, type Weather } from './simulatedProvider.ts';

const simulations = times(300, 20_000);
const callsEach = 150;
const attempts = 3;
const atOnce = 6;
const weathers: readonly Weather[] = ['fair', 'slow', 'throttling', 'outage', 'hanging'];
const priorities: readonly Priority[] = ['low', 'normal', 'high'];
/** Ageing makes up for two ranks, low against high, in ten seconds. */
const twoRanksMs = 10_000;

interface Asked {
  name: string;
  priority: Priority;
  at: number;
  response: LlmResponse | null;
}

async function simulate(seed: number) {
  const random = randomFrom(seed);
  const time = new VirtualTime();
  const stormMs = 300_000;
  // Half of the days end with no money left.
  const cap = random() < 0.5 ? worstCost * 60n : worstCost * 10_000n;
  const provider = new SimulatedProvider(time, random, cap);
  const gateway = new AiProcessingGateway({
    below: provider,
    cache: null,
    slots: slotsInMemory(atOnce),
    tracker: untracked,
    pacing: {
      now: () => time.now(),
      sleep: (milliseconds, signal) => time.sleep(milliseconds, signal),
      random,
    },
    policy: {
      ...{ attempts, baseDelayMs: 1_000, maxDelayMs: 20_000, pauseAfterFailures: 5, concurrency: atOnce },
      ...{ backends: ['bedrock'], fallbackModels: {}, cacheScope: 'user', cacheMaxTemperature: 0 },
    },
  });

  async function changeWeather(): Promise<void> {
    while (time.now() < stormMs) {
      provider.weather = weathers[Math.floor(random() * weathers.length)] ?? 'fair';
      provider.capacity = 1 + Math.floor(random() * 8);
      await time.sleep(5_000 + random() * 60_000);
    }
    provider.weather = 'fair';
    provider.capacity = 8;
  }

  async function ask(asked: Asked): Promise<void> {
    await time.sleep(asked.at);
    const { name, priority } = asked;
    const stop = new AbortController();
    // Some people give up.
    if (random() < 0.05) void time.sleep(random() * 20_000).then(() => stop.abort());
    asked.response = await gateway.execute(
      { prompt: name, priority, auditReason: 'simulation' },
      { signal: stop.signal },
    );
  }

  const all: Asked[] = Array.from({ length: callsEach }, (_, index) => ({
    name: `call ${index}`,
    priority: priorities[Math.floor(random() * 3)] ?? 'low',
    at: Math.floor(random() * stormMs),
    response: null,
  }));
  await time.run(Promise.all([changeWeather(), ...all.map(ask)]));
  // The longest pause is five minutes; then one probe and everybody after it succeed.
  await time.run(time.sleep(301_000));
  const late: Asked[] = Array.from({ length: 5 }, (_, index) => ({
    ...{ name: `late ${index}`, priority: 'normal', at: index * 2_000, response: null },
  }));
  await time.run(Promise.all(late.map(ask)));
  return { provider, cap, all, late, circuit: gateway.metrics()[0]?.circuit };
}

type Simulation = Awaited<ReturnType<typeof simulate>>;

function check({ provider, cap, all, late, circuit }: Simulation): void {
  expect(provider.mostRunning).toBeLessThanOrEqual(atOnce);
  expect(provider.mostHeld <= cap).toBe(true);
  expect({ reserved: provider.reserved, running: provider.running }).toEqual({ reserved: 0n, running: 0 });
  const costs = [...all, ...late].reduce((sum, { response }) => sum + (response?.cost ?? 0n), 0n);
  expect(costs).toBe(provider.spent);
  const starts = new Map<string, number[]>();
  for (const { call, startedAt } of provider.attempts)
    starts.set(call, [...(starts.get(call) ?? []), startedAt]);
  for (const { name, response } of [...all, ...late]) {
    expect(response).not.toBeNull();
    expect(starts.get(name)?.length ?? 0).toBe(response?.attempts);
    expect(response?.attempts).toBeLessThanOrEqual(attempts);
  }
  // Nobody is overtaken by a call that came after ageing had made up for its rank.
  for (const waited of all) {
    const start = starts.get(waited.name)?.[0] ?? Infinity;
    const overtaking = all.filter(
      ({ name, at }) => at > waited.at + twoRanksMs && (starts.get(name)?.[0] ?? Infinity) < start,
    );
    if (start < Infinity) expect(overtaking.map(({ name }) => name)).toEqual([]);
  }
  const retries = provider.attempts.length - starts.size;
  const successes = provider.attempts.filter(({ outcome }) => outcome === 'success').length;
  expect(retries).toBeLessThanOrEqual(10 + successes / 5);
  const broke = provider.spent + worstCost > cap;
  if (!broke) {
    expect(late.filter(({ response }) => response?.success ?? false).length).toBeGreaterThanOrEqual(4);
    expect(circuit).toBe('closed');
  }
}

test(`${simulations} seeded days of a provider with outages, throttling and slow answers`, async () => {
  const seed = testSeed();
  let sent = 0;
  let pausedCalls = 0;
  for (let index = 0; index < simulations; index += 1) {
    const simulation = await simulate(seed + index);
    try {
      check(simulation);
    } catch (error) {
      throw new Error(`Simulation ${index} of seed ${seed} fails.`, { cause: error });
    }
    sent += simulation.provider.attempts.length;
    pausedCalls += simulation.provider.refused;
  }
  expect(pausedCalls).toBeGreaterThan(simulations / 10);
  report(
    'simulated provider',
    `${simulations} days of ${callsEach} calls, ${sent} attempts, ${pausedCalls} calls refused while paused or stopped, seed ${seed}`,
  );
});

test('a simulation is the same again for its seed', async () => {
  const seed = testSeed();
  const [one, other] = [await simulate(seed), await simulate(seed)];
  expect(other.provider.attempts).toEqual(one.provider.attempts);
  expect(other.provider.spent).toBe(one.provider.spent);
});
