import { GatewayError, messageOf } from '../errors.ts';
import { clockFault } from '../gateways/clock.ts';
import { gatewayIds, type Health } from '../gateways/gateway.ts';
import { serviceIds, type CredentialStatus, type ServiceId } from '../gateways/services.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import { damageError } from '../ledger/readJournal.ts';
import { clockText } from '../ledger/reopenLedger.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { Mend, Place } from '../remedies.ts';
import { faultText } from '../yamlDocument.ts';
import { isDirect, type HealthSources, type Observations } from './checks.ts';
import { failed, finding, type Finding, type FindingId } from './finding.ts';
import { trackingFindings } from './trackingFindings.ts';

/** A running gateway, possibly on the previous settings; or why it isn't running. */
export type Installation =
  { sources: HealthSources; settingsError: GatewayError | null } | { sources: null; error: GatewayError };

/** The section of settings.yaml for each service. */
export const sectionOf: Readonly<Record<ServiceId, string>> = {
  bedrock: 'aws',
  s3: 's3',
  postgres: 'postgres',
  mlflow: 'mlflow',
};

/** All findings on the results so far; none for what hasn't been checked. */
export function findingsOf(installation: Installation, seen: Observations): Finding[] {
  if (installation.sources === null) return [startFinding(installation.error)];
  const { sources, settingsError } = installation;
  const { services, gateways, simulated, direct } = seen;
  return [
    ...settingsFindings(sources, settingsError),
    ...(seen.credentials ? [credentialsFinding(sources, seen.credentials)] : []),
    finding('user', 'user', 'healthy', userText(sources)),
    finding('back_end', 'back-end', 'healthy', backEndText(sources)),
    ...(simulated ? [checkFinding('simulated', 'simulated answers', simulated)] : []),
    ...(direct ? [checkFinding('answering_service', sources.backend.name, direct)] : []),
    ...serviceIds.flatMap((id) => (services[id] ? [serviceFinding(id, services[id])] : [])),
    ...clockFindings(services.bedrock?.clockOffsetMs),
    ...gatewayIds.flatMap((id) => (gateways[id] ? [checkFinding(id, id, gateways[id])] : [])),
    ...ledgerFindings(sources, seen),
    ...anchorFindings(sources),
    ...(seen.ledger && !seen.ledger.error ? [budgetFinding(seen.ledger.budget)] : []),
    ...(seen.cache ? [cacheFinding(sources, seen.cache)] : []),
    ...(seen.tracking ? trackingFindings(sources.loaded, seen.tracking) : []),
    ...(seen.flow ? [flowFinding(seen.flow)] : []),
  ];
}

/** Why there is no gateway. */
export function startFinding(error: GatewayError): Finding {
  return error.code === 'settings_invalid'
    ? failed('settings', 'settings', error)
    : failed('gateway', 'gateway', error);
}

export function settingsFindings(
  { loaded }: Pick<HealthSources, 'loaded'>,
  settingsError: GatewayError | null,
): Finding[] {
  const file = loaded.file ?? `none, defaults apply (${loaded.userFile})`;
  const unused = `no effect in this version: ${loaded.unused.join(', ')}`;
  return [
    settingsError
      ? failed('settings', 'settings', settingsError)
      : finding('settings', 'settings', 'healthy', [file, ...loaded.workspaceFiles].join(', ')),
    ...loaded.warnings.map((fault) =>
      settingsWarning(faultText(fault), 'Correct the named place.', fault.place),
    ),
    ...(loaded.unused.length === 0
      ? []
      : [settingsWarning(unused, 'Remove them, or keep them for a later version.', null)]),
  ];
}

function settingsWarning(evidence: string, hint: string, place: Place | null): Finding {
  const remedy: Mend[] = [{ kind: 'open_settings', place }];
  return finding('settings', 'settings', 'warning', evidence, { hint, remedy, place });
}

export function credentialsFinding(
  { backend, simulatedBecause }: Pick<HealthSources, 'backend' | 'simulatedBecause'>,
  { found, expiresAt, arn, error }: CredentialStatus,
): Finding {
  const name = 'AWS credentials';
  if (!found && isDirect(backend))
    return finding('credentials', name, 'not_configured', `none found; ${backend.name} needs none`);
  if (!found)
    return finding('credentials', name, 'not_configured', simulatedBecause ?? 'none found', {
      hint: 'Run "aws configure" or "aws configure sso" and name the profile with --profile or aws.profile; until then answers are simulated.',
      remedy: [{ kind: 'connect_aws' }],
    });
  const source = `${found.detail} (${found.source.replace('_', ' ')})`;
  if (!error) {
    const until = expiresAt === null ? '' : `, valid until ${expiresAt}`;
    const evidence = `${source}${until}${arn === null ? '' : `, ${arn}`}`;
    return finding('credentials', name, 'healthy', evidence);
  }
  const wrong = failed('credentials', name, error);
  // Irrelevant if answers are simulated.
  const state = simulatedBecause === null ? 'failed' : 'warning';
  return { ...wrong, state, evidence: `${source}: ${error.message}` };
}

function userText({ user, caller: { caller_arn: arn } }: HealthSources): string {
  return arn === undefined ? user : `${user}, who is ${arn}`;
}

function backEndText({ backend, simulatedBecause }: HealthSources): string {
  return `${backend.id}: ${simulatedBecause ?? backend.location}`;
}

