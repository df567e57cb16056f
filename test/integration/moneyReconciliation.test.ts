import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { columnName } from '../../src/reconciliation/costExport.ts';
import {
  adjustments,
  reconcile,
  type ReconcileOptions,
  type Reconciliation,
} from '../../src/reconciliation/reconcile.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { cur2Export, legacyExport, type BilledUsage } from '../support/costExports.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';

const sonnet = 'us.anthropic.claude-sonnet-4-6';
const edition = 'Claude Sonnet 4.6 (Amazon Bedrock Edition)';

function ask({ core }: TestGateway, request: Partial<LlmRequest>): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  return gateway.execute({ prompt: 'hello', auditReason: 'JIRA-1 reconcile', ...request });
}

function using(usage: Record<string, unknown>): string {
  return `${'p'.repeat(5000)} @stand-in:usage=${JSON.stringify({ totalTokens: 0, ...usage })}`;
}

/** A gateway whose clock stands at 10:20 UTC of a day in the past. */
async function onDay(day: string, environment: Record<string, string> = {}): Promise<TestGateway> {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date(`${day}T10:20:00Z`) });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return gatewayOnStandIn(environment);
}

function hour(
  day: string,
  usage: Partial<BilledUsage> & Pick<BilledUsage, 'usageType' | 'cost'>,
): BilledUsage {
  return { start: `${day}T10:00:00Z`, end: `${day}T11:00:00Z`, ...usage };
}

/** What makes 2026-03-02 complete: another service's hours of the days around it. */
const otherService: BilledUsage[] = [
  ['2026-03-01T00:00:00Z', '2026-03-01T01:00:00Z'],
  ['2026-03-04T23:00:00Z', '2026-03-05T00:00:00Z'],
].map(([start = '', end = '']) => ({
  start,
  end,
  usageType: 'USE1-BoxUsage:m5.large',
  cost: '0.096',
  productCode: 'AmazonEC2',
  product: 'Amazon Elastic Compute Cloud',
}));

function compare(
  { core, home }: TestGateway,
  csv: string | Buffer,
  options: Partial<ReconcileOptions> = {},
): Promise<Reconciliation> {
  const file = join(home, 'export.csv');
  writeFileSync(file, csv);
  return reconcile({
    directory: core.journal.directory,
    timeZone: core.ledger.timeZone,
    files: [file],
    mapping: new Map(),
    baseOf: (id) => core.catalogue.baseIdOf(id),
    where: new Map(),
    final: false,
    ...options,
  });
}

function environmentOf(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(AWS_|TIDYLLM_)/.test(name)),
  ) as Record<string, string>;
}

