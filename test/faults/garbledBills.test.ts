import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { microToUsd } from '../../src/pricing/cost.ts';
import { adjustments, reconcile, type Reconciliation } from '../../src/reconciliation/reconcile.ts';
import { legacyExport, type BilledUsage } from '../support/costExports.ts';
import { capsOf, openLedger, reserveInput, settleInput } from '../support/ledgers.ts';
import { times, report } from '../support/nightly.ts';
import { testSeed } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Micro-USD for 1,000 tokens, and how the bill begins each model's usage types. */
const models = {
  'us.anthropic.claude-sonnet-4-6': { input: 3300, output: 16_500, billedAs: 'USE1-Claude4.6Sonnet' },
  'eu.anthropic.claude-sonnet-4-6': { input: 3300, output: 16_500, billedAs: 'EUC1-Claude4.6Sonnet' },
  'us.amazon.nova-pro-v1:0': { input: 800, output: 3200, billedAs: 'USE1-NovaPro' },
};
type ModelId = keyof typeof models;
const classes = ['input', 'output'] as const;

/** What may become of a line of the bill; null removes it. */
const damages: Record<string, (line: BilledUsage) => BilledUsage[]> = {
  removed: () => [],
  garbledCost: (line) => [{ ...line, cost: line.cost.replace('.', ',') }],
  noCost: (line) => [{ ...line, cost: '' }],
  currency: (line) => [{ ...line, currency: 'EUR' }],
  lineType: (line) => [{ ...line, type: 'Fee' }],
  noTime: (line) => [{ ...line, start: 'soon' }],
  usageType: (line) => [{ ...line, usageType: line.usageType.replace('put', 'p_t') }],
  model: (line) => [{ ...line, usageType: line.usageType.replace(/-\w+\.?\w*-/, '-Nobody7X-') }],
  changedCopy: (line) => [line, { ...line, cost: `${line.cost}1` }],
  service: (line) => [{ ...line, usageType: 'USE1-BoxUsage', productCode: 'AmazonEC2', product: 'EC2' }],
};
const harmless: Record<string, (line: BilledUsage) => BilledUsage[]> = {
  kept: (line) => [line],
  copied: (line) => [line, line],
};

const day = '2026-03-02';
const call = fc.record({
  hour: fc.integer({ min: 0, max: 23 }),
  modelId: fc.constantFrom(...(Object.keys(models) as ModelId[])),
  input: fc.integer({ min: 1, max: 50 }),
  output: fc.integer({ min: 1, max: 50 }),
  bound: fc.boolean(),
});
type Call = typeof call extends fc.Arbitrary<infer Value> ? Value : never;
const fate = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...Object.keys(harmless)) },
  { weight: 1, arbitrary: fc.constantFrom(...Object.keys(damages)) },
);

async function record(ledger: Ledger, clock: { now: number }, calls: readonly Call[]): Promise<void> {
  for (const { hour, modelId, input, output, bound } of calls.toSorted((a, b) => a.hour - b.hour)) {
    clock.now = Date.parse(`${day}T00:30:00Z`) + hour * 3_600_000;
    const prices = models[modelId];
    const cost = BigInt(input * prices.input + output * prices.output);
    const callId = randomUUID();
    await ledger.reserve(callId, { ...reserveInput(cost * 2n), model_id: modelId });
    const unitPrices = {
      above_input_tokens: 0,
      ...{ input: String(prices.input / 1000), output: String(prices.output / 1000) },
      ...{ cache_read: null, cache_write_5m: null, cache_write_1h: null },
    };
    const settled = settleInput(bound ? cost * 2n : cost);
    await ledger.settle(callId, {
      ...settled,
      estimated: bound,
      unit_prices: bound ? null : unitPrices,
      tokens: { ...settled.tokens, input_tokens: input * 1000, output_tokens: output * 1000 },
    });
  }
}

/** The truth: what AWS bills for the calls, a line for each hour, model and class; factor in tenths. */
function billOf(calls: readonly Call[], factor: number): Map<string, BilledUsage> {
  const costs = new Map<string, number>();
  for (const one of calls)
    for (const tokenClass of classes) {
      const key = `${one.modelId} ${tokenClass} ${one.hour}`;
      costs.set(
        key,
        (costs.get(key) ?? 0) + (one[tokenClass] * models[one.modelId][tokenClass] * factor) / 10,
      );
    }
  return new Map(
    [...costs].map(([key, micro]) => {
      const [modelId = '', tokenClass = '', hour = ''] = key.split(' ');
      const start = Date.parse(`${day}T00:00:00Z`) + Number(hour) * 3_600_000;
      const line = {
        ...{ id: key, start: iso(start), end: iso(start + 3_600_000), cost: microToUsd(BigInt(micro)) },
        usageType: `${models[modelId as ModelId].billedAs}-${tokenClass}-tokens`,
      };
      return [key, { ...line, cost: line.cost.includes('.') ? line.cost : `${line.cost}.0` }];
    }),
  );
}

