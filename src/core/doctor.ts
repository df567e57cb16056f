import { accessSync, constants, mkdirSync } from 'node:fs';
import { GatewayError, messageOf } from '../errors.ts';
import { verifyLedger, type VerificationResult } from '../ledger/readJournal.ts';
import { clockText } from '../ledger/reopenLedger.ts';
import { verifyTrail } from '../ledger/verifyTrail.ts';
import { runProgram } from '../program.ts';
import type { Place, Remedy } from '../remedies.ts';
import { formatUsd } from '../pricing/cost.ts';
import { faultText } from '../yamlDocument.ts';
import { userDirectories } from '../settings/settingsPlaces.ts';
import type { Core } from './core.ts';
import { clockFault } from '../gateways/clock.ts';
import { systemStatus } from '../gateways/systemStatus.ts';

const checkTimeoutMs = 5_000;

/** One thing that the doctor looked at. */
export interface Finding {
  name: string;
  state: 'ok' | 'warning' | 'failed' | 'not configured';
  evidence: string;
  /** What to do; empty when nothing is. */
  fix: string;
  /** The same as data, best first. */
  remedy: readonly Remedy[];
  /** What failed, where it is one of the gateway's errors. */
  error: GatewayError | null;
}

export interface DoctorOptions {
  /** Runs work on a core; rejects with why there is none. */
  withCore: <T>(work: (core: Core) => Promise<T>) => Promise<T>;
  /** Checks every record; in this thread when it isn't said. */
  verify?: (core: Core) => Promise<VerificationResult>;
}

/** What is wrong and how to mend it, also when nothing starts. */
export async function examine({ withCore, verify = verifyHere }: DoctorOptions): Promise<Finding[]> {
  const findings: Finding[] = [runtime(), ...homeFolder()];
  try {
    findings.push(
      ...(await withCore(async (core) => [...configuration(core), ...(await look(core, verify))])),
    );
  } catch (error) {
    findings.push(failed(GatewayError.is(error, 'settings_invalid') ? 'settings' : 'gateway', error));
  }
  return findings;
}

function verifyHere(core: Core): Promise<VerificationResult> {
  return verifyTrail(core, (anchors) => verifyLedger(core.journal, { anchors }));
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
    const fix = 'Make the folder writable, or set TIDYLLM_HOME to another one.';
    return [failed('state folder', error, fix)];
  }
}

function configuration({ loaded }: Core): Finding[] {
  const file = loaded.file ?? `none, so defaults count (${loaded.userFile})`;
  return [
    fine('settings', [file, ...loaded.workspaceFiles].join(', ')),
    ...loaded.warnings.map((one) =>
      warning('settings', faultText(one), 'Correct the place that is named.', [openSettings(one.place)]),
    ),
    ...(loaded.unused.length === 0
      ? []
      : [
          warning(
            'settings',
            `without effect in this version: ${loaded.unused.join(', ')}`,
            'Take them out, or leave them for a later version.',
            [openSettings(null)],
          ),
        ]),
  ];
}

async function look(core: Core, verify: Required<DoctorOptions>['verify']): Promise<Finding[]> {
  const [credentials, system, ledger] = await Promise.all([
    core.sessions.credentialStatus(),
    systemStatus(core, AbortSignal.timeout(checkTimeoutMs)),
    verify(core).catch((error: unknown) => error as Error),
  ]);
  const { services } = system.infrastructure;
  const { caller_arn: arn } = core.caller;
  return [
    await credentialFinding(core, credentials),
    fine('user', arn === undefined ? core.user : `${core.user}, who is ${arn}`),
    fine('back-end', `${core.backend.id}: ${core.simulatedBecause ?? core.backend.location}`),
    ...Object.entries(services).map(([name, { state, evidence, error }]): Finding => {
      if (state === 'not_configured') return absent(name, evidence);
      return error ? failed(name, error) : fine(name, evidence);
    }),
    ...clockFindings(services.bedrock.clockOffsetMs),
    ...system.gateways.flatMap(({ id, state, error }): Finding[] =>
      state === 'failed'
        ? [failed(id, error)]
        : state === 'initialized'
          ? [fine(id, 'initialized')]
          : [absent(id, 'not installed')],
    ),
    ledgerFinding(core, ledger),
    await budgetFinding(core),
  ];
}

