import * as z from 'zod/mini';
import { microToUsd } from '../pricing/cost.ts';
import { experimentOf, findExperiment, TrackingServer, type MlflowAccess } from '../sessions/mlflow.ts';
import type { HttpAnswer } from '../sessions/network.ts';
import type { Settings } from '../settings/schema.ts';
import type { TrackedContent } from '../tracking/content.ts';
import { shortened, shownMessages, tracesBody, type SpanAttributes } from '../tracking/otlpSpans.ts';
import type { CallToSend, Delivery, TraceReceiver } from '../tracking/receiver.ts';
import type { SpooledBatch } from '../tracking/spool.ts';
import { traceIdOf, type ModelUse, type TrackedCall, type TrackedRun } from '../tracking/trackedCall.ts';

/** The tag by which a run is found again, so that it is made once. */
const runTag = 'tidyllm.run';
/** MLflow takes at most so many parameters and metrics, of so many characters, in one request. */
const mostOfEach = 100;
const mostOfParameter = 6_000;

const createdRun = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) });
const foundRuns = z.object({
  runs: z.optional(z.array(z.object({ info: z.object({ run_id: z.string() }) }))),
});

/** A run as MLflow knows it from its first call or its end. */
type RunStart = Pick<TrackedRun, 'of' | 'id' | 'name' | 'started'>;

/** Calls as traces of MLflow, FLOW runs and comparisons as its runs. The same trace sent again changes nothing. */
export class MlflowReceiver implements TraceReceiver {
  readonly id = 'mlflow';
  readonly name = 'MLflow';
  readonly address: string;
  readonly takesRedacted = true;
  readonly #server: TrackingServer;
  readonly #base: string;
  readonly #experiment: string;
  #experimentId: string | null = null;
  readonly #runs = new Map<string, string>();

  constructor({ tracking_uri: address, experiment }: Settings['mlflow'], access: MlflowAccess) {
    this.#server = new TrackingServer(address, access);
    this.#base = address.replace(/\/+$/, '');
    this.#experiment = experiment;
    this.address = this.#server.shown;
  }

