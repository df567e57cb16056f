import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { GatewayError, messageOf } from '../errors.ts';
import type { Core } from '../gateways/core.ts';
import { systemStatus } from '../gateways/systemStatus.ts';
import { formatUsd } from '../pricing/cost.ts';
import { verifyLedger } from '../ledger/readJournal.ts';
import { userDirectories } from '../settings/settingsPlaces.ts';
import { faultText } from '../settings/settingsDocument.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

const checkTimeoutMs = 5_000;

interface Finding {
  name: string;
  state: 'ok' | 'warning' | 'failed' | 'not configured';
  evidence: string;
  /** What to do; empty when nothing is. */
  fix: string;
}

/** `tidyllm doctor`: what is wrong and how to mend it, also when nothing starts. */
export async function doctor(compose: () => Promise<Core>, terminal: Terminal): Promise<number> {
  const findings: Finding[] = [runtime(), ...homeFolder()];
  let code = 0;
  try {
    const core = await compose();
    try {
      findings.push(...configuration(core), ...(await look(core)));
    } finally {
      await core.dispose();
    }
  } catch (error) {
    const known = GatewayError.is(error) ? error : null;
    code = known?.exitCode ?? 6;
    findings.push(failed(known?.code === 'settings_invalid' ? 'settings' : 'gateway', error));
  }
  const ok = findings.every(({ state }) => state !== 'failed');
  if (terminal.json) printJson({ ok, findings: findings.map((one) => ({ ...one, fix: one.fix || null })) });
  else print(findings, ok);
  return ok ? 0 : code || 6;
}

function print(findings: readonly Finding[], ok: boolean): void {
  const rows = findings.map(({ name, state, evidence }) => [name, state, evidence.split('\n', 1)[0] ?? '']);
  printLine(table(['check', 'state', 'evidence'], rows));
  const open = findings.filter(({ fix }) => fix !== '');
  if (open.length > 0) printLine();
  for (const { name, evidence, fix } of open) printLine(`${name}: ${evidence}\n  → ${fix}`);
  if (ok && open.length === 0) printLine('\nNothing to mend.');
}

function runtime(): Finding {
  return fine('runtime', `Node.js ${process.versions.node} on ${process.platform} ${process.arch}`);
}

function homeFolder(): Finding[] {
  try {
    const { state } = userDirectories(process.env);
    mkdirSync(state, { recursive: true, mode: 0o700 });
    accessSync(state, constants.R_OK | constants.W_OK);
    return [fine('state folder', state)];
  } catch (error) {
    const fix = GatewayError.is(error)
      ? error.hint
      : 'Make the folder writable, or set TIDYLLM_HOME to another one.';
    return [{ name: 'state folder', state: 'failed', evidence: messageOf(error), fix }];
  }
}

function configuration({ loaded }: Core): Finding[] {
  const file = loaded.file ?? `none, so defaults count (${loaded.userFile})`;
  return [
    fine('settings', [file, ...loaded.workspaceFiles].join(', ')),
    ...loaded.warnings.map((warning): Finding => ({
      name: 'settings',
      state: 'warning',
      evidence: faultText(warning),
      fix: 'Correct the place that is named.',
    })),
    ...(loaded.unused.length === 0
      ? []
      : [
          {
            name: 'settings',
            state: 'warning' as const,
            evidence: `without effect in this version: ${loaded.unused.join(', ')}`,
            fix: 'Take them out, or leave them for a later version.',
          },
        ]),
  ];
}

async function look(core: Core): Promise<Finding[]> {
  const [credentials, system, ledger] = await Promise.all([
    core.sessions.credentialStatus(),
    systemStatus(core, AbortSignal.timeout(checkTimeoutMs)),
    verifyLedger(core.ledger).catch((error: unknown) => error as Error),
  ]);
  const { services } = system.infrastructure;
  return [
    credentialFinding(core, credentials),
    fine('user', core.callerArn === null ? core.user : `${core.user}, who is ${core.callerArn}`),
    fine('back-end', `${core.backend.id}: ${core.simulatedBecause ?? core.backend.location}`),
    ...Object.entries(services).map(([name, { state, evidence, error }]): Finding => {
      if (state === 'not_configured') return { name, state: 'not configured', evidence, fix: '' };
      return error ? failed(name, error) : fine(name, evidence);
    }),
    ...system.gateways.flatMap(({ id, state, error }): Finding[] =>
      state === 'failed'
        ? [failed(id, error)]
        : state === 'initialized'
          ? [fine(id, 'initialized')]
          : [{ name: id, state: 'not configured', evidence: 'not installed', fix: '' }],
    ),
    ledgerFinding(core, ledger),
    await budgetFinding(core),
  ];
}

function credentialFinding(
  { simulatedBecause }: Core,
  { found, expiresAt, arn, error }: Awaited<ReturnType<Core['sessions']['credentialStatus']>>,
): Finding {
  const name = 'AWS credentials';
  if (!found) {
    return {
      name,
      state: 'not configured',
      evidence: simulatedBecause ?? 'none were found',
      fix: 'Run "aws configure" or "aws configure sso" and name the profile with --profile or aws.profile; until then answers are simulated.',
    };
  }
  const source = `${found.detail} (${found.source.replace('_', ' ')})`;
  if (error) {
    const noTool =
      found.profile !== null && !hasAwsCli() ? ' The AWS command line is not installed on this machine.' : '';
    return { name, state: 'failed', evidence: `${source}: ${error.message}`, fix: `${error.hint}${noTool}` };
  }
  const until = expiresAt === null ? '' : `, valid until ${expiresAt}`;
  return fine(name, `${source}${until}${arn === null ? '' : `, ${arn}`}`);
}

function hasAwsCli(): boolean {
  return spawnSync('aws', ['--version'], { stdio: 'ignore', timeout: checkTimeoutMs }).status === 0;
}

function ledgerFinding({ ledger }: Core, found: Awaited<ReturnType<typeof verifyLedger>> | Error): Finding {
  if (found instanceof Error) return failed('ledger', found);
  const { records, firstFault: fault } = found;
  if (!fault) return fine('ledger', `${records} records intact in ${ledger.directory}`);
  return {
    name: 'ledger',
    state: 'failed',
    evidence: `${fault.segment}:${fault.line} ${fault.kind}: ${fault.detail}`,
    fix: 'Keep the folder as it is, and compare it with a backup and the anchors.',
  };
}

async function budgetFinding(core: Core): Promise<Finding> {
  try {
    const { level, spent, limit, day } = await core.budget();
    const evidence = `${formatUsd(spent)} of ${formatUsd(limit)} spent on ${day}`;
    if (level === 'ok') return fine('budget', evidence);
    return {
      name: 'budget',
      state: 'warning',
      evidence: `${evidence} (${level})`,
      fix: 'See "tidyllm budget raise".',
    };
  } catch (error) {
    return failed('budget', error);
  }
}

function fine(name: string, evidence: string): Finding {
  return { name, state: 'ok', evidence, fix: '' };
}

function failed(name: string, error: unknown): Finding {
  return {
    name,
    state: 'failed',
    evidence: messageOf(error),
    fix: GatewayError.is(error) ? error.hint : 'Look at the message.',
  };
}
