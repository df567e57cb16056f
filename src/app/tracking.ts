import { MlflowReceiver } from '../adapters/mlflowReceiver.ts';
import { OtlpReceiver } from '../adapters/otlpReceiver.ts';
import type { ContentStore } from '../content/contentStore.ts';
import type { ComposeOptions, Tracking } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import type { UnifiedSessionManager } from '../sessions/unifiedSessionManager.ts';
import type { LoadedSettings } from '../settings/loadSettings.ts';
import { Sender } from '../tracking/sender.ts';
import { Spool } from '../tracking/spool.ts';
import { Tracker } from '../tracking/tracker.ts';

/** Timeout for asking MLflow where it shows a call. */
const pageTimeoutMs = 4_000;

interface TrackingParts {
  /** Where calls wait. */
  folder: string;
  content: ContentStore;
  sessions: UnifiedSessionManager;
  options: Pick<ComposeOptions, 'environment'>;
}

/** Tracking of calls by the receivers that the settings name. */
export function trackingOf(
  { settings }: LoadedSettings,
  { folder, content, sessions: { network }, options: { environment } }: TrackingParts,
): Tracking {
  const { mlflow, telemetry, audit } = settings;
  const { otlp_endpoint: endpoint, otlp_headers: headers } = telemetry;
  const server = mlflow.enabled ? new MlflowReceiver(mlflow, { network, environment }) : null;
  const receivers = [
    ...(server ? [server] : []),
    ...(endpoint === null ? [] : [new OtlpReceiver(endpoint, headers, network)]),
  ];
  const sending = { receivers, content, policy: audit.content };
  const sender = new Sender({ spool: new Spool(folder, 'send'), ...sending });
  const tracker = new Tracker(new Spool(folder, 'call'), sender, receivers);
  return {
    tracker,
    hasPages: () =>
      tracker
        .status()
        .receivers.some(({ receiver, lastSuccess }) => receiver === 'mlflow' && lastSuccess !== null),
    pageOf: async (asked) => {
      const signal = AbortSignal.timeout(pageTimeoutMs);
      const page = await ('call' in asked
        ? server?.pageOf(asked.call, signal)
        : server?.pageOfRun(asked.run, signal));
      if (page) return page;
      throw new GatewayError('service_failed', 'MLflow does not have it.', {
        hint: server
          ? 'It may still wait to be sent: see "tidyllm tracking status".'
          : 'Set mlflow.enabled in settings.yaml.',
        place: { key: 'mlflow' },
      });
    },
  };
}