function clockFindings(offsetMs: number | undefined): Finding[] {
  const fault = clockFault(offsetMs);
  if (fault === null) return offsetMs === undefined ? [] : [fine('clock', 'as that of AWS')];
  const evidence = `${fault}; calls to Bedrock allow for it, times in the audit records don't`;
  return [warning('clock', evidence, 'Set the clock of this computer, and let it follow a time server.', [])];
}

async function credentialFinding(
  { simulatedBecause }: Core,
  { found, expiresAt, arn, error }: Awaited<ReturnType<Core['sessions']['credentialStatus']>>,
): Promise<Finding> {
  const name = 'AWS credentials';
  if (!found) {
    return {
      ...absent(name, simulatedBecause ?? 'none were found'),
      fix: 'Run "aws configure" or "aws configure sso" and name the profile with --profile or aws.profile; until then answers are simulated.',
      remedy: [{ kind: 'connect_aws' }],
    };
  }
  const source = `${found.detail} (${found.source.replace('_', ' ')})`;
  if (error) {
    const noTool =
      found.profile !== null && !(await hasAwsCli())
        ? ' The AWS command line is not installed on this machine.'
        : '';
    return {
      ...failed(name, error),
      evidence: `${source}: ${error.message}`,
      fix: `${error.hint}${noTool}`,
    };
  }
  const until = expiresAt === null ? '' : `, valid until ${expiresAt}`;
  return fine(name, `${source}${until}${arn === null ? '' : `, ${arn}`}`);
}

function hasAwsCli(): Promise<boolean> {
  return runProgram('aws', ['--version'], { timeout: checkTimeoutMs }).then(
    () => true,
    () => false,
  );
}

function ledgerFinding({ journal }: Core, found: VerificationResult | Error): Finding {
  if (found instanceof Error) return failed('ledger', found);
  const { records, firstFault: fault } = found;
  if (!fault) return fine('ledger', `${records} records intact in ${journal.directory}`);
  return {
    name: 'ledger',
    state: 'failed',
    evidence: `${fault.segment}:${fault.line} ${fault.kind}: ${fault.detail}`,
    fix: 'Keep the folder as it is, and compare it with a backup and the anchors.',
    remedy: [{ kind: 'verify_ledger' }],
    error: null,
  };
}

async function budgetFinding(core: Core): Promise<Finding> {
  try {
    const { level, spent, limit, day, clockAheadMs } = await core.budget();
    if (clockAheadMs > 0) {
      const fix = 'If the clock is right, run "tidyllm audit reopen"; otherwise set it.';
      return warning('budget', clockText(clockAheadMs), fix, [{ kind: 'reopen_ledger' }]);
    }
    const evidence = `${formatUsd(spent)} of ${formatUsd(limit)} spent on ${day}`;
    if (level === 'ok') return fine('budget', evidence);
    return warning('budget', `${evidence} (${level})`, 'See "tidyllm budget raise".', [
      { kind: 'open_budget' },
    ]);
  } catch (error) {
    return failed('budget', error);
  }
}

function fine(name: string, evidence: string): Finding {
  return { name, state: 'ok', evidence, fix: '', remedy: [], error: null };
}

function openSettings(place: Place | null): Remedy {
  return { kind: 'open_settings', place };
}

function warning(name: string, evidence: string, fix: string, remedy: Remedy[]): Finding {
  return { name, state: 'warning', evidence, fix, remedy, error: null };
}

function absent(name: string, evidence: string): Finding {
  return { name, state: 'not configured', evidence, fix: '', remedy: [], error: null };
}

function failed(name: string, thrown: unknown, fix = 'Look at the message.'): Finding {
  const error = GatewayError.is(thrown) ? thrown : null;
  const remedy = error?.remedy ?? [];
  return { name, state: 'failed', evidence: messageOf(thrown), fix: error?.hint || fix, remedy, error };
}