describe('reconciliation', () => {
  it.each([
    ['line_item_iam_principle', 'line_item_currency_code'],
    ['lineItem/UsageTyp', 'line_item_usage_type'],
    ['line_item_product_code', null],
  ])('by a column %s that the export lacks is refused, at any size', async (name, nearest) => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const lines = [
      hour('2026-03-02', { usageType: 'USE1-NovaMicro-input-tokens', cost: '1' }),
      ...otherService,
    ];
    for (const repeated of [1, 20_000]) {
      const csv = cur2Export([...lines, ...Array.from({ length: repeated }, () => lines[0]!)]);
      const where = new Map([
        ['line_item_usage_type', 'another'],
        [columnName(name), 'x'],
      ]);
      const compared = compare(gateway, csv, { where });
      if (nearest === null)
        await expect(compared).resolves.toMatchObject({ others: { lines: repeated + 3 } });
      else
        await expect(compared).rejects.toMatchObject({
          code: 'invalid_request',
          message: expect.stringMatching(`export\\.csv has no column "${columnName(name)}"`) as string,
          hint: expect.stringContaining(`Nearest: ${nearest}`) as string,
        });
    }
  });

  it.each([
    ['the legacy report', legacyExport],
    ['CUR 2.0', cur2Export],
    ['a gzip file', (lines: readonly BilledUsage[]) => gzipSync(cur2Export(lines))],
  ])('agrees to the micro-dollar with a bill of what was used, from %s', async (_name, write) => {
    const gateway = await onDay('2026-03-02');
    const usage = { inputTokens: 1001, outputTokens: 101, cacheReadInputTokens: 7, cacheWriteInputTokens: 3 };
    await ask(gateway, { prompt: using(usage) });
    await ask(gateway, { prompt: using(usage), modelId: 'nova-micro' });
    const marketplace = { productCode: 'a1b2c3d4', product: edition };
    const { comparisons, unplaced, others } = await compare(
      gateway,
      write([
        ...otherService,
        hour('2026-03-02', {
          ...marketplace,
          usageType: 'USE1-MP:USE1_InputTokenCount-Units',
          cost: '0.0033033',
        }),
        hour('2026-03-02', {
          ...marketplace,
          usageType: 'USE1-MP:USE1_OutputTokenCount-Units',
          cost: '1.6665E-3',
        }),
        hour('2026-03-02', {
          ...marketplace,
          usageType: 'USE1-MP:USE1_CacheReadInputTokenCount-Units',
          cost: '0.00000231',
        }),
        hour('2026-03-02', {
          ...marketplace,
          usageType: 'USE1-MP:USE1_CacheWriteInputTokenCount-Units',
          cost: '0.000012375',
        }),
        hour('2026-03-02', { usageType: 'USE1-NovaMicro-input-tokens', cost: '0.000035035' }),
        hour('2026-03-02', { usageType: 'USE1-NovaMicro-output-tokens', cost: '0.00001414' }),
        hour('2026-03-02', {
          usageType: 'USE1-NovaMicro-cache-read-input-token-count',
          cost: '0.00000006125',
        }),
      ]),
    );
    expect(unplaced).toEqual([]);
    expect(others.lines).toBe(2);
    const byClass = Object.fromEntries(
      comparisons.map(({ modelId, tokenClass, billed }) => [`${modelId} ${tokenClass}`, billed]),
    );
    expect(byClass).toMatchObject({
      [`${sonnet} input`]: 3303n,
      [`${sonnet} output`]: 1667n,
      [`${sonnet} cache_read`]: 2n,
      [`${sonnet} cache_write`]: 12n,
    });
    // A call is rounded up once, a bill to the nearest: no class differs by more than a micro-dollar.
    const bounded = comparisons.filter(({ modelId }) => modelId === sonnet);
    expect(bounded.every(({ difference }) => difference >= -1n && difference <= 1n)).toBe(true);
  });

  it('records differences once: the same file changes nothing the second time', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const { core, home } = gateway;
    const before = (await core.budget('2026-03-02')).spent;
    const file = join(home, 'march.csv');
    writeFileSync(
      file,
      legacyExport([
        ...otherService,
        hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0044' }),
        hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-output-tokens', cost: '0.00165' }),
      ]),
    );
    const command = ['reconcile', file, '--reason', 'FIN-7 March bill'];
    const environment = environmentOf();
    const dry = await tidyllmJson([...command.slice(0, 2), '--dry-run'], { environment });
    expect(dry.document).toMatchObject({ dry_run: true, adjustments: 0, audit_trail: null });
    expect(await recordsOf(core, 'ADJUST')).toEqual([]);

    const first = await tidyllmJson(command, { environment });
    expect(first.document).toMatchObject({
      adjustments: 1,
      comparisons: [
        {
          day: '2026-03-02',
          model_id: sonnet,
          token_class: 'input',
          recorded_usd: '0.0033',
          billed_usd: '0.0044',
          difference_usd: '0.0011',
        },
        { token_class: 'output', difference_usd: '0' },
      ],
    });
    expect(await recordsOf(core, 'ADJUST')).toMatchObject([
      {
        day: '2026-03-02',
        model_id: sonnet,
        token_class: 'input',
        recorded_micro_usd: '3300',
        billed_micro_usd: '4400',
        difference_micro_usd: '1100',
        source: 'march.csv',
        source_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        reason: 'FIN-7 March bill',
      },
    ]);
    expect((await core.budget('2026-03-02')).spent).toBe(before + 1100n);

    const second = await tidyllmJson(command, { environment });
    expect(second.document).toMatchObject({ adjustments: 0, audit_trail: null });
    expect(await recordsOf(core, 'ADJUST')).toHaveLength(1);
    expect(await verifyLedger(core.journal)).toMatchObject({ ok: true });
  });

  it('replaces upper bounds by what was billed, whatever class that was', async () => {
    const gateway = await onDay('2026-03-02', { TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '200' });
    const exact = await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const cut = await ask(gateway, { prompt: '@stand-in:cut' });
    expect(cut.costEstimated).toBe(true);
    const bill = legacyExport([
      ...otherService,
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0034' }),
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-output-tokens', cost: '0.002' }),
    ]);
    const { comparisons } = await compare(gateway, bill);
    const [input, output] = comparisons;
    expect(input).toMatchObject({ recorded: 3300n, estimated: 100n, billed: 3400n, difference: 0n });
    // The bound is 100 µUSD against input, the rest against output, of which 350 were billed.
    expect(output).toMatchObject({ recorded: 1650n, estimated: cut.cost - 100n, billed: 2000n });
    expect(output?.difference).toBe(350n + 100n - cut.cost);
    expect(exact.cost + cut.cost + (output?.difference ?? 0n)).toBe(5400n);
  });

  it('compares cache writes together where the bill doesn’t tell their lifetimes, else each', async () => {
    const gateway = await onDay('2026-03-02');
    const cacheDetails = [{ ttl: '1h', inputTokens: 1000 }];
    await ask(gateway, {
      prompt: using({ inputTokens: 0, outputTokens: 0, cacheWriteInputTokens: 2000, cacheDetails }),
    });
    const write = (usageType: string, cost: string): BilledUsage =>
      hour('2026-03-02', { usageType: `USE1-MP:USE1_${usageType}-Units`, cost, product: edition });
    const together = await compare(
      gateway,
      legacyExport([...otherService, write('CacheWriteInputTokenCount', '0.010725')]),
    );
    expect(together.comparisons).toMatchObject([
      { tokenClass: 'cache_write', recorded: 10_725n, billed: 10_725n, difference: 0n },
    ]);
    const apart = await compare(
      gateway,
      legacyExport([
        ...otherService,
        write('CacheWrite5mInputTokenCount', '0.004125'),
        write('CacheWrite1hInputTokenCount', '0.0066'),
      ]),
    );
    expect(apart.comparisons).toMatchObject([
      { tokenClass: 'cache_write_5m', recorded: 4125n, billed: 4125n },
      { tokenClass: 'cache_write_1h', recorded: 6600n, billed: 6600n },
    ]);
  });

  it('lists what it can’t place with its cost, drops nothing, and leaves what it may belong to', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const lines = [
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0033' }),
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0004', type: 'Tax' }),
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0004', type: 'Tax' }),
      hour('2026-03-02', { usageType: 'USE1-NovaCanvas-T2I-1024-Standard', cost: '0.04' }),
      hour('2026-03-02', { usageType: 'USE1-Nobody7X-input-tokens', cost: '0.5' }),
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: 'n/a' }),
      hour('2026-02-20', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '1' }),
      hour('2026-03-04', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '2' }),
    ];
    const result = await compare(gateway, legacyExport([...otherService, ...lines]));
    const { comparisons, unplaced, others } = result;
    expect(unplaced.map(({ why, lines: count, billed }) => [why, count, billed])).toEqual([
      ['2026-03-04 is not complete in this export', 1, 2_000_000n],
      ['it is from before this ledger began', 1, 1_000_000n],
      ['no model with this name is known', 1, 500_000n],
      ['not a charge for tokens', 1, 40_000n],
      ['Tax line', 2, 800n],
      ['its cost is not a number', 1, 0n],
    ]);
    expect(unplaced.find(({ why }) => why === 'Tax line')?.first).toMatch(/export\.csv:5$/);
    expect(comparisons.map(({ leftBecause }) => leftBecause)).toEqual([
      'no model with this name is known: export.csv:8',
      'no model with this name is known: export.csv:8',
    ]);
    expect(adjustments(result, { userId: 'ada', reason: 'x' })).toEqual([]);
    const total =
      comparisons.reduce((sum, { billed }) => sum + billed, 0n) +
      unplaced.reduce((sum, { billed }) => sum + billed, 0n) +
      others.billed;
    expect(total).toBe(3300n + 800n + 40_000n + 500_000n + 3_000_000n + 192_000n);
  });

  const garbled: [string, Partial<BilledUsage>][] = [
    ['a model nobody knows', { usageType: 'USE1-Nobody7X-output-tokens' }],
    [
      'a Marketplace product nobody knows',
      { usageType: 'USE1-MP:USE1_OutputTokenCount-Units', product: 'Clод' },
    ],
    ['a usage type that can’t be read', { usageType: 'USE1-Claude4.6Sonnet-0utput' }],
    ['another currency', { currency: 'EUR' }],
    ['no currency', { currency: '' }],
    ['a decimal comma', { cost: '0,00000165' }],
    ['a thousands separator', { cost: '1,000.5' }],
    ['a currency sign', { cost: '$0.00165' }],
    ['no cost', { cost: '' }],
    ['an unknown type of line', { type: 'Fee' }],
    ['no type of line', { type: '' }],
    ['no time', { start: '' }],
    ['a time that is no date', { start: '02/03/2026 10:00' }],
    ['an end before its start', { end: '2026-03-01T10:00:00Z' }],
    ['a day that no month has', { start: '2026-02-31T10:00:00Z' }],
    ['a time that is yet to come', { start: '2026-04-02T10:00:00Z', end: '2026-04-02T11:00:00Z' }],
    ['tokens of an unknown kind', { usageType: 'USE1-Claude4.6Sonnet-output-tokens-custom-tier' }],
    [
      'an unknown charge of a Marketplace product',
      { usageType: 'USE1-MP:USE1_OutputUnits-Units', productCode: 'a1b2', product: 'Claude Sonnet 4.6' },
    ],
    ['a month for a time', { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z' }],
    ['a profile of another region', { usageType: 'EUC1-Claude4.6Sonnet-output-tokens' }],
    ['the global profile', { usageType: 'USE1-Claude4.6Sonnet-output-tokens-cross-region-global' }],
    ['another service’s product', { usageType: 'USE1-BoxUsage', productCode: 'AmazonEC2', product: 'EC2' }],
  ];
  it.each(garbled)('a line with %s takes nothing off what was recorded', async (_name, change) => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const output = hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-output-tokens', cost: '0.00165' });
    const input = hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0033' });
    for (const write of [legacyExport, cur2Export]) {
      const bill = write([...otherService, input, { ...output, ...change }]);
      for (const final of [false, true]) {
        const result = await compare(gateway, bill, { final });
        expect(adjustments(result, { userId: 'ada', reason: 'x' })).toEqual([]);
        expect(result.comparisons.find(({ tokenClass }) => tokenClass === 'output')).toMatchObject({
          recorded: 1650n,
          leftBecause: expect.any(String),
        });
      }
    }
  });

  it('tells the profiles of two regions apart by the region in the usage type', async () => {
    const american = await onDay('2026-03-02');
    await ask(american, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const european = await compose({
      environment: { ...process.env, AWS_REGION: 'eu-central-1' },
      user: 'grace',
    });
    onTestFinished(() => european.dispose());
    const { cost } = await ask(
      { ...american, core: european },
      { prompt: using({ inputTokens: 2000, outputTokens: 200 }), modelId: 'eu.anthropic.claude-sonnet-4-6' },
    );
    expect(cost).toBe(9900n);
    const line = (usageType: string, billed: string): BilledUsage =>
      hour('2026-03-02', { usageType, cost: billed, product: edition, productCode: 'a1b2c3d4' });
    const { comparisons, unplaced } = await compare(
      american,
      cur2Export([
        ...otherService,
        line('USE1-MP:USE1_InputTokenCount-Units', '0.0033'),
        line('USE1-MP:USE1_OutputTokenCount-Units', '0.00165'),
        line('EUC1-MP:EUC1_InputTokenCount-Units', '0.0066'),
        line('EUC1-MP:EUC1_OutputTokenCount-Units', '0.0033'),
      ]),
    );
    expect(unplaced).toEqual([]);
    expect(comparisons.map(({ modelId, billed, difference }) => [modelId, billed, difference])).toEqual([
      ['eu.anthropic.claude-sonnet-4-6', 6600n, 0n],
      ['eu.anthropic.claude-sonnet-4-6', 3300n, 0n],
      [sonnet, 3300n, 0n],
      [sonnet, 1650n, 0n],
    ]);
  });

  it('leaves what the bill has no line for, and says the time of the call', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    vi.setSystemTime(new Date('2026-03-02T15:30:00Z'));
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const result = await compare(
      gateway,
      legacyExport([
        ...otherService,
        hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0033' }),
      ]),
    );
    expect(result.comparisons.map(({ tokenClass, leftBecause }) => [tokenClass, leftBecause])).toEqual([
      ['input', 'the bill has no line for the usage at 2026-03-02T15:30Z'],
      ['output', 'the bill has no line for it'],
    ]);
  });

  it.each([
    ['one file twice', legacyExport, 1],
    ['a file and its gzip', legacyExport, 2],
    ['two exports with the same lines', legacyExport, 3],
    ['one file without ids twice', cur2Export, 1],
    ['a file without ids and its gzip', cur2Export, 2],
  ])('counts each line of %s once', async (_name, write, way) => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const lines = [
      ...otherService,
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0033' }),
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-output-tokens', cost: '0.00165' }),
    ];
    const [one, other] = [join(gateway.home, 'one.csv'), join(gateway.home, 'other.csv')];
    writeFileSync(one, write(lines));
    writeFileSync(
      other,
      way === 2
        ? gzipSync(write(lines))
        : `${write(lines)}\n${way === 3 ? write(lines).split('\n').at(-1) : ''}`,
    );
    const { comparisons, copies } = await compare(gateway, '', { files: [one, way === 1 ? one : other] });
    expect(comparisons.map(({ billed, difference }) => [billed, difference])).toEqual([
      [3300n, 0n],
      [1650n, 0n],
    ]);
    expect(copies).toBeGreaterThan(0);
  });

  it.each([
    ['two versions of a report', legacyExport, legacyExport, 'x'],
    ['both kinds of report', cur2Export, legacyExport, 'x'],
    ['a report with ids and one without', legacyExport, cur2Export, undefined],
  ])('leaves what stands in %s under other ids', async (_name, first, second, id) => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const lines = [
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0033' }),
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-output-tokens', cost: '0.00165' }),
    ];
    const [one, other] = [join(gateway.home, 'one.csv'), join(gateway.home, 'other.csv')];
    writeFileSync(one, first([...otherService, ...lines]));
    writeFileSync(
      other,
      second(lines.map((line, index) => ({ ...line, ...(id && { id: `${id}${index}` }) }))),
    );
    const result = await compare(gateway, '', { files: [one, other] });
    expect(adjustments(result, { userId: 'ada', reason: 'x' })).toEqual([]);
    expect(result.comparisons.map(({ billed }) => billed)).toEqual([0n, 0n]);
    expect(result.unplaced).toMatchObject([
      { why: 'the same usage is in two files under different ids', lines: 4, billed: 9900n },
    ]);
  });

  it('counts a call through an ARN once, where it is known what is behind it, and leaves it elsewhere', async () => {
    const arn = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc';
    const gateway = await onDay('2026-03-02');
    const file = join(gateway.home, 'settings.yaml');
    writeFileSync(file, `models: { "${arn}": { base: ${sonnet} } }\n`);
    const core = await compose({ environment: { ...process.env, TIDYLLM_SETTINGS: file }, user: 'ada' });
    onTestFinished(() => core.dispose());
    const usage = using({ inputTokens: 1000, outputTokens: 100 });
    expect((await ask({ ...gateway, core }, { prompt: usage, modelId: arn })).success).toBe(true);
    const bill = legacyExport([
      ...otherService,
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0044' }),
      hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-output-tokens', cost: '0.00165' }),
    ]);
    const known = await compare({ ...gateway, core }, bill);
    expect(known.comparisons.map(({ modelId, difference }) => [modelId, difference])).toEqual([
      [arn, 1100n],
      [arn, 0n],
    ]);
    const unknown = await compare(gateway, bill);
    expect(adjustments(unknown, { userId: 'ada', reason: 'x' })).toEqual([]);
    expect(unknown.unplaced[0]).toMatchObject({ why: `it may be ${arn}` });
  });

  it('takes no line of a month for a sign that a day is complete', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const month = { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z', cost: '0.5' };
    const zone = { ...month, usageType: 'HostedZone', productCode: 'AmazonRoute53', product: 'Route 53' };
    const part = hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.001' });
    const { comparisons } = await compare(gateway, legacyExport([zone, part]));
    expect(comparisons).toEqual([]);
  });

  it('takes nothing off that an earlier bill showed at a time of which this one has no line', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const now = hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0033' });
    const before = { ...now, start: '2026-03-02T06:00:00Z', end: '2026-03-02T07:00:00Z', cost: '1' };
    const by = { userId: 'ada', reason: 'FIN-7' };
    const first = adjustments(await compare(gateway, legacyExport([...otherService, now, before])), by);
    expect(first).toMatchObject([{ difference_micro_usd: '1000000' }]);
    await gateway.core.ledger.adjust(first, (await gateway.core.ledger.head())?.sequence ?? 0);
    const fewer = await compare(gateway, legacyExport([...otherService, now]));
    expect(adjustments(fewer, by)).toEqual([]);
    expect(fewer.comparisons[0]?.leftBecause).toBe('the bill has no line for the usage at 2026-03-02T06:00Z');
    const corrected = await compare(
      gateway,
      legacyExport([...otherService, now, { ...before, cost: '0.4' }]),
    );
    expect(adjustments(corrected, by)).toMatchObject([{ difference_micro_usd: '-600000' }]);
    expect(await verifyLedger(gateway.core.journal)).toMatchObject({ ok: true });
  });

  it('leaves what lines may belong to that are the same and have no id, or one id and differ', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const line = hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0033' });
    for (const bill of [
      cur2Export([...otherService, line, line]),
      legacyExport([...otherService, { ...line, id: 'x' }, { ...line, id: 'x', cost: '0.0044' }]),
    ]) {
      const result = await compare(gateway, bill);
      expect(result.unplaced).toMatchObject([
        { lines: 2, why: expect.stringContaining('identity_line_item_id') },
      ]);
      expect(adjustments(result, { userId: 'ada', reason: 'x' })).toEqual([]);
    }
  });

  it('takes an hour for the policy day that it falls into, and refuses one that spans two', async () => {
    const gateway = await onDay('2026-03-02', { TIDYLLM_BUDGET_TIMEZONE: 'America/New_York' });
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 0 }) });
    const usageType = 'USE1-Claude4.6Sonnet-input-tokens';
    const { comparisons, unplaced } = await compare(
      gateway,
      legacyExport([
        ...otherService,
        // 23:30 of March 2 in New York
        { start: '2026-03-03T04:00:00Z', end: '2026-03-03T05:00:00Z', usageType, cost: '0.0033' },
        { start: '2026-03-02T00:00:00Z', end: '2026-03-03T00:00:00Z', usageType, cost: '9' },
      ]),
    );
    expect(comparisons).toMatchObject([{ day: '2026-03-02', billed: 3300n, difference: 0n }]);
    expect(unplaced).toMatchObject([
      { why: 'it spans days of America/New_York: export by the hour', billed: 9_000_000n },
    ]);
  });

  it('waits for a day’s late lines, unless the bill is an invoice or said to be final', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 0 }) });
    const line = hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.001' });
    const wholeDay = (invoice = ''): BilledUsage[] => [
      { ...line, invoice },
      { ...line, start: '2026-03-02T00:00:00Z', end: '2026-03-02T01:00:00Z', cost: '0.0023', invoice },
      { ...line, start: '2026-03-02T23:00:00Z', end: '2026-03-03T00:00:00Z', cost: '0', invoice },
    ];
    const early = await compare(gateway, legacyExport(wholeDay()));
    expect(early.comparisons).toEqual([]);
    expect(early.unplaced).toMatchObject([{ why: '2026-03-02 is not complete in this export', lines: 3 }]);
    const invoiced = await compare(gateway, legacyExport(wholeDay('INV-1')));
    expect(invoiced.comparisons).toMatchObject([{ billed: 3300n, difference: 0n }]);
    const final = await compare(gateway, legacyExport(wholeDay()), { final: true });
    expect(final.comparisons).toEqual(invoiced.comparisons);
  });

  it('takes only the lines that are said to be ours, and models as they are mapped', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 0 }) });
    const usageType = 'USE1-Nobody7X-input-tokens';
    const bill = cur2Export([
      ...otherService,
      hour('2026-03-02', { usageType, cost: '0.0033', account: '1' }),
      hour('2026-03-02', { usageType, cost: '77', account: '2' }),
    ]);
    const { comparisons, others } = await compare(gateway, bill, {
      mapping: new Map([['Nobody7X', sonnet]]),
      where: new Map([['line_item_usage_account_id', '1']]),
    });
    expect(comparisons).toMatchObject([{ modelId: sonnet, billed: 3300n, difference: 0n }]);
    expect(others).toEqual({ lines: 3, billed: 77_192_000n });
  });

  it('reads an export that came in parts as one', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const parts = [
      [
        ...otherService,
        hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.0033' }),
      ],
      [hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-output-tokens', cost: '0.00165' })],
    ].map((lines, index) => {
      const file = join(gateway.home, `part-${index}.csv`);
      writeFileSync(file, legacyExport(lines));
      return file;
    });
    const { comparisons, source } = await compare(gateway, '', { files: parts });
    expect(comparisons.map(({ difference }) => difference)).toEqual([0n, 0n]);
    expect(source.name).toBe('part-0.csv, part-1.csv');
  });
});