  sendCalls(calls: readonly CallToSend[], run: SpooledBatch['run'], signal: AbortSignal): Promise<Delivery> {
    return this.#inExperiment(async (experimentId) => {
      const [first] = calls;
      const headers: Record<string, string> = { 'x-mlflow-experiment-id': experimentId };
      if (run && first) {
        const { agreement, started } = first.call;
        const name = run.kind === 'flow' ? (agreement ?? run.kind) : run.kind;
        const begun = { of: run.kind, id: run.id, name, started };
        headers['x-mlflow-run-id'] = await this.#runOf(begun, experimentId, signal);
      }
      return this.#server.send('v1/traces', { body: tracesBody(calls, attributes), headers, signal });
    }, signal);
  }

  readonly sendRun = (run: TrackedRun, signal: AbortSignal): Promise<Delivery> =>
    this.#inExperiment(async (experimentId) => {
      const { started, ended, failed, killed, parameters, metrics } = run;
      const run_id = await this.#runOf(run, experimentId, signal);
      const logged = await this.#server.send('api/2.0/mlflow/runs/log-batch', {
        body: {
          run_id,
          params: Object.entries(parameters)
            .slice(0, mostOfEach)
            .map(([key, value]) => ({ key: named(key), value: value.slice(0, mostOfParameter) })),
          metrics: Object.entries(metrics)
            .slice(0, mostOfEach)
            .map(([key, value]) => ({ key: named(key), value, timestamp: ended, step: 0 })),
          // Nobody knows when a killed run began.
          tags: killed ? [] : [{ key: 'tidyllm.started', value: new Date(started).toISOString() }],
        },
        signal,
      });
      if (logged.status !== 200) return logged;
      const status = killed ? 'KILLED' : failed ? 'FAILED' : 'FINISHED';
      const body = { run_id, status, end_time: ended };
      return this.#server.send('api/2.0/mlflow/runs/update', { body, signal });
    }, signal);

  /** Where MLflow shows a call; null if the experiment doesn't exist yet. Throws `service_failed`. */
  async pageOf(callId: string, signal: AbortSignal): Promise<string | null> {
    const id = this.#experimentId ?? (await findExperiment(this.#server, this.#experiment, signal));
    if (id === null) return null;
    const trace = `tr-${traceIdOf(callId)}`;
    return `${this.#base}/#/experiments/${id}/traces?selectedEvaluationId=${trace}`;
  }

  /** Where MLflow shows a run; null if it doesn't have it. Throws `service_failed`. */
  async pageOfRun(runId: string, signal: AbortSignal): Promise<string | null> {
    const id = this.#experimentId ?? (await findExperiment(this.#server, this.#experiment, signal));
    const run = id === null ? null : await this.#findRun(runId, id, signal);
    return run === null ? null : `${this.#base}/#/experiments/${id}/runs/${run}`;
  }

  /** Sends to the experiment. Where it is gone, it is looked up again, and made if there is none. */
  async #inExperiment(
    send: (experimentId: string) => Promise<HttpAnswer>,
    signal: AbortSignal,
  ): Promise<Delivery> {
    const known = this.#experimentId;
    const id = known ?? (await experimentOf(this.#server, this.#experiment, signal)).id;
    this.#experimentId = id;
    const { status, body } = await send(id);
    // MLflow answers 422 to whatever fails unexpectedly, which may be its database: that throws here.
    if (status === 422) await experimentOf(this.#server, this.#experiment, signal);
    if (status !== 404) return deliveryOf(status, body, this.address);
    this.#experimentId = null;
    this.#runs.clear();
    if (known !== null) return this.#inExperiment(send, signal);
    return { state: 'later', why: `MLflow at ${this.address} has no place for traces (HTTP 404).` };
  }

  /** MLflow's id of a run, which is made if there is none. */
  async #runOf(
    { of: kind, id, name, started }: RunStart,
    experimentId: string,
    signal: AbortSignal,
  ): Promise<string> {
    const known = this.#runs.get(id);
    if (known !== undefined) return known;
    const found = await this.#findRun(id, experimentId, signal);
    if (found !== null) {
      this.#runs.set(id, found);
      return found;
    }
    const asked = {
      experiment_id: experimentId,
      run_name: shortened(name),
      start_time: Math.round(started),
      tags: [
        { key: runTag, value: id },
        { key: 'tidyllm.kind', value: kind },
      ],
    };
    const { run: made } = await this.#server.post('runs/create', asked, createdRun, signal);
    this.#runs.set(id, made.info.run_id);
    return made.info.run_id;
  }

  async #findRun(id: string, experimentId: string, signal: AbortSignal): Promise<string | null> {
    const filter = `tags.\`${runTag}\` = '${id.replaceAll("'", '')}'`;
    const asked = { experiment_ids: [experimentId], filter, max_results: 1 };
    const { runs = [] } = await this.#server.post('runs/search', asked, foundRuns, signal);
    return runs[0]?.info.run_id ?? null;
  }
}

/** A name that MLflow allows for a parameter or metric. */
function named(key: string): string {
  return shortened(key.replaceAll(/[^\w./ -]/g, '_'));
}

function deliveryOf(status: number, body: string, address: string): Delivery {
  if (status >= 200 && status < 300) return { state: 'taken' };
  if (status === 400 || status === 413 || status === 422) {
    // Its message may quote the call; its code doesn't.
    const code = /"error_code":\s*"([A-Z_]{1,60})"/.exec(body)?.[1];
    return { state: 'refused', why: `HTTP ${status}${code ? ` ${code}` : ''}` };
  }
  if (status === 401 || status === 403)
    return { state: 'later', why: `MLflow at ${address} refuses the login (HTTP ${status}).` };
  return { state: 'later', why: `MLflow at ${address} answers with HTTP ${status}.` };
}

