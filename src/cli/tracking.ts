import type { Core } from '../core/core.ts';
import { trackingFindings } from '../health/trackingFindings.ts';
import type { TrackingStatus } from '../tracking/tracker.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

/** Timeout of `tidyllm tracking send`, in milliseconds. */
const sendTimeoutMs = 120_000;

/** `tidyllm tracking status`: what waits to be sent to MLflow and OpenTelemetry. */
export function trackingStatus(core: Core, terminal: Terminal): Promise<number> {
  return Promise.resolve(report(core, core.tracking.tracker.status(), terminal));
}

/** `tidyllm tracking send`: sends now what waits, and once more what was refused. 6 if something still waits. */
export async function trackingSend(core: Core, terminal: Terminal): Promise<number> {
  const status = await core.tracking.tracker.sendNow(AbortSignal.timeout(sendTimeoutMs));
  report(core, status, terminal);
  return status.receivers.some(({ waiting, refused }) => waiting > 0 || refused > 0) ? 6 : 0;
}

function report({ loaded }: Core, status: TrackingStatus, terminal: Terminal): number {
  if (terminal.json) printJson(trackingJson(status));
  else {
    const found = trackingFindings(loaded, status);
    printLine(
      table(
        ['tracking', 'state', 'evidence'],
        found.map(({ name, state, evidence }) => [name, state.replace('_', ' '), evidence]),
      ),
    );
    for (const { hint } of found) if (hint !== '') printLine(`\n${hint}`);
  }
  return 0;
}

/** What waits, as in every command. Times are ISO 8601. */
export function trackingJson({ receivers, fault, folder }: TrackingStatus): object {
  const time = (milliseconds: number | null): string | null =>
    milliseconds === null || milliseconds === 0 ? null : new Date(milliseconds).toISOString();
  return {
    folder,
    fault,
    receivers: receivers.map((one) => ({
      receiver: one.receiver,
      address: one.address,
      waiting: one.waiting,
      oldest: time(one.oldest),
      refused: one.refused,
      last_refusal: one.lastRefusal,
      dropped: one.dropped,
      last_dropped: time(one.lastDropped),
      last_success: time(one.lastSuccess),
      failures: one.failures,
      last_error: one.lastError,
      next_attempt: time(one.nextAttempt),
    })),
  };
}
