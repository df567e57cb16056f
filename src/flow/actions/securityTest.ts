import { dirname, join } from 'node:path';
import type { Anchor } from '../../ledger/anchors.ts';
import type { LoadedSettings } from '../../settings/loadSettings.ts';
import { builtIns } from '../builtIns.ts';
import type { FlowRun, Implementation } from '../implementation.ts';
import type { Finding, Report } from '../report.ts';
import { tryToPass, type AttemptsOn } from './security/attempts.ts';
import { checkChain } from './security/chain.ts';
import type { Checked } from './security/check.ts';
import { checkEndpoints, type EndpointsToCheck } from './security/endpoints.ts';
import { checkPermissions } from './security/filePermissions.ts';
import { checkPolicy } from './security/policyGaps.ts';
import { scanWorkspace, secretsInAgreements, secretsInSettings, secretsReport } from './security/secrets.ts';

export interface SecurityTestDependencies extends AttemptsOn, EndpointsToCheck {
  /** The state folder, which holds ledger, keys and content. */
  state: string;
  /** The anchor at a path: a repository's notes or a file. */
  anchorAt: (path: string) => Anchor;
}

/** Checks for gaps through which calls, money or secrets could bypass the gateway. */
export function securityTest(dependencies: SecurityTestDependencies): Implementation {
  return {
    id: 'security_test',
    ...builtIns.security_test,
    worstCase: () => 0n,
    examinesLedger: true,
    run: async (run) => {
      const { journal, loaded, state } = dependencies;
      const { signal } = run;
      run.progress('Audit chain', 0);
      const anchors = anchorsOf(dependencies);
      const chain = await checkChain({ journal, anchors }, signal);
      run.progress('Secrets', 0.2);
      const { secrets, files, withSecrets } = await checkSecrets(dependencies, run);
      run.progress('File permissions', 0.5);
      const permissions = await checkPermissions({
        state,
        ledger: journal.directory,
        settingsWithSecrets: withSecrets,
        governing: [loaded.file ?? loaded.userFile, agreementsOf(loaded)],
      });
      const policy = checkPolicy(loaded, anchors.length > 0 || backendIsSimulated(dependencies));
      run.progress('Endpoints', 0.6);
      const endpoints = await checkEndpoints(dependencies, signal);
      run.progress('Attempts to pass the gateway', 0.8);
      const attempts = await tryToPass(dependencies, run);
      return report([attempts, chain, permissions, secrets, policy, endpoints], files);
    },
  };
}

/** Simulated ledgers aren't anchored. */
function backendIsSimulated({ backend }: SecurityTestDependencies): boolean {
  return backend.simulated;
}

function anchorsOf({ loaded, anchorAt, backend }: SecurityTestDependencies): Anchor[] {
  const { file, git } = loaded.settings.audit.anchor;
  return backend.simulated ? [] : [file, git].flatMap((path) => (path === null ? [] : [anchorAt(path)]));
}

async function checkSecrets(
  { loaded, environment }: SecurityTestDependencies,
  { parameters, workspace, signal, progress }: FlowRun,
): Promise<{ secrets: Checked; files: number; withSecrets: string[] }> {
  const settingsFiles = settingsFilesOf(loaded);
  const agreements = agreementsOf(loaded);
  const inSettings = [
    ...(await secretsInSettings(settingsFiles, environment)),
    ...(await secretsInAgreements(agreements)),
  ];
  const wanted = parameters['scan_workspace'] === true;
  const onProgress = (share: number): void => progress('Secrets', 0.2 + 0.3 * share);
  const scan =
    wanted && workspace !== null
      ? await scanWorkspace(workspace, [...settingsFiles, agreements], { signal, onProgress })
      : null;
  const why = wanted
    ? 'No folder is open, so no files were searched.'
    : 'The workspace was not searched: scan_workspace is false.';
  return {
    secrets: secretsReport(inSettings, scan, why),
    files: scan?.files ?? 0,
    withSecrets: [...new Set(inSettings.map(({ file }) => file))],
  };
}

/** The user's own agreements, which may not exist. */
function agreementsOf({ userFile }: LoadedSettings): string {
  return join(dirname(userFile), 'flow.yaml');
}

function settingsFilesOf({ file, workspaceFiles }: LoadedSettings): string[] {
  return [...(file === null ? [] : [file]), ...workspaceFiles];
}

function report(checks: readonly Checked[], files: number): Report {
  const findings = checks.flatMap((check) => check.findings);
  const count = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const [problems, warnings, notes] = [count('problem'), count('warning'), count('note')];
  return {
    title: 'Security Test',
    summary:
      problems + warnings === 0
        ? `No problems found: chain, files, settings, endpoints and ${attemptCount(checks)} attempts to pass the gateway were checked.`
        : `${problems} problems and ${warnings} warnings were found.`,
    findings,
    figures: [
      { id: 'problems', label: 'Problems', value: problems, unit: 'count', better: 'lower' },
      { id: 'warnings', label: 'Warnings', value: warnings, unit: 'count', better: 'lower' },
      { id: 'notes', label: 'Notes', value: notes, unit: 'count', better: 'lower' },
      { id: 'files', label: 'Workspace files read', value: files, unit: 'count', better: null },
    ],
    sections: checks.map(({ section }) => section),
  };
}

/** The refused attempts; one that couldn’t be tried proves nothing. */
function attemptCount([attempts]: readonly Checked[]): number {
  return attempts?.section.table?.rows.filter(([, result]) => result === 'refused').length ?? 0;
}
