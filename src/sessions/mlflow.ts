import { randomUUID } from 'node:crypto';
import * as z from 'zod/mini';
import type { GatewayError } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import type { Exercise } from '../gateways/services.ts';
import type { Settings } from '../settings/schema.ts';
import { withoutPassword } from '../withoutPassword.ts';
import { check, failedService, unreachable } from './check.ts';
import { cleanUpTimeoutMs, exercise } from './exercise.ts';
import type { HttpAnswer, Network } from './network.ts';

const setting = 'mlflow.tracking_uri';
const metric = 'integration_test';

export interface MlflowAccess {
  network: Network;
  environment: Readonly<Record<string, string | undefined>>;
}

/** Asks for one experiment: the server's own health page is OK even while its database is not. */
export async function checkMlflow(
  { tracking_uri: address }: Settings['mlflow'],
  access: MlflowAccess,
  signal: AbortSignal,
): Promise<Health> {
  const server = new TrackingServer(address, access);
  return check(
    signal,
    async () => {
      const { status, body } = await server.get('experiments/search?max_results=1', signal);
      if (status === 200 && isJsonObject(body))
        return `The tracking server at ${server.shown} answers, its store too.`;
      throw refused(server.shown, status);
    },
    (error) => unreachable('mlflow', 'MLflow', server.shown, setting, error),
  );
}

/** Tracks a run with a metric in the configured experiment, reads it back and deletes the run, also when a step fails. */
export function exerciseMlflow(
  { tracking_uri: address, experiment }: Settings['mlflow'],
  access: MlflowAccess,
  signal: AbortSignal,
): Promise<Exercise> {
  const server = new TrackingServer(address, access);
  return exercise(
    signal,
    async (step) => {
      const { id } = await step(
        'Find the experiment',
        (inTime) => experimentOf(server, experiment, inTime),
        (found) => `${experiment} is experiment ${found.id}${found.made ? ', made just now' : ''}.`,
      );
      let runId = null as string | null;
      try {
        await step(
          'Begin a run',
          async (inTime) => {
            const asked = { experiment_id: id, run_name: 'integration test', start_time: Date.now() };
            const { run } = await server.post('runs/create', asked, createdRun, inTime);
            runId = run.info.run_id;
          },
          () => `Run ${runId}.`,
        );
        const value = Number.parseInt(randomUUID().slice(0, 6), 16);
        const run = { run_id: runId ?? '' };
        await step(
          'Log a metric',
          (inTime) =>
            server.post(
              'runs/log-metric',
              { ...run, key: metric, value, timestamp: Date.now() },
              anything,
              inTime,
            ),
          () => `${metric} = ${value}.`,
        );
        await step(
          'Read it back',
          async (inTime) => {
            const answer = await server.get(`runs/get?run_id=${run.run_id}`, inTime);
            const { metrics } = parsed(server, answer, foundRun).run.data;
            if (!metrics?.some((one) => one.key === metric && one.value === value))
              throw failedService(
                'mlflow',
                `MLflow at ${server.shown} gave back another metric than was logged.`,
                'Look at the log of the MLflow server and at its database.',
              );
          },
          () => 'It is what was logged.',
        );
        await step(
          'Delete the run',
          (inTime) => server.post('runs/delete', run, anything, inTime),
          () => `Run ${run.run_id} is deleted.`,
        );
        runId = null;
      } finally {
        if (runId !== null) await removeRun(server, runId);
      }
    },
    (error) => unreachable('mlflow', 'MLflow', server.shown, setting, error),
  );
}

const anything = z.looseObject({});
const createdRun = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) });
const foundRun = z.object({
  run: z.object({
    data: z.object({ metrics: z.optional(z.array(z.object({ key: z.string(), value: z.number() }))) }),
  }),
});
const foundExperiment = z.object({
  experiment: z.object({ experiment_id: z.string(), lifecycle_stage: z.optional(z.string()) }),
});
const createdExperiment = z.object({ experiment_id: z.string() });

/**
 * The experiment that calls are tracked in, by its name; created if missing. Throws `service_failed`, also if it was
 * deleted: its name can't be used before it is restored or deleted for good.
 */
