import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { Core } from '../../src/core/core.ts';
import { GatewayError } from '../../src/errors.ts';
import { healthCheck } from '../../src/flow/actions/healthCheck.ts';
import { look } from '../../src/health/checks.ts';
import { verifyHere } from '../../src/health/examine.ts';
import type { Finding } from '../../src/health/finding.ts';
import { exitCodeOf, verdictOf as judge } from '../../src/health/verdict.ts';
import type { CoreState } from '../../src/host/coreHolder.ts';
import { nothingSeen } from '../../src/host/healthMonitor.ts';
import { presentDashboard } from '../../src/views/dashboard/presentation.ts';
import { findingsIn, verdictOf } from '../../src/views/health/checkTexts.ts';
import { verdictNode } from '../../src/views/health/healthNodes.ts';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { runImplementation } from '../support/flowRuns.ts';
import { isolatedEnvironment, setEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

vi.mock('vscode', async () => (await import('../support/vscode.ts')).fakeVscode);
// Each runs several commands, and others run beside it.
vi.setConfig({ testTimeout: 60_000 });

interface Installation {
  home: string;
  environment: Record<string, string>;
  standIn: Awaited<ReturnType<typeof startBedrockStandIn>>;
}

interface Told {
  verdict: string;
  reasons: { of: string; message: string; hint: string; remedies: string[] }[];
}

/** A home of its own, on a stand-in of Bedrock, in which everything works. */
async function installation(): Promise<Installation> {
  const home = temporaryFolder();
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const environment = {
    ...isolatedEnvironment(home),
    TIDYLLM_USER: 'ada',
    AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
    AWS_ENDPOINT_URL_STS: standIn.url,
  };
  return { home, environment, standIn };
}

/** What a window of the editor has of the installation, after its first look. */
async function window(environment: Record<string, string>): Promise<{ state: CoreState; core: Core | null }> {
  setEnvironment(environment);
  try {
    const core = await compose({ environment: process.env });
    // A ledger that can’t be used can’t be closed well.
    onTestFinished(() => core.dispose().catch(() => undefined));
    return { state: { kind: 'ready', core, settingsError: null }, core };
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    return { state: { kind: 'failed', error }, core: null };
  }
}

/** What doctor tells, once every other picture of the same installation was found to tell the same. */
async function toldByAll({
  environment,
}: Installation): Promise<Told & { code: number; findings: Finding[] }> {
  const run = async (command: string): Promise<{ code: number | null; document: Told }> => {
    const { code, document } = await tidyllmJson([command], { environment });
    return { code, document: document as unknown as Told };
  };
  const status = await run('status');
  const doctor = await run('doctor');
  const health = await run('health');
  const { verdict, reasons } = doctor.document;
  expect({ status: status.code, health: health.code }).toEqual({ status: doctor.code, health: doctor.code });

  const { state, core } = await window(environment);
  if (core) {
    expect([status.document.verdict, health.document.verdict]).toEqual([verdict, verdict]);
    expect([status.document.reasons, health.document.reasons]).toEqual([reasons, reasons]);
    // Where nothing can be recorded no agreement runs.
    if (status.code !== 7) {
      const report = await runImplementation(core, healthCheck(core));
      expect(report.summary.split(':', 1)).toEqual([verdict]);
      expect(report.findings.map(({ evidence }) => evidence)).toEqual(reasons.map(({ message }) => message));
    }
  } else {
    for (const { document } of [status, health])
      expect(document).toMatchObject({ error: { message: reasons[0]?.message, hint: reasons[0]?.hint } });
  }
  const seen = core ? await look(core, { verify: () => verifyHere(core) }) : nothingSeen;
  const verification = seen.verification && { result: seen.verification, at: new Date(), closed: true };
  if (state.kind === 'starting') throw new TypeError('nothing was started');
  const findings = findingsIn(state, seen, verification);
  const judged = judge(findings);
  expect({ state: judged.state, code: exitCodeOf(judged) }).toEqual({ state: verdict, code: doctor.code });
  expect(judged.reasons.map(({ remedy }) => remedy.map(({ kind }) => kind))).toEqual(
    reasons.map(({ remedies }) => remedies),
  );
  const shown = verdictOf(state, seen, verification);
  expect(verdictNode(shown, false).label).toBe(verdict);
  expect(shown.reasons.map(({ hint }) => hint)).toEqual(reasons.map(({ hint }) => hint));
  const { dashboard } = presentDashboard(
    state,
    { ...nothingSeen, ...seen },
    { verification, runs: [], latencies: { of: () => [] } },
  );
  expect(dashboard.verdict).toMatchObject({ text: verdict, reasons: shown.reasons });
  return { verdict, reasons, code: Number(doctor.code), findings };
}

describe('one health in every picture', () => {
  it('of what works', async () => {
    expect(await toldByAll(await installation())).toMatchObject({ verdict: 'OPERATIONAL', reasons: [] });
  });

  it('of credentials that are missing', async () => {
    const broken = await installation();
    writeFileSync(join(broken.home, 'settings.yaml'), 'ai: { backends: [bedrock] }\n');
    Object.assign(broken.environment, { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' });
    expect(await toldByAll(broken)).toMatchObject({
      ...{ verdict: 'DEGRADED', code: 6 },
      reasons: [{ of: 'bedrock', remedies: ['connect_aws'] }],
    });
  });

  it('of a single sign-on that has expired', async () => {
    const broken = await installation();
    writeFileSync(
      join(broken.home, 'aws-config'),
      '[sso-session corporate]\nsso_start_url = https://corporate.example/start\nsso_region = us-east-1\n[profile work]\nsso_session = corporate\nsso_account_id = 111122223333\nsso_role_name = Developer\n',
    );
    Object.assign(broken.environment, {
      ...{ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_PROFILE: 'work' },
    });
    expect(await toldByAll(broken)).toMatchObject({
      ...{ verdict: 'DEGRADED', code: 6 },
      reasons: [{ of: 'credentials', hint: /aws sso login/, remedies: ['log_in_to_aws', 'connect_aws'] }].map(
        ({ hint, ...rest }) => ({ ...rest, hint: expect.stringMatching(hint) as string }),
      ),
    });
  });

  it('of a service that can’t be reached', async () => {
    const broken = await installation();
    Object.assign(broken.environment, { PGHOST: '127.0.0.1', PGPORT: '1' });
    expect(await toldByAll(broken)).toMatchObject({
      ...{ verdict: 'DEGRADED', code: 6 },
      reasons: [
        {
          of: 'postgres',
          message: 'Nothing answers at 127.0.0.1:1.',
          remedies: ['open_settings', 'check_health'],
        },
      ],
    });
  });

  it('of a ledger that was damaged', async () => {
    const broken = await installation();
    const { environment } = broken;
    expect((await tidyllm(['chat', '--reason', 'JIRA-1 ask', 'hello'], { environment })).code).toBe(0);
    const ledger = join(broken.home, 'ledger', 'live');
    const [segment = ''] = readdirSync(ledger).filter((name) => name.endsWith('.journal'));
    const path = join(ledger, segment);
    writeFileSync(path, readFileSync(path, 'utf8').replace('JIRA-1', 'JIRA-2'));
    expect(await toldByAll(broken)).toMatchObject({
      ...{ verdict: 'DEGRADED', code: 7 },
      reasons: [{ remedies: ['reopen_ledger', 'verify_ledger', 'show_ledger'] }],
    });
  });

  it('of a ledger whose lock can’t be used', async () => {
    const broken = await installation();
    mkdirSync(join(broken.home, 'ledger', 'live', 'lock.db'), { recursive: true });
    expect(await toldByAll(broken)).toMatchObject({
      ...{ verdict: 'DEGRADED', code: 7 },
      reasons: [{ of: 'ledger', remedies: ['show_ledger'] }],
    });
    const { document } = await tidyllmJson(['status'], { environment: broken.environment });
    expect(document['ledger']).toMatchObject({ state: 'unavailable', ok: false });
    expect(document['gateways']).toMatchObject({
      services: [{ id: 'corporate_llm', health: { state: 'failed' } }, {}, {}],
    });
  });

  it('of settings with a fault', async () => {
    const broken = await installation();
    writeFileSync(join(broken.home, 'settings.yaml'), 'budget:\n  daily_limit: 5\n');
    expect(await toldByAll(broken)).toMatchObject({
      ...{ verdict: 'DEGRADED', code: 2 },
      reasons: [{ of: 'settings', remedies: ['open_settings', 'reconnect'] }],
      findings: [{ place: { file: join(broken.home, 'settings.yaml'), line: 2, column: 3 } }],
    });
  });

  it('of agreements with a fault', async () => {
    const broken = await installation();
    writeFileSync(join(broken.home, 'flow.yaml'), 'agreements: [{}]\n');
    expect(await toldByAll(broken)).toMatchObject({
      ...{ verdict: 'DEGRADED', code: 2 },
      reasons: [{ of: 'flow', remedies: ['open_flow_file'] }],
    });
  });

  it('of a clock that is off: a warning, which keeps nothing from working', async () => {
    const broken = await installation();
    broken.standIn.clockAheadMs = 20 * 60_000;
    const { verdict, findings } = await toldByAll(broken);
    expect(verdict).toBe('OPERATIONAL');
    expect(findings.find(({ id }) => id === 'clock')).toMatchObject({
      state: 'warning',
      hint: expect.stringContaining('Set this computer’s clock') as string,
    });
  });
});