function iso(time: number): string {
  return new Date(time).toISOString().replace('.000', '');
}

/** What AWS bills for a model, micro-USD. */
function truthOf(bill: Map<string, BilledUsage>, modelId: string): bigint {
  const lines = [...bill].filter(([key]) => key.startsWith(`${modelId} `));
  return lines.reduce((sum, [, { cost }]) => sum + BigInt(Math.round(Number(cost) * 1e6)), 0n);
}

/** What the ledger has for a model, micro-USD. */
function recordedOf(calls: readonly Call[], modelId: string): bigint {
  const costs = calls
    .filter((one) => one.modelId === modelId)
    .map((one) => {
      const prices = models[modelId as ModelId];
      return (one.input * prices.input + one.output * prices.output) * (one.bound ? 2 : 1);
    });
  return BigInt(costs.reduce((sum, cost) => sum + cost, 0));
}

it('reconciliation never moves a figure that the bill doesn’t prove', async () => {
  const numRuns = times(80, 5000);
  let moved = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 1, maxLength: 8 }),
      fc.constantFrom(5, 10, 15),
      fc.array(fate, { minLength: 48, maxLength: 48 }),
      fc.boolean(),
      async (calls, factor, fates, split) => {
        const directory = temporaryFolder();
        const clock = { now: 0 };
        const ledger = openLedger(directory, { now: () => clock.now, capOf: capsOf(10n ** 12n) });
        await record(ledger, clock, calls);
        const bill = billOf(calls, factor);
        const lines = [...bill.values()].flatMap((line, index) => {
          const name = fates[index] ?? 'kept';
          return (damages[name] ?? harmless[name] ?? harmless['kept'])?.(line) ?? [];
        });
        const intact = [...bill.keys()].every((_, index) => (fates[index] ?? 'kept') in harmless);
        const files = ['bill.csv', ...(split ? ['bill.csv.gz', 'part.csv'] : [])].map((name) =>
          join(directory, name),
        );
        for (const [index, file] of files.entries()) {
          const text = legacyExport(index === 2 ? lines.slice(0, 2) : lines);
          writeFileSync(file, file.endsWith('.gz') ? gzipSync(text) : text);
        }
        const run = (): Promise<Reconciliation> =>
          reconcile({
            directory,
            files,
            final: true,
            timeZone: 'UTC',
            mapping: new Map(),
            baseOf: (id) => id,
            where: new Map(),
          });

        const result = await run();
        const adjust = adjustments(result, { userId: 'ada', reason: 'FIN-7' });
        for (const modelId of Object.keys(models)) {
          const truth = truthOf(bill, modelId);
          const before = recordedOf(calls, modelId);
          const own = adjust.filter(({ model_id: id }) => id === modelId);
          const after = own.reduce((sum, one) => sum + BigInt(one.difference_micro_usd), before);
          expect(after).toBeGreaterThanOrEqual(before < truth ? before : truth);
          expect(after).toBeLessThanOrEqual(before > truth ? before : truth);
        }
        moved += adjust.length;
        if (adjust.length > 0) await ledger.adjust(adjust, (await ledger.head())?.sequence ?? 0);
        const { spent } = await ledger.budget();
        const total = Object.keys(models).reduce((sum, modelId) => sum + truthOf(bill, modelId), 0n);
        if (intact) expect(spent).toBe(total);
        expect(adjustments(await run(), { userId: 'ada', reason: 'FIN-7' })).toEqual([]);

        // A later bill with fewer lines, or with others' numbers, moves nothing away from the truth either.
        const later = lines
          .filter(({ id = '', cost }, index) => index % 2 === 0 && cost !== `${bill.get(id)?.cost}1`)
          .map((line) => ({ ...line, id: `later ${line.id}` }));
        files.push(join(directory, 'later.csv'));
        writeFileSync(files.at(-1) ?? '', legacyExport(later));
        for (const some of [files.slice(-1), files]) {
          files.splice(0, files.length, ...some);
          for (const one of adjustments(await run(), { userId: 'ada', reason: 'FIN-7' })) {
            const truth = truthOf(bill, one.model_id);
            const moved = adjust.filter(({ model_id: id }) => id === one.model_id);
            const now = moved.reduce(
              (sum, each) => sum + BigInt(each.difference_micro_usd),
              recordedOf(calls, one.model_id),
            );
            const then = now + BigInt(one.difference_micro_usd);
            expect(then).toBeGreaterThanOrEqual(now < truth ? now : truth);
            expect(then).toBeLessThanOrEqual(now > truth ? now : truth);
          }
        }
      },
    ),
    { numRuns, seed: testSeed() },
  );
  report(
    'garbled bills',
    `${numRuns} ledgers and bills, ${moved} figures moved, none that the bill didn’t prove`,
  );
});