/** The facts of a call as MLflow's trace has them. Usage and cost are only on the model's span: MLflow adds them up. */
const attributes: SpanAttributes = {
  call: (call) => ({
    'mlflow.spanType': 'CHAIN',
    'user.id': shortened(call.user),
    'session.id': shortened(call.conversation),
    ...tags({ 'mlflow.traceName': call.model, ...factsOf(call) }),
    'tidyllm.error_code': call.error_code,
  }),
  attempt: ({ call_id: callId, sequence, hash, outcome, error_code: error }) => ({
    'mlflow.spanType': 'CHAIN',
    'tidyllm.call_id': callId,
    'tidyllm.record': sequence,
    'tidyllm.record_hash': hash,
    'tidyllm.outcome': outcome,
    'tidyllm.error_code': error,
  }),
  model: (use, call, content) => ({
    'mlflow.spanType': use.embedding ? 'EMBEDDING' : 'CHAT_MODEL',
    'mlflow.llm.model': use.model_id,
    'mlflow.llm.provider': call.backend,
    'mlflow.chat.tokenUsage': JSON.stringify(usageOf(use)),
    'mlflow.llm.cost': JSON.stringify(costOf(use)),
    'tidyllm.max_tokens': use.max_tokens,
    'tidyllm.temperature': use.temperature,
    'tidyllm.stream': use.stream,
    'tidyllm.time_to_first_token_ms': use.first_token_ms,
    'tidyllm.stop_reason': use.stop_reason,
    'tidyllm.cost_estimated': use.cost_estimated,
    ...(content && contentOf(content, use)),
  }),
};

/** The tags of a trace, by which MLflow filters. */
function factsOf(call: TrackedCall): Record<string, string | null> {
  const last = call.attempts.at(-1);
  return {
    user: call.user,
    reason: call.reason,
    workspace: call.workspace,
    branch: call.branch,
    front_door: call.command,
    conversation: call.conversation,
    agreement: call.agreement,
    run: call.run_id,
    comparison: call.comparison_id,
    cache_hit: String(call.cache_hit),
    fallback_from: call.fallback_from,
    backend: call.backend,
    simulated: String(call.simulated),
    outcome: call.outcome,
    error_code: call.error_code,
    attempts: String(call.attempts.length),
    call_id: call.id,
    record: last?.sequence?.toString() ?? null,
    record_hash: last?.hash ?? null,
    ledger: last?.ledger ?? null,
    cost_usd: microToUsd(BigInt(call.cost_micro_usd)),
    cost_estimated: String(call.cost_estimated),
    compliance: call.compliance,
    compliance_findings: call.compliance_findings,
  };
}

function tags(facts: Readonly<Record<string, string | null>>): Record<string, string | null> {
  const entries = Object.entries(facts).map(([name, value]): [string, string | null] => [
    `mlflow.traceTag.${name.includes('.') ? name : `tidyllm.${name}`}`,
    shortened(value),
  ]);
  return Object.fromEntries(entries);
}

/** MLflow counts cached tokens as input as well. */
function usageOf({ input, output, cache_read: read, cache_write: write }: ModelUse): object {
  const all = input + read + write;
  return {
    input_tokens: all,
    output_tokens: output,
    total_tokens: all + output,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: write,
  };
}

/** In USD; the parts are left out where only an upper bound of the whole is known. */
function costOf({ cost_micro_usd: all, output_cost_micro_usd: output }: ModelUse): object {
  const usd = (micro: bigint): number => Number(microToUsd(micro));
  const total = BigInt(all);
  if (output === null) return { total_cost: usd(total) };
  const ofOutput = BigInt(output) < total ? BigInt(output) : total;
  return { input_cost: usd(total - ofOutput), output_cost: usd(ofOutput), total_cost: usd(total) };
}

function contentOf(content: TrackedContent, { embedding }: ModelUse): Record<string, string | null> {
  const { asked, answered } = shownMessages(content);
  const choices = [{ message: { role: 'assistant', content: answered } }];
  return {
    'mlflow.message.format': embedding ? null : 'openai',
    'mlflow.spanInputs': JSON.stringify({ messages: asked }),
    // The vectors of an embedding tell nobody anything.
    'mlflow.spanOutputs': answered === null || embedding ? null : JSON.stringify({ choices }),
  };
}