/** The finding on a service; the remedy for one that isn't configured is to configure it. */
export function serviceFinding(id: ServiceId, health: Health): Finding {
  const found = checkFinding(id, id, health);
  if (health.state !== 'not_configured') return found;
  const place = { key: sectionOf[id] };
  return id === 'bedrock'
    ? { ...found, remedy: [{ kind: 'connect_aws' }] }
    : { ...found, remedy: [{ kind: 'open_settings', place }], place };
}

/** The finding on a service or gateway. */
export function checkFinding(
  id: FindingId,
  name: string,
  { state, latencyMs, evidence, error, checkedAt, ...rest }: Health & { since?: string },
): Finding {
  const times = { latencyMs, checkedAt, since: rest.since ?? checkedAt };
  const found = error ? failed(id, name, error) : finding(id, name, state, evidence);
  return { ...found, state, ...times };
}

export function clockFindings(offsetMs: number | undefined): Finding[] {
  const fault = clockFault(offsetMs);
  if (fault === null)
    return offsetMs === undefined ? [] : [finding('clock', 'clock', 'healthy', 'in sync with AWS')];
  const evidence = `${fault}; calls to Bedrock correct for it, times in the audit records don't`;
  const hint = 'Set this computer’s clock, and sync it with a time server.';
  return [finding('clock', 'clock', 'warning', evidence, { hint })];
}

/** Whether the ledger is usable, and the result of its verification; the reason for a closure is given once. */
export function ledgerFindings(
  { journal }: Pick<HealthSources, 'journal'>,
  { ledger, verification }: Pick<Observations, 'ledger' | 'verification'>,
): Finding[] {
  if (ledger?.error) return [failed('ledger', 'ledger', ledger.error)];
  if (verification?.firstFault)
    return [failed('ledger', 'ledger', damageError(journal.directory, verification.firstFault))];
  if (!ledger) return [];
  const records = verification
    ? `${verification.records} records intact`
    : ledger.head
      ? `record #${ledger.head.sequence}`
      : 'no record yet';
  return [finding('ledger', 'ledger', 'healthy', `${records} in ${journal.directory}`)];
}

/** The findings on the configured anchors. */
export function anchorFindings({ anchoring }: Pick<HealthSources, 'anchoring'>): Finding[] {
  return anchoring.status.map(({ location, last, error }) => {
    if (error)
      return GatewayError.is(error)
        ? failed('anchor', 'anchor', error)
        : finding('anchor', 'anchor', 'failed', messageOf(error));
    const kept = last ? `record #${last.sequence}` : 'nothing yet';
    return finding('anchor', 'anchor', 'healthy', `${kept} in ${location}`);
  });
}

export function budgetFinding({ level, spent, limit, day, overruns, clockAheadMs }: BudgetStatus): Finding {
  const warning = (evidence: string, hint: string, mend: Mend): Finding =>
    finding('budget', 'budget', 'warning', evidence, { hint, remedy: [mend] });
  if (clockAheadMs > 0) {
    const hint = 'If the clock is right, run "tidyllm audit reopen"; otherwise set it.';
    return warning(clockText(clockAheadMs), hint, { kind: 'reopen_ledger' });
  }
  const evidence = `${formatUsd(spent)} of ${formatUsd(limit)} spent on ${day}`;
  if (overruns > 0) {
    const hint = 'Check the records and run "tidyllm budget acknowledge --reason …".';
    return warning(`${evidence}; blocked by an overrun`, hint, { kind: 'acknowledge_overruns' });
  }
  if (level === 'ok') return finding('budget', 'budget', 'healthy', evidence);
  return warning(`${evidence} (${level})`, 'See "tidyllm budget raise".', { kind: 'open_budget' });
}

/** What is cached; a cache that can't be read answers nothing, and calls go on without it. */
export function cacheFinding(
  { loaded, cache: { directory } }: Pick<HealthSources, 'loaded' | 'cache'>,
  found: NonNullable<Observations['cache']>,
): Finding {
  const place = { key: 'cache' };
  const remedy: Mend[] = [{ kind: 'open_settings', place }];
  if (!loaded.settings.cache.enabled)
    return finding('cache', 'cache', 'not_configured', 'off (cache.enabled)', { remedy, place });
  if ('error' in found) {
    const hint = 'Check the folder, or name another in cache.directory.';
    return finding('cache', 'cache', 'warning', found.error, { hint, remedy, place });
  }
  const megabytes = (found.bytes / 1_000_000).toFixed(1);
  return finding('cache', 'cache', 'healthy', `${found.files} answers, ${megabytes} MB in ${directory}`);
}

/** The agreements that can run, or why some can't. */
export function flowFinding({ agreements, faults }: NonNullable<Observations['flow']>): Finding {
  const errors = faults.filter(({ severity }) => severity === 'error');
  const evidence = [`${agreements} can be run`, ...faults.map(faultText)].join('; ');
  if (errors.length === 0) return finding('flow', 'FLOW agreements', 'healthy', evidence);
  const error = new GatewayError('flow_invalid', errors.map(faultText).join('\n'), {
    hint: 'Correct the named lines; their agreements can’t run.',
    place: errors[0]?.place,
  });
  return failed('flow', 'FLOW agreements', error);
}
