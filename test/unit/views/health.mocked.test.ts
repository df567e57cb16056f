import { describe, expect, it, vi } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import type { Core } from '../../../src/core/core.ts';
import type { FlowExecutionEntry } from '../../../src/flow/executionHistory.ts';
import type { ServiceHealth } from '../../../src/gateways/services.ts';
import type { ServiceMetrics } from '../../../src/gateways/gateway.ts';
import { GatewayRegistry } from '../../../src/gateways/registry.ts';
import type { CoreState } from '../../../src/host/coreHolder.ts';
import { nothingSeen, type Seen } from '../../../src/host/healthMonitor.ts';
import type { BudgetStatus } from '../../../src/ledger/budgetStatus.ts';
import { nothingSpooled } from '../../../src/tracking/spool.ts';
import { SettingsInvalid } from '../../../src/settings/settingsDocument.ts';
import type { Fault } from '../../../src/yamlDocument.ts';
import { Latencies } from '../../../src/views/dashboard/latencies.ts';
import { presentDashboard } from '../../../src/views/dashboard/presentation.ts';
import { dashboardSchema } from '../../../src/views/dashboard/protocol.ts';
import { verdictOf } from '../../../src/views/health/checkTexts.ts';
import {
  configurationGroup,
  flowNode,
  infrastructureGroup,
  startGroup,
  verdictNode,
  type HealthNode,
} from '../../../src/views/health/healthNodes.ts';

vi.mock('vscode', async () => (await import('../../support/vscode.ts')).fakeVscode);

const at = new Date(2026, 1, 3, 14, 5).toISOString();

function check(
  state: ServiceHealth['state'],
  { error = null, latencyMs = null, evidence = 'seen' }: Partial<ServiceHealth> = {},
): ServiceHealth {
  return { state, latencyMs, evidence, error, checkedAt: at, since: at };
}

const refused = new GatewayError('service_failed', 'Nothing answers at db:5432.', {
  hint: 'Start PostgreSQL there.',
  place: { key: 'postgres' },
});

const budget = {
  ...{ spent: 1_000_000n, reserved: 0n, remaining: 9_000_000n, limit: 10_000_000n, overruns: 0 },
  ...{ level: 'ok', day: '2026-02-03', timeZone: 'UTC' },
} as unknown as BudgetStatus;

const flowError: Fault = { severity: 'error', message: 'trigger is missing', place: null };

const wellFound: Seen = {
  credentials: {
    found: { source: 'profile', detail: 'profile corporate', profile: 'corporate' },
    ...{ expiresAt: null, arn: 'arn:aws:sts::1:assumed-role/dev/ada', error: null },
  },
  services: {
    bedrock: check('healthy', { latencyMs: 41.6 }),
    s3: check('not_configured', { evidence: 's3.bucket names no bucket.' }),
    postgres: check('healthy', { latencyMs: 0.4 }),
    mlflow: check('not_configured'),
  },
  simulated: null,
  gateways: { corporate_llm: check('healthy'), ai_processing: check('not_installed') },
  ledger: { head: null, budget, error: null },
  verification: null,
  cache: { files: 2, bytes: 2_048 },
  tracking: {
    folder: '/spool',
    fault: null,
    receivers: [{ ...nothingSpooled, receiver: 'mlflow', name: 'MLflow', address: 'http://localhost:5000' }],
  },
  flow: { agreements: 6, files: [], faults: [] },
  settingsFile: '/home/ada/settings.yaml',
};

const core = {
  backend: { simulated: false, region: 'us-east-1', location: 'us-east-1', id: 'bedrock' },
  simulatedBecause: null,
  loaded: {
    settings: {
      s3: { bucket: null },
      postgres: { host: 'db', port: 5432, db_name: 'team' },
      mlflow: { enabled: true, tracking_uri: 'http://localhost:5000' },
      cache: { enabled: true },
    },
    ...{ file: '/home/ada/settings.yaml', workspaceFiles: [], unused: [], warnings: [] },
    originOf: ([section]: string[]) =>
      section === 'postgres'
        ? { source: 'file', text: 'postgres.host in settings.yaml' }
        : { source: 'default', text: 'the default' },
  },
  ledger: { mode: 'live' },
  journal: { directory: '/ledger' },
  cache: { directory: '/cache' },
  anchoring: { status: [] },
  ...{ user: 'ada', caller: { account: 'ada' } },
  registry: new GatewayRegistry({}),
} as unknown as Core;

