import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Core } from '../../../src/core/core.ts';
import type { ApprovalRequest, ExecuteOptions } from '../../../src/flow/flowAgreementManager.ts';
import type { Report } from '../../../src/flow/report.ts';
import { Signer } from '../../../src/ledger/signing.ts';
import { writeFlowFile } from '../../support/flowFiles.ts';
import { figureOf, reportOf, runCommand } from '../../support/flowRuns.ts';
import { gatewayOnStandIn } from '../../support/gateways.ts';
import { storedRecords } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const approved = (): Promise<boolean> => Promise.resolve(true);

interface Shell {
  core: Core;
  home: string;
  folder: string;
  /** Runs the agreement's command in its folder. */
  run: (options?: Partial<ExecuteOptions>) => ReturnType<typeof runCommand>;
}

async function shell(
  command: string,
  parameters: object = {},
  directory = '.',
  own: Record<string, string> = {},
): Promise<Shell> {
  const folder = temporaryFolder();
  writeFlowFile(folder, agreementOf(command, parameters, directory));
  const environment = {
    ...{ PGPASSWORD: 'hunter2', AWS_SESSION_TOKEN: 'token', TEAM: 'blue', AWS_REGION: 'us-east-1' },
    ...{ AWS_DEFAULT_PROFILE: 'team', MLFLOW_TRACKING_TOKEN: 'hunter2', PGPASSFILE: '/none' },
    ...{
      aws_secret_access_key: 'hunter2',
      PGSERVICEFILE: '/none',
      MLFLOW_TRACKING_URI: 'http://a:hunter2@b',
    },
    ...own,
  };
  const { core, home } = await gatewayOnStandIn(environment, { folders: [folder] });
  const origin = { door: 'test', folder, branch: 'main' };
  const run: Shell['run'] = (options) =>
    runCommand(core, '[Do It]', { origin, approve: approved, ...options });
  return { core, home, folder, run };
}

function agreementOf(command: string, parameters: object = {}, directory = '.') {
  return {
    trigger: '[Do It]',
    flow_encoding: '@team#command!run@workspace',
    expanded_meaning: 'Run a command of the team.',
    action: 'do_it',
    real_implementation: 'shell',
    fallback: 'health_check',
    parameters,
    shell: { command, directory },
  };
}

function runRecords({ core }: Shell) {
  return storedRecords(core.journal.directory).filter(({ kind }) => kind.startsWith('flow_'));
}

function outputOf(report: Report | null, id = 'output'): string {
  return report?.sections.find((section) => section.id === id)?.text ?? '';
}

/** Waits until a file is there. */
async function appeared(folder: string, name: string): Promise<string> {
  const watcher = watch(folder);
  onTestFinished(() => watcher.close());
  while (!existsSync(join(folder, name)) || readFileSync(join(folder, name), 'utf8') === '')
    await once(watcher, 'change');
  return readFileSync(join(folder, name), 'utf8');
}

/** One that has ended may stay listed until its parent has looked. */
function isAlive(pid: string): boolean {
  return /^[^Z]/.test(spawnSync('ps', ['-o', 'stat=', '-p', pid.trim()], { encoding: 'utf8' }).stdout);
}

