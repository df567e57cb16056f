import { chmodSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Screening, type TextDetector } from '../../../src/compliance/screening.ts';
import { ContentStore } from '../../../src/content/contentStore.ts';
import { Detector } from '../../../src/detection/detector.ts';
import { CorporateLlmGateway } from '../../../src/gateways/corporateLlm/corporateLlmGateway.ts';
import type { ComposeOptions, Core } from '../../../src/core/core.ts';
import { securityTest, type SecurityTestDependencies } from '../../../src/flow/actions/securityTest.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { Report } from '../../../src/flow/report.ts';
import { faultsOf, runCommand, runImplementation, type TestRun } from '../../support/flowRuns.ts';
import { gatewayOnMock, gatewayOnStandIn, type TestGateway } from '../../support/gateways.ts';
import { capsOf, installedKeys, journalPath, openLedger, storedRecords } from '../../support/ledgers.ts';
import { untracked } from '../../support/untracked.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** A system with some calls in its journal. */
async function usedSystem(
  environment: Record<string, string> = {},
  options: Partial<ComposeOptions> = {},
): Promise<TestGateway> {
  const system = await gatewayOnStandIn(environment, options);
  await callOnce(system.core);
  return system;
}

async function callOnce({ registry }: Core): Promise<void> {
  const { success } = await registry
    .calls()
    .execute({ prompt: 'hello', auditReason: 'JIRA-1 test', modelId: 'claude-haiku' });
  expect(success).toBe(true);
}

function test(
  { core, home }: { core: Core; home: string },
  options: TestRun = {},
  changes: Partial<SecurityTestDependencies> = {},
  ledger = core.ledger as Ledger,
  found: Partial<TextDetector> = {},
): Promise<Report> {
  const { loaded, journal, catalogue, backend, sessions, user } = core;
  const { settings } = loaded;
  const policy = {
    minReasonLength: settings.audit.min_reason_length,
    defaultUser: user,
  };
  const content = new ContentStore({
    directory: join(home, 'content'),
    policy: settings.audit.content,
    patterns: [],
    mode: ledger.mode,
  });
  const detector = new Detector({ patterns: [], deadlineMs: 2000 });
  const searching: TextDetector = {
    start: () => detector.start(),
    find: (texts, signal) => detector.find(texts, signal),
    ...found,
  };
  const screening = new Screening(settings.compliance, searching, { retentionDays: 400 });
  const dependencies: SecurityTestDependencies = {
    ...{ loaded, journal, catalogue, backend, sessions },
    callsOn: (reached, prices) =>
      new CorporateLlmGateway({
        backend: reached,
        catalogue: prices,
        ledger,
        content,
        policy,
        screening,
        exceptions: { covering: () => Promise.resolve(new Map()) },
        tracker: untracked,
      }),
    anchorAt: (path) => core.anchorAt(path),
    ...{ state: home, environment: process.env, defaultModel: 'claude-haiku' },
    ...changes,
  };
  return runImplementation(core, securityTest(dependencies), options).finally(() => detector.dispose());
}

function rowsOf(report: Report, id: string): string[][] {
  const table = report.sections.find((section) => section.id === id)?.table;
  return (table?.rows ?? []).map((row) => row.map(String));
}

/** A home with settings, before the system starts. */
function homeWith(settings: string, mode = 0o600): string {
  const home = temporaryFolder();
  writeFileSync(join(home, 'settings.yaml'), settings);
  chmodSync(join(home, 'settings.yaml'), mode);
  return home;
}