const ready: CoreState = { kind: 'ready', core, settingsError: null };

function child(group: HealthNode, label: string): HealthNode {
  const found = group.children?.find((node) => node.label === label);
  if (!found) throw new Error(`There is no line ${label}.`);
  return found;
}

function failing(...failures: [keyof Seen['services'], GatewayError][]): Seen {
  const services = Object.fromEntries(failures.map(([id, error]) => [id, check('failed', { error })]));
  return { ...wellFound, services: { ...wellFound.services, ...services } };
}

describe('the verdict', () => {
  it('is OPERATIONAL when what is configured works', () => {
    expect(verdictOf(ready, wellFound, null)).toEqual({ state: 'operational', reasons: [] });
  });

  it('waits for the first look', () => {
    expect(verdictOf({ kind: 'starting' }, nothingSeen, null).state).toBe('checking');
    expect(verdictOf(ready, { ...wellFound, ledger: null }, null).state).toBe('checking');
  });

  it('names each failure once, with what to do', () => {
    const unreachable = new GatewayError('backend_unreachable', 'Bedrock is away.');
    const findings = {
      ...failing(['postgres', refused], ['bedrock', unreachable]),
      gateways: { corporate_llm: check('failed', { error: unreachable }) },
    };
    expect(verdictOf(ready, findings, null)).toEqual({
      state: 'degraded',
      reasons: [
        { of: 'Bedrock', message: 'Bedrock is away.', hint: '' },
        { of: 'PostgreSQL', message: 'Nothing answers at db:5432.', hint: 'Start PostgreSQL there.' },
      ],
    });
  });

  it('counts settings that were not applied, and a broken ledger', () => {
    const settingsError = new GatewayError('settings_invalid', '/home/ada/settings.yaml:2:3: unknown key');
    const firstFault = { segment: '1.journal', line: 6, sequence: 5, kind: 'hash', detail: 'changed' };
    const verification = { result: { ok: false, firstFault }, at: new Date() } as never;
    const { reasons } = verdictOf({ kind: 'ready', core, settingsError }, wellFound, verification);
    expect(reasons.map(({ of, message }) => [of, message])).toEqual([
      ['settings.yaml', 'settings.yaml:2:3: unknown key'],
      ['Ledger', 'The ledger in /ledger is damaged at 1.journal:6: changed.'],
    ]);
  });

  it('says once why a ledger is closed, although a verification found it too', () => {
    const firstFault = { segment: '1.journal', line: 6, sequence: 5, kind: 'hash', detail: 'changed' };
    const verification = { result: { ok: false, firstFault }, at: new Date() } as never;
    const error = new GatewayError('ledger_damaged', 'The ledger is damaged at 1.journal:6: changed.');
    const closed = { ...wellFound, ledger: { error } };
    const { reasons } = verdictOf({ kind: 'ready', core, settingsError: null }, closed, verification);
    expect(reasons.map(({ of, message }) => [of, message])).toEqual([['Ledger', error.message]]);
  });

  it('says what keeps the gateway down', () => {
    const error = new GatewayError('ledger_damaged', 'The ledger is damaged.', { hint: 'Verify it.' });
    const verdict = verdictOf({ kind: 'failed', error }, nothingSeen, null);
    expect(verdict.reasons).toEqual([
      { of: 'Gateway', message: 'The ledger is damaged.', hint: 'Verify it.' },
    ]);
    expect(child(startGroup(error), 'Gateway')).toMatchObject({
      tone: 'failed',
      actions: ['reopen', 'verify', 'reveal'],
    });
    expect(verdictNode({ state: 'operational', reasons: [] }, true)).toMatchObject({
      tone: 'plain',
      icon: 'beaker',
    });
    expect(verdictNode({ state: 'operational', reasons: [] }, false).tone).toBe('healthy');
    expect(verdictNode(verdict, false)).toMatchObject({
      ...{ label: 'DEGRADED', description: 'Gateway', tone: 'failed' },
      evidence: [['Gateway', 'The ledger is damaged. Verify it.']],
    });
  });
});