describe('tidyllm reconcile', () => {
  it('tells which caps have reached an alert by what was billed', async () => {
    // The command has the computer's clock.
    const gateway = await gatewayOnStandIn();
    const start = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000);
    const end = new Date(start.getTime() + 3_600_000);
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 0 }) });
    const file = join(gateway.home, 'today.csv');
    const times = { start: start.toISOString(), end: end.toISOString() };
    const line = { ...times, usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '900' };
    writeFileSync(file, legacyExport([line]));
    const command = ['reconcile', file, '--reason', 'FIN-7 today', '--final'];
    const { stdout, stderr } = await tidyllm(command, { environment: environmentOf() });
    expect(stdout).toContain('1 differences recorded');
    expect(stderr).toContain("80 % of today's budget is spent: $900 of $1,000");
  });

  it('refuses what is no export, an export of nothing, no reason, and a simulated ledger', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 100 }) });
    const environment = environmentOf();
    const file = join(gateway.home, 'file.csv');
    const run = (...options: string[]): ReturnType<typeof tidyllm> =>
      tidyllm(['reconcile', file, ...options], { environment });

    writeFileSync(file, 'a,b\n1,2\n');
    expect(await run('--dry-run')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('line_item_usage_type'),
    });
    writeFileSync(file, 'PAR1\u0000\u0000');
    expect(await run('--dry-run')).toMatchObject({ code: 2 });
    writeFileSync(file, legacyExport(otherService));
    const nothing = await run('--reason', 'FIN-7 March bill');
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('bills no tokens') });
    expect(await run()).toMatchObject({ code: 4 });
    expect(await run('--dry-run', '--map', 'nonsense')).toMatchObject({ code: 2 });
    expect(
      await tidyllm(['--backend', 'mock', 'reconcile', file, '--dry-run'], { environment }),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Simulated'),
    });
    expect(await recordsOf(gateway.core, 'ADJUST')).toEqual([]);
  });

  it('prints the differences for people', async () => {
    const gateway = await onDay('2026-03-02');
    await ask(gateway, { prompt: using({ inputTokens: 1000, outputTokens: 0 }) });
    const file = join(gateway.home, 'march.csv');
    const line = hour('2026-03-02', { usageType: 'USE1-Claude4.6Sonnet-input-tokens', cost: '0.003' });
    writeFileSync(file, legacyExport([...otherService, line, { ...line, type: 'Tax', cost: '0.0006' }]));
    const { stdout } = await tidyllm(['reconcile', file, '--reason', 'FIN-7 March bill'], {
      environment: environmentOf(),
    });
    expect(stdout).toMatch(
      /2026-03-02 {2}us\.anthropic\.claude-sonnet-4-6 {2}input +\$0\.0033 +\$0 +\$0\.003 +-\$0\.0003/,
    );
    expect(stdout).toContain('Tax line');
    expect(stdout).toContain('1 differences recorded');
  });
});