describe('the security test on a clean system', () => {
  it('finds nothing wrong, and every attempt is refused and recorded', async () => {
    const anchor = join(temporaryFolder(), 'anchors.txt');
    const system = await usedSystem({ TIDYLLM_AUDIT_ANCHOR_FILE: anchor });
    await system.core.anchoring.publish();
    const calls = system.standIn.calls.length;
    const before = (await system.core.budget()).spent;
    const report = await test(system);
    expect(report.findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(report.summary).toBe(
      'No problems found: chain, files, settings, endpoints and 8 attempts to pass the gateway were checked.',
    );
    const attempts = rowsOf(report, 'attempts');
    expect(attempts.map(([tried, result, refused]) => [tried, result, refused])).toEqual([
      ['a call without a reason', 'refused', 'audit_reason_missing'],
      ['a call with a blank reason', 'refused', 'audit_reason_missing'],
      ['a call to an unknown model', 'refused', 'model_not_recognized'],
      ['a call above the remaining budget', 'refused', 'budget_exceeded'],
      ['a call with a secret', 'refused', 'compliance_blocked'],
      ['a call above this run’s reservation', 'refused', 'cost_limit_exceeded'],
      ['a changed record in a copy of the journal', 'refused', expect.stringMatching(/^\w+ at line \d+$/)],
      ['a call while the gateway is not up', 'refused', 'gateway_unavailable: NO DIRECT AWS CALLS ALLOWED'],
    ]);
    // The records that it names are those of the refusals.
    const refusals = storedRecords(system.core.journal.directory).filter(({ kind }) => kind === 'REFUSE');
    expect(attempts.slice(0, 6).map(([, , , record]) => record)).toEqual(
      refusals.map(({ seq }) => `#${seq}`),
    );
    expect(system.standIn.calls).toHaveLength(calls);
    const { spent, reserved } = await system.core.budget();
    expect({ spent, reserved }).toEqual({ spent: before, reserved: 0n });
  });

  it('finds nothing wrong where answers are simulated', async () => {
    const report = await test(await gatewayOnMock());
    expect(faultsOf(report)).toEqual([]);
  });

  it('notes what the defaults leave open', async () => {
    const report = await test(await usedSystem());
    expect(report.findings.map(({ severity, id }) => [severity, id])).toEqual([
      ['note', 'no_user_cap'],
      ['note', 'unsearched_let_out'],
      ['note', 'no_anchor'],
    ]);
  });
});

describe('the security test finds', () => {
  it('a forged journal', async () => {
    const system = await usedSystem();
    const path = journalPath(system.core.journal.directory);
    const journal = readFileSync(path, 'utf8');
    writeFileSync(path, journal.replace('"reason":"JIRA-1 test"', '"reason":"JIRA-2 test"'));
    const report = await test(system);
    expect(faultsOf(report)).toEqual(['chain_broken']);
    expect(report.findings[0]?.evidence).toMatch(
      /^00000001\.journal:\d+ \(record \d+\): the hash does not fit/,
    );
  });

  it.skipIf(process.platform === 'win32').each([
    [
      'a ledger that everybody can read',
      'open_ledger',
      0o644,
      () => join('ledger', 'live', '00000001.journal'),
    ],
    ['a ledger’s folder that a group can write', 'open_ledger', 0o770, () => join('ledger', 'live')],
    ['a signing key that a group can read', 'open_key', 0o640, () => 'signing.pem'],
    ['content keys that everybody can list', 'open_content', 0o755, () => join('content', 'keys')],
    ['a state folder that everybody can list', 'open_state', 0o755, () => ''],
  ])('%s', async (_what, id, mode, place) => {
    const system = await usedSystem();
    chmodSync(join(system.home, place()), mode);
    const report = await test(system);
    expect(faultsOf(report)).toEqual([id]);
    expect(report.findings[0]?.evidence).toContain(`mode ${mode.toString(8)}`);
  });

  it.skipIf(process.platform === 'win32')('a ledger behind a link that everybody can write', async () => {
    const system = await usedSystem();
    const elsewhere = join(temporaryFolder(), 'elsewhere');
    renameSync(join(system.home, 'ledger'), elsewhere);
    symlinkSync(elsewhere, join(system.home, 'ledger'));
    expect(faultsOf(await test(system))).toEqual([]);
    chmodSync(elsewhere, 0o777);
    const report = await test(system);
    expect(faultsOf(report)).toEqual(['open_ledger']);
    expect(report.findings[0]?.evidence).toContain('mode 777');
  });

  it.skipIf(process.platform === 'win32').each(['settings.yaml', 'flow.yaml'])(
    'the user’s %s that everybody can write',
    async (name) => {
      const system = await usedSystem();
      writeFileSync(join(system.home, name), '');
      chmodSync(join(system.home, name), 0o644);
      expect(faultsOf(await test(system))).toEqual([]);
      chmodSync(join(system.home, name), 0o666);
      expect(faultsOf(await test(system))).toEqual(['writable_settings']);
    },
  );

  it('a secret in settings, at its line and without its value', async () => {
    const home = homeWith('aws:\n  region: us-east-1\npostgres:\n  db_password: hunter2\n');
    const system = await usedSystem({ TIDYLLM_SETTINGS: join(home, 'settings.yaml') });
    const report = await test(system);
    expect(faultsOf(report)).toEqual(['secret_in_settings']);
    expect(report.findings.find(({ id }) => id === 'secret_in_settings')?.title).toBe(
      `${join(home, 'settings.yaml')}:4 contains a secret in plain text`,
    );
    expect(JSON.stringify(report)).not.toContain('hunter2');
  });

  it.each([
    ['mlflow: { tracking_uri: "http://u:secretpw@127.0.0.1:5000" }', 'secretpw'],
    ['postgres: { db_password: "hunter2$${x}" }', 'hunter2'],
  ])('the secret of %s', async (settings, secret) => {
    const home = homeWith(`${settings}\n`);
    const report = await test(await usedSystem({ TIDYLLM_SETTINGS: join(home, 'settings.yaml') }));
    expect(faultsOf(report)).toEqual(['secret_in_settings']);
    expect(JSON.stringify(report)).not.toContain(secret);
  });

  it('secrets in the user’s agreements, in variables and in the addresses of remotes', async () => {
    const workspace = temporaryFolder();
    mkdirSync(join(workspace, '.git'));
    writeFileSync(join(workspace, '.git', 'config'), 'url = https://ada:secretpw@git.example/x\n');
    writeFileSync(join(workspace, '.env'), 'password: correcthorsebattery\n');
    const system = await usedSystem();
    const agreements = join(system.home, 'flow.yaml');
    writeFileSync(agreements, '# AKIAIOSFODNN7EXAMPLE\n', { mode: 0o600 });
    const report = await test(system, { workspace });
    expect(rowsOf(report, 'secrets').toSorted()).toEqual(
      [
        [`${agreements}:1`, 'aws key', 'settings'],
        ['.env:1', 'secret', 'workspace'],
        [`${join('.git', 'config')}:1`, 'secret', 'workspace'],
      ].toSorted(),
    );
  });

  it.skipIf(process.platform === 'win32')('settings with a secret that others can read', async () => {
    const home = homeWith('postgres: { db_password: hunter2 }\n', 0o644);
    const system = await usedSystem({ TIDYLLM_SETTINGS: join(home, 'settings.yaml') });
    expect(faultsOf(await test(system))).toEqual(['open_settings', 'secret_in_settings']);
  });

  it('no secret in a reference to the environment', async () => {
    const home = homeWith('postgres: { db_password: "${PGPASSWORD}" }\n', 0o644);
    const system = await usedSystem({ TIDYLLM_SETTINGS: join(home, 'settings.yaml'), PGPASSWORD: 'hunter2' });
    expect(faultsOf(await test(system))).toEqual([]);
  });

  it('secrets in the workspace by file, line and kind, and says what it skipped', async () => {
    const workspace = temporaryFolder();
    const key = `AKIAIOSFODNN7EXAMPLE`;
    mkdirSync(join(workspace, 'src'));
    mkdirSync(join(workspace, 'node_modules'));
    writeFileSync(join(workspace, 'node_modules', 'a.txt'), key);
    writeFileSync(join(workspace, 'src', 'deploy.sh'), `#!/bin/sh\nexport KEY=${key}\n`);
    writeFileSync(join(workspace, 'people.txt'), 'ada@example.com, +49 30 1234567\n');
    writeFileSync(join(workspace, 'picture.bin'), Buffer.from(`\0${key}`));
    writeFileSync(join(workspace, 'large.txt'), `${key}${'x'.repeat(1024 * 1024)}`);
    const system = await usedSystem();
    const report = await test(system, { workspace });
    expect(faultsOf(report)).toEqual(['secret_in_workspace']);
    expect(rowsOf(report, 'secrets')).toEqual([[`${join('src', 'deploy.sh')}:2`, 'aws key', 'workspace']]);
    const text = report.sections.find(({ id }) => id === 'secrets')?.text;
    expect(text).toContain('2 files of the workspace were read.');
    for (const skipped of ['1 binary', '1 larger than 1 MiB', '1 folders named node_modules'])
      expect(text).toContain(skipped);
    expect(JSON.stringify(report)).not.toContain(key);
    const unsearched = await test(system, { workspace, parameters: { scan_workspace: false } });
    expect(faultsOf(unsearched)).toEqual([]);
  });

  it.each([
    ['budget: { unknown_price: us.anthropic.claude-sonnet-4-6 }', 'unpriced_models'],
    ['aws: { bedrock: { bearer_token: true } }', 'bearer_token'],
    ['audit: { content: none }', 'content_not_hashed'],
    ['audit: { min_reason_length: 1 }', 'short_reasons'],
    ['budget: { daily_limit_usd: "5000" }', 'high_cap'],
  ])('a policy that is loosened: %s', async (settings, id) => {
    const home = homeWith(`${settings}\n`);
    const system = await usedSystem({ TIDYLLM_SETTINGS: join(home, 'settings.yaml') });
    const report = await test(system);
    expect(faultsOf(report)).toEqual([id]);
    expect(report.findings.find((finding) => finding.id === id)?.evidence).toContain(
      join(home, 'settings.yaml'),
    );
  });

  it('an anchor that lost its checkpoints, and one of other records', async () => {
    const anchor = join(temporaryFolder(), 'anchors.txt');
    const system = await usedSystem({ TIDYLLM_AUDIT_ANCHOR_FILE: anchor });
    await system.core.anchoring.publish();
    const kept = readFileSync(anchor, 'utf8');
    writeFileSync(anchor, '');
    expect(faultsOf(await test(system))).toEqual(['anchor_empty']);
    const other = await usedSystem({ TIDYLLM_AUDIT_ANCHOR_FILE: anchor });
    writeFileSync(anchor, kept);
    const { report } = await runCommand(other.core, '[Security Test]');
    expect(report && faultsOf(report)).toContain('anchor_mismatch');
  });

  it('an endpoint in the clear on another machine', async () => {
    const system = await usedSystem({ MLFLOW_TRACKING_URI: 'http://ada:pass@mlflow.example.com:5000' });
    const report = await test(system);
    expect(faultsOf(report)).toEqual(['plain_http']);
    expect(JSON.stringify(report)).not.toContain('ada:pass');
  });

  it.each([
    ['prefer', ['weak_ssl_mode']],
    ['disable', ['weak_ssl_mode']],
    ['require', []],
    ['verify-full', []],
  ])('PostgreSQL on another machine with ssl_mode %s: %j', async (mode, faults) => {
    const system = await usedSystem({ PGHOST: 'db.example.com', PGSSLMODE: mode });
    expect(faultsOf(await test(system))).toEqual(faults);
  });

  it('certificate checks that are turned off', async () => {
    const lax = await usedSystem({}, { network: { strictCertificates: false } });
    expect(faultsOf(await test(lax))).toEqual(['certificates_unchecked']);
    const system = await usedSystem();
    const environment = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    expect(faultsOf(await test(system, {}, { environment }))).toEqual(['certificates_unchecked']);
  });

  it('a server whose certificate nobody vouches for; of one that is trusted, protocol and days left', async () => {
    const folder = new URL('../../fixtures/', import.meta.url);
    const [cert, key] = ['certificate', 'key'].map((name) =>
      readFileSync(new URL(`localhost.${name}.pem`, folder)),
    );
    const server = createHttpsServer({ cert, key }, (_request, response) => response.end('{}'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => server.closeAllConnections());
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const uri = { MLFLOW_TRACKING_URI: `https://localhost:${port}` };
    const untrusted = await test(await usedSystem(uri));
    expect(faultsOf(untrusted)).toEqual(['no_handshake']);
    const bundle = new URL('localhost.certificate.pem', folder).pathname;
    const trusted = await test(await usedSystem({ ...uri, AWS_CA_BUNDLE: bundle }));
    expect(faultsOf(trusted)).toEqual([]);
    const row = rowsOf(trusted, 'endpoints').find(([name]) => name === 'MLflow');
    expect(row?.slice(1)).toEqual(['encrypted', expect.stringMatching(/ uses TLSv1\.3; .* \d+ days left$/)]);
  });

  it.each([
    [{ protocol: 'TLSv1.1', validUntil: null }, ['old_tls']],
    [{ protocol: 'TLSv1.3', validUntil: new Date(Date.now() + 5 * 86_400_000) }, ['certificate_ends']],
    [{ protocol: null, validUntil: null }, []],
  ])('what is wrong with a handshake: %j', async (handshake, faults) => {
    const system = await usedSystem({ MLFLOW_TRACKING_URI: 'https://mlflow.example.com' });
    const sessions = { checksCertificates: true, handshake: () => Promise.resolve(handshake) };
    expect(faultsOf(await test(system, {}, { sessions }))).toEqual(faults);
  });

  it('a server of TLS 1.1', async () => {
    const folder = new URL('../../fixtures/', import.meta.url);
    const [cert, key] = ['certificate', 'key'].map((name) =>
      readFileSync(new URL(`localhost.${name}.pem`, folder)),
    );
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const server = createHttpsServer({ cert, key, ...old }, (_request, response) => response.end('{}'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const system = await usedSystem({ MLFLOW_TRACKING_URI: `https://localhost:${port}` });
    expect(faultsOf(await test(system))).toEqual(['old_tls']);
  });

  it('what policy of compliance lets out, and tries none of it', async () => {
    const system = await usedSystem({
      TIDYLLM_COMPLIANCE_SECRETS: 'allow',
      TIDYLLM_COMPLIANCE_PERSONAL_DATA: 'allow',
      TIDYLLM_COMPLIANCE_UNCHECKED: 'allow',
      TIDYLLM_COMPLIANCE_SEGREGATION_OF_DUTIES: 'true',
    });
    const report = await test(system);
    expect(faultsOf(report)).toEqual([
      ...['no_approver', 'personal_data_let_out', 'secrets_let_out', 'unsearched_let_out'],
    ]);
    expect(rowsOf(report, 'attempts')).toContainEqual(
      expect.arrayContaining(['a call with a secret', 'not tried', 'not tried: policy lets secrets out']),
    );
  });

  it('no way for a secret that is redacted, a denied model, or a call without a use class', async () => {
    const system = await usedSystem({
      TIDYLLM_COMPLIANCE_SECRETS: 'redact',
      TIDYLLM_COMPLIANCE_MODELS_DENIED: 'claude-sonnet',
    });
    const attempts = rowsOf(await test(system), 'attempts').map(([tried, , outcome]) => [tried, outcome]);
    expect(attempts).toContainEqual(['a call with a secret', 'redacted']);
    expect(attempts).toContainEqual(['a call to claude-sonnet, which policy denies', 'compliance_blocked']);
    const required = await gatewayOnStandIn({
      TIDYLLM_COMPLIANCE_USE_CLASSES: 'internal',
      TIDYLLM_COMPLIANCE_USE_CLASS_REQUIRED: 'true',
    });
    const report = await test(required);
    const of = rowsOf(report, 'attempts').map(([tried, , outcome]) => [tried, outcome]);
    expect(of).toContainEqual(['a call without a use class', 'compliance_blocked']);
    expect(of).toContainEqual(['a call above the remaining budget', 'budget_exceeded']);
  });

  it('nothing that an exception could be asked for', async () => {
    const system = await usedSystem();
    await test(system);
    expect(await system.core.approvals.lastBlocked()).toEqual([]);
  });

  it('a search for secrets that finds nothing', async () => {
    const system = await usedSystem();
    const report = await test(system, {}, {}, undefined, {
      find: (texts) => Promise.resolve(texts.map(() => [])),
    });
    expect(faultsOf(report)).toEqual(['passed_secret']);
  });

  it('no refusal in an attempt that something else stopped', async () => {
    const system = await gatewayOnStandIn({
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_PROFILE: 'nobody',
    });
    const report = await test(system);
    const attempts = rowsOf(report, 'attempts').map(([, result, outcome]) => [result, outcome]);
    expect(attempts[5]).toEqual(['not tried', expect.stringMatching(/^not tried: credentials_/)]);
    const refused = attempts.filter(([result]) => result === 'refused').length;
    expect(report.summary).toContain(`and ${refused} attempts`);
  });

  it('a gateway that lets a call pass', async () => {
    const system = await usedSystem();
    const { mode, timeZone } = system.core.ledger;
    const { directory } = system.core.journal;
    const of = { mode, timeZone, signingKeys: installedKeys(directory), capOf: capsOf(10n ** 18n - 1n) };
    const report = await test(system, {}, {}, openLedger(directory, of));
    expect(faultsOf(report)).toEqual(['passed_budget']);
    expect((await system.core.budget()).reserved).toBe(0n);
  });
});

it('the security test stops when it is cancelled, and leaves no reservation', async () => {
  const system = await usedSystem();
  const stop = new AbortController();
  const onProgress = (message: string): void => {
    if (message === 'Endpoints') stop.abort(new Error('cancelled by a test'));
  };
  await expect(test(system, { signal: stop.signal, onProgress })).rejects.toThrow('cancelled by a test');
  expect((await system.core.budget()).reserved).toBe(0n);
});