export async function experimentOf(
  server: TrackingServer,
  name: string,
  signal: AbortSignal,
): Promise<{ id: string; made: boolean }> {
  const found = await findExperiment(server, name, signal);
  if (found !== null) return { id: found, made: false };
  const made = await server.send('api/2.0/mlflow/experiments/create', { body: { name }, signal });
  if (made.status === 400 && made.body.includes('RESOURCE_ALREADY_EXISTS')) {
    // Another machine made it just now.
    const id = await findExperiment(server, name, signal);
    if (id !== null) return { id, made: false };
  }
  return { id: parsed(server, made, createdExperiment).experiment_id, made: true };
}

/** The id of an experiment; null if there is none. Throws `service_failed`. */
export async function findExperiment(
  server: TrackingServer,
  name: string,
  signal: AbortSignal,
): Promise<string | null> {
  const answer = await server.get(
    `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`,
    signal,
  );
  if (answer.status === 404 && answer.body.includes('RESOURCE_DOES_NOT_EXIST')) return null;
  const { experiment } = parsed(server, answer, foundExperiment);
  if (experiment.lifecycle_stage !== 'deleted') return experiment.experiment_id;
  throw failedService(
    'mlflow',
    `The experiment ${name} was deleted in MLflow at ${server.shown}.`,
    'Restore it, or name another one in mlflow.experiment.',
  );
}

async function removeRun(server: TrackingServer, runId: string): Promise<void> {
  try {
    await server.post('runs/delete', { run_id: runId }, anything, AbortSignal.timeout(cleanUpTimeoutMs));
  } catch {
    // The earlier failure is reported.
  }
}

/** MLflow's REST interface. */
export class TrackingServer {
  /** Its address as it may be shown. */
  readonly shown: string;
  readonly #base: string;
  readonly #access: MlflowAccess;

  constructor(address: string, access: MlflowAccess) {
    this.#base = address.replace(/\/+$/, '');
    this.shown = withoutPassword(this.#base);
    this.#access = access;
  }

  get(path: string, signal: AbortSignal): Promise<HttpAnswer> {
    const { network, environment } = this.#access;
    const headers = authorization(environment);
    return network.request(`${this.#base}/api/2.0/mlflow/${path}`, { headers, signal });
  }

  async post<Schema extends z.ZodMiniType>(
    path: string,
    asked: object,
    schema: Schema,
    signal: AbortSignal,
  ): Promise<z.infer<Schema>> {
    return parsed(this, await this.send(`api/2.0/mlflow/${path}`, { body: asked, signal }), schema);
  }

  /** Posts JSON to a path of the server, and answers with any status. Throws what `Network.request` throws. */
  send(
    path: string,
    { body, headers = {}, signal }: { body: object; headers?: Record<string, string>; signal: AbortSignal },
  ): Promise<HttpAnswer> {
    const { network, environment } = this.#access;
    return network.request(`${this.#base}/${path}`, {
      method: 'POST',
      headers: { ...authorization(environment), 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal,
    });
  }
}

/** Throws `service_failed` for an answer that is not MLflow's. */
export function parsed<Schema extends z.ZodMiniType>(
  { shown }: TrackingServer,
  { status, body }: HttpAnswer,
  schema: Schema,
): z.infer<Schema> {
  if (status !== 200 || !isJsonObject(body)) throw refused(shown, status);
  const { data, success } = schema.safeParse(JSON.parse(body));
  if (!success)
    throw failedService('mlflow', `MLflow at ${shown} answers in another shape.`, 'Use MLflow 2 or later.');
  return data;
}

function refused(shown: string, status: number): GatewayError {
  if (status === 401 || status === 403) {
    return failedService(
      'mlflow',
      `MLflow at ${shown} refuses the login (HTTP ${status}).`,
      'Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.',
    );
  }
  if (status >= 500) {
    return failedService(
      'mlflow',
      `MLflow at ${shown} answers, but its store fails (HTTP ${status}).`,
      'Look at the log of the MLflow server and at its database.',
    );
  }
  return failedService(
    'mlflow',
    `What answers at ${shown} is no MLflow server (HTTP ${status}).`,
    `Correct ${setting}.`,
  );
}

/** A login page or another program also answers 200, but not with this body. */
function isJsonObject(body: string): boolean {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}

/** The login by the variables that every MLflow client reads. */
export function authorization(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const token = environment['MLFLOW_TRACKING_TOKEN'];
  if (token) return { authorization: `Bearer ${token}` };
  const user = environment['MLFLOW_TRACKING_USERNAME'];
  if (!user) return {};
  const password = environment['MLFLOW_TRACKING_PASSWORD'] ?? '';
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}
