import type { LoadedSettings } from '../settings/loadSettings.ts';
import type { ReceiverStatus, TrackingStatus } from '../tracking/tracker.ts';
import type { Mend } from '../remedies.ts';
import { finding, type Finding } from './finding.ts';

/** For how long a loss is a warning, in milliseconds. */
const lossShownMs = 7 * 86_400_000;

/** How tracking of calls goes, for each receiver. Tracking never stops a call, so nothing here is more than a warning. */
export function trackingFindings(
  { settings, originOf }: Pick<LoadedSettings, 'settings' | 'originOf'>,
  { receivers, fault, folder }: TrackingStatus,
): Finding[] {
  if (receivers.length === 0) return [absent('Calls in MLflow', 'off (mlflow.enabled)')];
  if (fault !== null) {
    const hint = `Check that this user can write in ${folder}, and that the disk has space. Calls go on untracked.`;
    return [warning('tracking of calls', `${folder} can’t be used: ${fault}`, hint, 'mlflow')];
  }
  return receivers.map((status) => {
    // Nobody has asked for tracking at the default address, so that nothing there is no fault.
    const unasked =
      status.receiver === 'mlflow' &&
      status.lastSuccess === null &&
      originOf(['mlflow', 'tracking_uri']).source === 'default';
    const name = `Calls in ${status.name}`;
    if (unasked && (status.lastError !== null || status.waiting === 0)) {
      const found = status.lastError === null ? 'nothing was sent yet' : 'nothing can be sent';
      const evidence = `${found} to the default address, ${settings.mlflow.tracking_uri}`;
      return absent(name, [evidence, ...waitingText(status)].join('; '));
    }
    return receiverFinding(name, status);
  });
}

function receiverFinding(name: string, status: ReceiverStatus): Finding {
  const { receiver, refused, lastRefusal, dropped, lastDropped, lastError, lastSuccess } = status;
  const key = receiver === 'mlflow' ? 'mlflow' : 'telemetry';
  const sent = lastSuccess === null ? 'none sent yet' : `last sent ${timeText(lastSuccess)}`;
  const evidence = [...waitingText(status), sent];
  const isLoss = dropped > 0 && lastDropped !== null && Date.now() - lastDropped < lossShownMs;
  const losses = isLoss
    ? [
        `${dropped} ${dropped === 1 ? 'was' : 'were'} dropped because too many waited, the last ${timeText(lastDropped)}`,
      ]
    : [];
  const service = receiver === 'mlflow' ? '"tidyllm health mlflow"' : 'telemetry.otlp_endpoint';
  if (lastError !== null) {
    const hint = `Check ${service}. What waits is sent as soon as ${status.name} takes it; "tidyllm tracking send" tries now.`;
    return warning(name, [lastError, ...evidence, ...losses].join('; '), hint, key);
  }
  if (refused > 0) {
    const one = `${status.name} refuses ${refused} (${lastRefusal ?? 'unknown'}), which ${refused === 1 ? 'is' : 'are'} set aside`;
    const hint = `Look at the log of ${status.name}; "tidyllm tracking send" tries them again. They are deleted after 30 days.`;
    return warning(name, [one, ...evidence, ...losses].join('; '), hint, key);
  }
  if (isLoss) {
    const hint = 'The audit history has them all. Keep the receiver reachable, or turn tracking off.';
    return warning(name, [...losses, ...evidence].join('; '), hint, key);
  }
  return finding('tracking', name, 'healthy', evidence.join('; '));
}

function waitingText({ waiting, oldest }: ReceiverStatus): string[] {
  if (waiting === 0) return [];
  return [`${waiting} ${waiting === 1 ? 'waits' : 'wait'}, the oldest since ${timeText(oldest ?? 0)}`];
}

function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ').concat(' UTC');
}

function absent(name: string, evidence: string): Finding {
  const place = { key: 'mlflow' };
  const remedy: Mend[] = [{ kind: 'open_settings', place }];
  return finding('tracking', name, 'not_configured', evidence, { remedy, place });
}

function warning(name: string, evidence: string, hint: string, key: string): Finding {
  const place = { key };
  const remedy: Mend[] = [{ kind: 'open_settings', place }];
  return finding('tracking', name, 'warning', evidence, { hint, remedy, place });
}