describe('a command', () => {
  it('runs in its folder, once it was seen and approved', async () => {
    const it = await shell('pwd; cat notes.txt; echo careful >&2', {}, '.tidyllm');
    const seen: ApprovalRequest[] = [];
    const execution = await it.run({
      approve: (request) => {
        seen.push(request);
        return approved();
      },
    });
    expect(seen).toMatchObject([
      { command: 'pwd; cat notes.txt; echo careful >&2', directory: join(it.folder, '.tidyllm') },
    ]);
    expect(execution).toMatchObject({ mode: 'real', outcome: 'success' });
    expect(outputOf(execution.report)).toBe(join(it.folder, '.tidyllm'));
    expect(outputOf(execution.report, 'errors')).toMatch(/notes\.txt[^]*careful$/);
  });

  it('needs a second person where duties are separated, once for each wording', async () => {
    const home = temporaryFolder();
    const grace = Signer.generate();
    const settings = join(home, 'settings.yaml');
    const approvers = [{ name: 'grace', public_key: grace.publicKey }];
    const compliance = { level: 'sox', approvers };
    writeFileSync(settings, JSON.stringify({ compliance, audit: { retention_days: 2555 } }));
    const it = await shell('echo done', {}, '.', { TIDYLLM_SETTINGS: settings });
    // The ledger has no record to which a request could belong.
    expect(await it.run()).toMatchObject({ outcome: 'refused', error: { code: 'invalid_request' } });
    const refused = await it.run();
    expect(refused).toMatchObject({ outcome: 'refused', error: { code: 'flow_not_approved' } });
    expect((await it.run()).outcome).toBe('refused');
    const [request, ...others] = await it.core.approvals.list();
    expect(others).toEqual([]);
    expect(refused.error?.hint).toContain(`tidyllm compliance exception show ${request?.request.id}`);
    if (!request) return;
    const { approvals } = it.core;
    const signed = await approvals.decide(request, { decision: 'approved', reason: 'read it' }, grace);
    await it.core.takeDecision(signed);
    expect(await it.run()).toMatchObject({ mode: 'real', outcome: 'success' });
    writeFlowFile(it.folder, agreementOf('echo other'));
    expect((await it.run()).outcome).toBe('refused');
  });

  it('is real, costs nothing, and is recorded as approved', async () => {
    const it = await shell('echo "$TEAM"');
    const execution = await it.run();
    expect(execution).toMatchObject({
      ...{ mode: 'real', outcome: 'success', reserved: 0n, cost: 0n, calls: 0, fallback: null },
    });
    const report = reportOf(execution);
    expect(outputOf(report)).toBe('blue');
    expect(figureOf(report, 'exit_code')).toBe(0);
    expect(runRecords(it)).toMatchObject([
      {
        ...{ kind: 'flow_start', implementation: 'shell', approved: true, workspace: it.folder },
        ...{ branch: 'main', source: join(it.folder, '.tidyllm', 'flow.yaml') },
        definition_sha256: execution.agreement.definitionSha256,
      },
      { kind: 'flow_end', outcome: 'success', execution_mode: 'real' },
    ]);
    // What it printed is shown, and not kept.
    const kept = readFileSync(join(it.home, 'flow', 'live', `${execution.runId}.json`), 'utf8');
    expect(kept).not.toContain('blue');
  });

  it('counts its time from when it was approved', async () => {
    const it = await shell('true');
    let approvedAt = 0;
    const { startedAt } = await it.run({
      approve: () => {
        approvedAt = Date.now();
        return approved();
      },
    });
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(approvedAt);
  });

  it.each<[string, Partial<ExecuteOptions>]>([
    ['in a workspace that isn’t trusted, whoever approves it', { trusted: false }],
    ['when it isn’t approved', { approve: () => Promise.resolve(false) }],
    ['where nobody can be asked', { approve: undefined as never }],
    ['without a folder', { origin: { door: 'test', folder: null, branch: null } }],
  ])('never runs %s, and the attempt is recorded', async (_when, options) => {
    const it = await shell('touch pwned');
    const execution = await it.run(options);
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'refused', report: null, fallback: null },
      error: { code: 'flow_not_approved' },
    });
    expect(existsSync(join(it.folder, 'pwned'))).toBe(false);
    expect(runRecords(it)).toMatchObject([
      { kind: 'flow_start', agreement: 'do_it', approved: false, reserved_micro_usd: '0' },
      { kind: 'flow_end', outcome: 'refused', error_code: 'flow_not_approved', execution_mode: 'failed' },
    ]);
  });

  it('gets parameters as variables, and nothing that a value holds is run', async () => {
    const it = await shell('printf "%s|%s" "$FLOW_NAME" "$FLOW_COUNT"; ls', {
      name: { description: 'Anything' },
      count: { type: 'integer', default: 3 },
    });
    const name = '"; touch pwned; $(touch pwned) `touch pwned` \n touch pwned';
    const { report } = await it.run({ parameters: { name } });
    expect(outputOf(report)).toBe(`${name}|3`);
    expect(existsSync(join(it.folder, 'pwned'))).toBe(false);
  });

  it('does not get the ways to a model and to the database', async () => {
    const it = await shell('env');
    const output = outputOf(reportOf(await it.run()));
    expect(output).toContain('TEAM=blue');
    expect(output).toContain('AWS_REGION=us-east-1');
    expect(output).not.toMatch(/^(AWS_(?!REGION)\w+|MLFLOW_\w+|PG\w+|TIDYLLM_HOME)=/im);
    expect(output).not.toMatch(/hunter2|AKIASTANDIN/);
  });

  it('gets no variable that settings.yaml refers to, wherever in the file', async () => {
    const names = [
      'CORP_SECRET',
      'corp_user',
      'Corp_Bucket',
      'IN_A_TEXT',
      'IN_A_LIST',
      'BY_AN_ALIAS',
      'IN_A_CAP',
    ];
    const settings = join(temporaryFolder(), 'settings.yaml');
    const yaml = `postgres: { db_password: "\${CORP_SECRET}", db_user: "\${corp_user}" }
s3: { bucket: "\${Corp_Bucket}", prefix: "a/\${IN_A_TEXT}/b" }
compliance: { patterns: ["\${IN_A_LIST}"] }
mlflow: { artifact_store: "$\${NOT_REFERRED_TO}", experiment: &name "\${BY_AN_ALIAS}" }
team: { organisation: *name }
cache: { directory: "\${HOME}/cache" }
budget: { per_user_usd: { ada: "\${IN_A_CAP}" } }
`;
    writeFileSync(settings, yaml);
    const values = Object.fromEntries(names.map((name) => [name, name === 'IN_A_CAP' ? '7' : 'hunter2']));
    const own = { ...values, NOT_REFERRED_TO: 'seen', TIDYLLM_SETTINGS: settings };
    const output = outputOf(reportOf(await (await shell('env', {}, '.', own)).run()));
    expect(output).toContain('NOT_REFERRED_TO=seen');
    // A shell needs it, and it is no secret.
    expect(output).toMatch(/^HOME=/m);
    for (const name of names) expect(output).not.toMatch(new RegExp(`^${name}=`, 'im'));
    expect(output).not.toContain('hunter2');
  });

  it('fails with its exit code, and its output is shown all the same', async () => {
    const it = await shell('echo so far; echo broken >&2; exit 3');
    const execution = await it.run();
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'failed' },
      error: { code: 'flow_failed', message: 'The command of [Do It] ended with exit code 3.' },
      fallback: { implementation: 'health_check' },
    });
    expect(execution.report && figureOf(execution.report, 'exit_code')).toBe(3);
    expect(outputOf(execution.report)).toBe('so far');
    expect(outputOf(execution.report, 'errors')).toBe('broken');
    expect(runRecords(it).at(-1)).toMatchObject({ kind: 'flow_end', outcome: 'failed', report_sha256: null });
  });

  it('doesn’t run where its directory isn’t', async () => {
    const it = await shell('true', {}, 'nowhere');
    expect(await it.run()).toMatchObject({
      mode: 'failed',
      outcome: 'refused',
      error: { code: 'flow_not_approved' },
    });
  });

  it('keeps the end of what it prints', async () => {
    const it = await shell('seq 1 100000');
    const output = outputOf(reportOf(await it.run()));
    expect(output).toMatch(/\n99999\n100000$/);
    expect(output.length).toBeLessThanOrEqual(64 * 1024);
    expect(output.length).toBeGreaterThan(60 * 1024);
  });

  it('ends with everything it started when it is cancelled', async () => {
    // One waits in the foreground, one behind it, and one that doesn’t want to end and holds no output.
    const it = await shell(
      `sh -c 'trap "" TERM; echo $$ > stubborn; while :; do sleep 60; done' > /dev/null 2>&1 &
       sleep 60 & echo $! > child; wait`,
    );
    const stop = new AbortController();
    const running = it.run({ signal: stop.signal });
    const pids = [await appeared(it.folder, 'child'), await appeared(it.folder, 'stubborn')];
    expect(pids.map(isAlive)).toEqual([true, true]);
    stop.abort();
    const execution = await running;
    expect(execution).toMatchObject({ mode: 'failed', outcome: 'cancelled', fallback: null });
    await expect.poll(() => pids.map(isAlive)).toEqual([false, false]);
    expect(runRecords(it).at(-1)).toMatchObject({ kind: 'flow_end', outcome: 'cancelled' });
  });

  // Only Linux has a command that leaves its group.
  it.runIf(process.platform === 'linux')(
    'ends when it is cancelled although something that left it holds its output',
    async () => {
      const it = await shell(`setsid sh -c 'echo $$ > left; exec sleep 60' & wait`);
      const stop = new AbortController();
      const running = it.run({ signal: stop.signal });
      const left = await appeared(it.folder, 'left');
      onTestFinished(() => void process.kill(Number(left)));
      stop.abort();
      expect(await running).toMatchObject({ mode: 'failed', outcome: 'cancelled' });
      expect(isAlive(left)).toBe(true);
    },
  );
});