describe('the lines of the infrastructure', () => {
  it('of what works have state and latency', () => {
    const group = infrastructureGroup(core, wellFound);
    expect(group.children?.map(({ label }) => label)).toEqual([
      'Credentials',
      'Bedrock',
      'S3',
      'PostgreSQL',
      'MLflow',
      'Calls in MLflow',
    ]);
    expect(child(group, 'Calls in MLflow')).toMatchObject({
      description: 'nothing was sent yet to the default address, http://localhost:5000',
      tone: 'absent',
    });
    expect(child(group, 'Bedrock')).toMatchObject({ description: 'healthy · 42 ms', tone: 'healthy' });
    expect(child(group, 'PostgreSQL').description).toBe('healthy · < 1 ms');
  });

  it('of what fails say why, since when and what to do, and open settings.yaml at its section', () => {
    const line = child(infrastructureGroup(core, failing(['postgres', refused])), 'PostgreSQL');
    expect(line).toMatchObject({
      tone: 'failed',
      actions: ['open', 'check'],
      place: { key: 'postgres' },
    });
    expect(line.description).toMatch(/^failed · Nothing answers at db:5432\. · since 2\/3\/26, 2:05/);
    expect(line.evidence).toContainEqual(['What to do', 'Start PostgreSQL there.']);
  });

  it('of what isn’t configured are grey and offer to configure it', () => {
    expect(child(infrastructureGroup(core, wellFound), 'S3')).toMatchObject({
      ...{ description: 'not configured', tone: 'absent', place: { key: 's3' } },
      actions: ['open', 'check'],
    });
  });

  it('of credentials name the source that won, or why it doesn’t work', () => {
    const line = child(infrastructureGroup(core, wellFound), 'Credentials');
    expect(line).toMatchObject({ description: 'profile corporate', tone: 'healthy' });
    expect(line.evidence).toContainEqual(['Source', 'AWS profile']);
    expect(line.evidence).toContainEqual(['ARN', 'arn:aws:sts::1:assumed-role/dev/ada']);
    const error = new GatewayError('credentials_expired', 'The login of corporate has expired.', {
      hint: 'Run "aws sso login --profile corporate".',
      remedy: [{ kind: 'log_in_to_aws' }, { kind: 'connect_aws' }],
    });
    const credentials = wellFound.credentials && { ...wellFound.credentials, error };
    expect(child(infrastructureGroup(core, { ...wellFound, credentials }), 'Credentials')).toMatchObject({
      ...{ tone: 'failed', actions: ['logIn', 'connect'] },
      description: 'failed · profile corporate: The login of corporate has expired.',
    });
  });

  it('of simulated answers say why, and that Bedrock is not connected', () => {
    const simulatedBecause = 'No AWS credentials were found.';
    const simulated = { ...core, backend: { ...core.backend, simulated: true }, simulatedBecause };
    const group = infrastructureGroup(simulated, wellFound);
    expect(child(group, 'Bedrock')).toMatchObject({ description: 'not connected', actions: ['connect'] });
    expect(child(group, 'Simulated answers').description).toBe(simulatedBecause);
  });
});

describe('the line of FLOW agreements', () => {
  it('says how many can be run, and of a file with errors how many it has', () => {
    expect(flowNode(wellFound)).toMatchObject({ tone: 'healthy', description: '6 can be run' });
    expect(
      flowNode({ ...wellFound, flow: { agreements: 6, files: [], faults: [flowError, flowError] } }),
    ).toMatchObject({
      ...{ tone: 'failed', description: '2 errors in flow.yaml' },
    });
    expect(flowNode(nothingSeen)).toMatchObject({ tone: 'checking' });
  });
});

describe('the line of settings.yaml', () => {
  it('says of a file with a fault that the settings from before stay', () => {
    const place = { file: '/home/ada/settings.yaml', line: 2, column: 3 };
    const settingsError = new SettingsInvalid([
      { severity: 'error', message: 'unknown key', place: { ...place, endLine: 2, endColumn: 9 } },
    ]);
    const group = configurationGroup({ kind: 'ready', core, settingsError }, wellFound);
    expect(child(group, 'settings.yaml')).toMatchObject({
      ...{ tone: 'failed', description: 'settings.yaml:2:3: unknown key' },
      place: { line: 2, column: 3 },
    });
    expect(child(group, 'settings.yaml').evidence).toContainEqual([
      'Meanwhile',
      'The previous settings stay in effect.',
    ]);
  });
});

