import type { Health } from '../gateways/gateway.ts';
import type { Settings } from '../settings/schema.ts';
import { withoutPassword } from '../withoutPassword.ts';
import { check, failedService, unreachable } from './check.ts';
import type { Network } from './network.ts';

const setting = 'mlflow.tracking_uri';

/** Asks for one experiment: the server's own health page is well while its database is not. */
export async function checkMlflow(
  { tracking_uri: address }: Settings['mlflow'],
  { network, environment }: { network: Network; environment: Readonly<Record<string, string | undefined>> },
  signal: AbortSignal,
): Promise<Health> {
  const base = address.replace(/\/+$/, '');
  const shown = withoutPassword(base);
  return check(
    signal,
    async () => {
      const { status, body } = await network.request(
        `${base}/api/2.0/mlflow/experiments/search?max_results=1`,
        {
          headers: authorization(environment),
          signal,
        },
      );
      if (status === 200 && isJsonObject(body))
        return `The tracking server at ${shown} answers, its store too.`;
      if (status === 401 || status === 403) {
        throw failedService(
          `MLflow at ${shown} refuses the login (HTTP ${status}).`,
          'Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.',
        );
      }
      if (status >= 500) {
        throw failedService(
          `MLflow at ${shown} answers, but its store fails (HTTP ${status}).`,
          'Look at the log of the MLflow server and at its database.',
        );
      }
      throw failedService(
        `What answers at ${shown} is no MLflow server (HTTP ${status}).`,
        `Correct ${setting}.`,
      );
    },
    (error) => unreachable('MLflow', shown, setting, error),
  );
}

/** A login page or another program says 200 too, but not so. */
function isJsonObject(body: string): boolean {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}

/** The variables that every MLflow client reads. */
function authorization(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const token = environment['MLFLOW_TRACKING_TOKEN'];
  if (token) return { authorization: `Bearer ${token}` };
  const user = environment['MLFLOW_TRACKING_USERNAME'];
  if (!user) return {};
  const password = environment['MLFLOW_TRACKING_PASSWORD'] ?? '';
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}
