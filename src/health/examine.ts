import { accessSync, constants, mkdirSync } from 'node:fs';
import { GatewayError, messageOf } from '../errors.ts';
import { verifyLedger, type VerificationResult } from '../ledger/verifyLedger.ts';
import { verifyTrail } from '../ledger/verifyTrail.ts';
import { runProgram } from '../program.ts';
import type { Environment } from '../settings/settingsDocument.ts';
import { userDirectories } from '../settings/settingsPlaces.ts';
import { look, type HealthSources } from './checks.ts';
import { failed, finding, type Finding } from './finding.ts';
import { findingsOf, startFinding } from './findings.ts';

const programTimeoutMs = 5_000;

export interface ExamineOptions<Sources extends HealthSources> {
  environment: Environment;
  /** Runs work on a running gateway; rejects with the reason if there is none. */
  withSources: <T>(work: (sources: Sources) => Promise<T>) => Promise<T>;
  /** Why the settings were not applied, if the previous ones are in effect. */
  settingsError?: GatewayError | null;
  /** Verifies every record; by default in this thread. */
  verify?: (sources: Sources) => Promise<VerificationResult>;
}

/** Everything that can be wrong with an installation, even if nothing starts. */
export async function examine<Sources extends HealthSources>({
  environment,
  withSources,
  settingsError = null,
  verify = verifyHere,
}: ExamineOptions<Sources>): Promise<Finding[]> {
  const machine = [runtime(), ...stateFolder(environment)];
  try {
    return await withSources(async (sources) => {
      const seen = await look(sources, { verify: () => verify(sources) });
      const noProgram = await missingAwsProgram(seen.credentials);
      return [...machine, ...noProgram, ...findingsOf({ sources, settingsError }, seen)];
    });
  } catch (error) {
    const known = GatewayError.is(error)
      ? error
      : new GatewayError('internal_error', messageOf(error), { cause: error });
    return [...machine, startFinding(known)];
  }
}

/** Verifies the ledger of a running gateway and its anchors, in this thread. */
export function verifyHere(sources: HealthSources): Promise<VerificationResult> {
  return verifyTrail(sources, (anchors) => verifyLedger(sources.journal, { anchors }));
}

function runtime(): Finding {
  const { versions, platform, arch } = process;
  return finding('runtime', 'runtime', 'healthy', `Node.js ${versions.node} on ${platform} ${arch}`);
}

function stateFolder(environment: Environment): Finding[] {
  const name = 'state folder';
  try {
    const { state } = userDirectories(environment);
    mkdirSync(state, { recursive: true, mode: 0o700 });
    accessSync(state, constants.R_OK | constants.W_OK);
    return [finding('state_folder', name, 'healthy', state)];
  } catch (error) {
    if (GatewayError.is(error)) return [failed('state_folder', name, error)];
    const hint = 'Make the folder writable, or set TIDYLLM_HOME to another folder.';
    return [finding('state_folder', name, 'failed', messageOf(error), { hint })];
  }
}

/** Fixing a failed login needs a program that may not be installed. */
async function missingAwsProgram(
  credentials: { found: { profile: string | null } | null; error: GatewayError | null } | null,
): Promise<Finding[]> {
  if (!credentials?.error || !credentials.found?.profile) return [];
  const found = await runProgram('aws', ['--version'], { timeout: programTimeoutMs }).catch(() => null);
  if (found !== null) return [];
  const hint = 'Install it to log in or to create a profile.';
  const evidence = 'The AWS command line is not installed on this machine.';
  return [finding('credentials', 'AWS command line', 'warning', evidence, { hint })];
}