const nothingElse = { verification: null, runs: [], latencies: { of: () => [] } };

/** A run that ended so many minutes ago. */
function run(minutes: number, ended: Partial<FlowExecutionEntry> = {}): FlowExecutionEntry {
  return {
    ...{ runId: `run-${minutes}`, agreement: 'cost_analysis', trigger: '[Cost Analysis]' },
    timestamp: new Date(Date.now() - minutes * 60_000).toISOString(),
    ...{ implementation: 'cost_analysis', userId: 'ada', workspace: null, confidence: 1, mode: 'real' },
    ...{ outcome: 'success', durationMs: 1234, calls: 0, cost: 0n, reserved: 0n, summary: 'All is well.' },
    ...{ problems: 0, warnings: 0, errorCode: null, fallback: null, reportSha256: 'a'.repeat(64) },
    ...{ sequence: 1, hash: 'b'.repeat(64) },
    ...ended,
  };
}

describe('FLOW on the dashboard', () => {
  const flowOf = (runs: readonly FlowExecutionEntry[] | null, findings = wellFound) =>
    presentDashboard(ready, findings, { ...nothingElse, runs }).dashboard;

  it.each([
    [[], '6 agreements can be run · no runs yet'],
    [[run(1)], '6 agreements can be run · 1 run in the last hour'],
    [[run(1), run(59), run(61)], '6 agreements can be run · 2 runs in the last hour'],
    [[run(90)], '6 agreements can be run · 0 runs in the last hour'],
    [
      Array.from({ length: 100 }, () => run(2)),
      '6 agreements can be run · 100 or more runs in the last hour',
    ],
  ])('says how many ran in the last hour: %#', (runs, text) => {
    expect(flowOf(runs).flow).toEqual({ tone: 'healthy', text });
  });

  it('says when it doesn’t know yet, and when a file has errors', () => {
    expect(flowOf(null)).toMatchObject({ flow: { tone: 'checking', text: 'reading …' }, runs: [] });
    const faulty = { ...wellFound, flow: { agreements: 6, files: [], faults: [flowError, flowError] } };
    expect(flowOf([], faulty).flow).toEqual({
      tone: 'failed',
      text: '6 agreements can be run · 2 errors in flow.yaml · no runs yet',
    });
  });

  it('shows the last five runs, each with how it ended', () => {
    const { runs } = flowOf([
      run(0, { outcome: 'running', mode: null, durationMs: null, summary: null, reportSha256: null }),
      run(3, { problems: 2, warnings: 1, cost: 12_300n }),
      run(4, { outcome: 'failed', mode: 'failed', summary: null, errorCode: 'flow_timed_out' }),
      run(5, { outcome: 'cancelled' }),
      run(6, { mode: 'simulated' }),
      run(7),
    ]);
    expect(runs.map(({ tone, outcome, summary, cost }) => [tone, outcome, summary, cost])).toEqual([
      ['checking', 'running', '', ''],
      ['failed', '2 problems, 1 warning', 'All is well.', '$0.0123'],
      ['failed', 'failed', 'flow_timed_out', '$0'],
      ['absent', 'stopped', 'All is well.', '$0'],
      ['healthy', 'nothing found, simulated', 'All is well.', '$0'],
    ]);
    expect(runs[0]).toMatchObject({ took: '', hasReport: false });
    expect(runs[1]).toMatchObject({ trigger: '[Cost Analysis]', took: '1,234 ms', hasReport: true });
  });
});

describe('the latencies of parts', () => {
  const latenciesOf = (...found: ServiceHealth[]): readonly (number | null)[] => {
    const latencies = new Latencies();
    found.forEach((health, index) =>
      latencies.take({
        ...nothingSeen,
        services: { s3: { ...health, checkedAt: new Date(index).toISOString() } },
      }),
    );
    return latencies.of('s3');
  };

  it('have a failure where a check failed, however long that took, and nothing where nothing was measured', () => {
    expect(
      latenciesOf(
        check('healthy', { latencyMs: 4 }),
        check('healthy'),
        check('degraded'),
        check('degraded', { latencyMs: 9 }),
        check('failed'),
        check('failed', { latencyMs: 30 }),
        check('not_configured'),
        check('not_installed', { latencyMs: 1 }),
        check('healthy', { latencyMs: 0 }),
      ),
    ).toEqual([4, 9, null, null, 0]);
  });

  it('take each check once, and sixty at most', () => {
    const latencies = new Latencies();
    const found = { ...nothingSeen, services: { s3: check('healthy', { latencyMs: 4 }) } };
    latencies.take(found);
    latencies.take(found);
    expect(latencies.of('s3')).toEqual([4]);
    expect(latenciesOf(...Array.from({ length: 70 }, () => check('failed')))).toHaveLength(60);
    latencies.clear();
    expect(latencies.of('s3')).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('shows verdict, parts, configuration and ledger, as its schema has them', () => {
    const latencies = { of: (part: string) => (part === 'postgres' ? [0.4, null] : []) };
    const { dashboard } = presentDashboard(ready, wellFound, { ...nothingElse, latencies });
    expect(dashboardSchema.parse(dashboard)).toEqual(dashboard);
    expect(dashboard.verdict).toMatchObject({ text: 'OPERATIONAL', reasons: [] });
    expect(dashboard.infrastructure.find(({ id }) => id === 'postgres')).toMatchObject({
      ...{ tone: 'healthy', latency: '< 1 ms', history: [0.4, null], fixes: [] },
    });
    expect(dashboard.configuration.find(({ name }) => name === 'PostgreSQL')).toEqual({
      ...{ name: 'PostgreSQL', value: 'db:5432 / team', key: 'postgres' },
      origin: 'postgres.host in settings.yaml',
    });
    expect(dashboard.configuration.find(({ name }) => name === 'MLflow')?.value).toBe('not configured');
    expect(dashboard.ledger).toEqual({
      tone: 'healthy',
      text: 'Live ledger · no record yet · $1 of $10 spent today',
    });
  });

  it('has a button for what to do, and knows what it does', () => {
    const { dashboard, fixes } = presentDashboard(ready, failing(['postgres', refused]), nothingElse);
    expect(dashboard.infrastructure.find(({ id }) => id === 'postgres')).toMatchObject({
      ...{ evidence: 'Nothing answers at db:5432.', hint: 'Start PostgreSQL there.' },
      fixes: [{ label: 'Open Settings File' }],
    });
    expect(fixes.get('postgres')).toEqual([{ kind: 'open_settings', place: { key: 'postgres' } }]);
  });

  it('shows what this window’s calls came to, what is paused, and the cache', () => {
    const measured: ServiceMetrics = {
      ...{
        service: 'bedrock sonnet',
        attempts: 4,
        failures: 1,
        cacheHits: 1,
        hitRate: 0.25,
        waitedMs: 12_400,
      },
      ...{ processingTimeMs: 1234.5, timeToFirstTokenMs: null, circuit: 'open' },
    };
    const registry = { listServices: () => [], metrics: () => [measured] } as unknown as GatewayRegistry;
    const busy: CoreState = { kind: 'ready', core: { ...core, registry }, settingsError: null };
    const { dashboard } = presentDashboard(busy, wellFound, nothingElse);
    expect(dashboard.models).toEqual([
      {
        ...{ name: 'bedrock sonnet', tone: 'failed', state: 'paused', attempts: '4 · 1 failed' },
        ...{ time: '1,235 ms', firstToken: '', waited: '12 s', cacheHits: '1 (25 %)' },
      },
    ]);
    expect(dashboard.cache).toEqual({ tone: 'healthy', text: '2 answers, 0.0 MB in /cache' });
  });

  it('shows why there is no gateway', () => {
    const error = new GatewayError('ledger_damaged', 'The ledger is damaged.', { hint: 'Verify it.' });
    const { dashboard } = presentDashboard({ kind: 'failed', error }, nothingSeen, nothingElse);
    expect(dashboard).toMatchObject({
      ...{ infrastructure: [], configuration: [] },
      gateways: [{ name: 'Gateway', tone: 'failed', evidence: 'The ledger is damaged.', hint: 'Verify it.' }],
    });
  });
});
