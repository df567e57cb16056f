import { contextTokens } from '../pricing/cost.ts';
import type { HttpAnswer, Network } from '../sessions/network.ts';
import type { TrackedContent } from '../tracking/content.ts';
import {
  attributesOf,
  otlpResource,
  otlpScope,
  nanoseconds,
  shownMessages,
  tracesBody,
  type Attributes,
  type SpanAttributes,
} from '../tracking/otlpSpans.ts';
import type { CallToSend, Delivery, TraceReceiver } from '../tracking/receiver.ts';
import type { ModelUse, TrackedCall } from '../tracking/trackedCall.ts';
import { withoutPassword } from '../withoutPassword.ts';

/**
 * Calls as spans and metrics of OpenTelemetry's conventions for generative AI, over OTLP/HTTP in JSON.
 * https://opentelemetry.io/docs/specs/semconv/gen-ai/
 */
export class OtlpReceiver implements TraceReceiver {
  readonly id = 'otlp';
  readonly name = 'OpenTelemetry';
  readonly address: string;
  /** Prompts and answers leave for a general telemetry system only where policy keeps them in full. */
  readonly takesRedacted = false;
  readonly sendRun = null;
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #network: Network;

  constructor(endpoint: string, headers: Readonly<Record<string, string | null>>, network: Network) {
    this.#base = endpoint.replace(/\/+$/, '');
    this.#headers = Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
    );
    this.#network = network;
    this.address = withoutPassword(this.#base);
  }

  async sendCalls(calls: readonly CallToSend[], _run: unknown, signal: AbortSignal): Promise<Delivery> {
    const traces = this.#delivery(await this.#post('v1/traces', tracesBody(calls, attributes), signal));
    if (traces.state !== 'taken') return traces;
    const metrics = metricsBody(calls.map(({ call }) => call));
    return metrics ? this.#delivery(await this.#post('v1/metrics', metrics, signal)) : traces;
  }

  #post(path: string, body: object, signal: AbortSignal): Promise<HttpAnswer> {
    return this.#network.request(`${this.#base}/${path}`, {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    });
  }

  #delivery({ status }: HttpAnswer): Delivery {
    if (status >= 200 && status < 300) return { state: 'taken' };
    if (status === 400 || status === 413 || status === 422)
      return { state: 'refused', why: `HTTP ${status}` };
    return { state: 'later', why: `${this.address} answers with HTTP ${status}.` };
  }
}

/** Names of providers in the conventions; others keep the name of their back-end. */
const providers: Readonly<Record<string, string>> = { bedrock: 'aws.bedrock' };

function commonOf(use: ModelUse, { backend }: TrackedCall): Attributes {
  return {
    'gen_ai.operation.name': use.embedding ? 'embeddings' : 'chat',
    'gen_ai.provider.name': providers[backend] ?? backend,
    'gen_ai.request.model': use.model_id,
    'gen_ai.response.model': use.model_id,
  };
}

const attributes: SpanAttributes = {
  call: (call) => {
    const last = call.attempts.at(-1);
    return {
      'user.id': call.user,
      'gen_ai.conversation.id': call.conversation,
      'error.type': call.error_code,
      'tidyllm.reason': call.reason,
      'tidyllm.workspace': call.workspace,
      'tidyllm.branch': call.branch,
      'tidyllm.front_door': call.command,
      'tidyllm.agreement': call.agreement,
      'tidyllm.run': call.run_id,
      'tidyllm.comparison': call.comparison_id,
      'tidyllm.cache_hit': call.cache_hit,
      'tidyllm.fallback_from': call.fallback_from,
      'tidyllm.backend': call.backend,
      'tidyllm.simulated': call.simulated,
      'tidyllm.outcome': call.outcome,
      'tidyllm.call_id': call.id,
      'tidyllm.record': last?.sequence ?? null,
      'tidyllm.record_hash': last?.hash ?? null,
      'tidyllm.cost_usd': usdOf(call.cost_micro_usd),
      'tidyllm.cost_estimated': call.cost_estimated,
      'tidyllm.compliance': call.compliance,
      'tidyllm.compliance_findings': call.compliance_findings,
    };
  },
  attempt: ({ call_id: callId, sequence, hash, outcome, error_code: error }) => ({
    'error.type': error,
    'tidyllm.call_id': callId,
    'tidyllm.record': sequence,
    'tidyllm.record_hash': hash,
    'tidyllm.outcome': outcome,
  }),
  model: (use, call, content) => ({
    ...commonOf(use, call),
    'gen_ai.conversation.id': call.conversation,
    'gen_ai.request.max_tokens': use.embedding ? null : use.max_tokens,
    'gen_ai.request.temperature': use.temperature,
    'gen_ai.response.finish_reasons': use.stop_reason === null ? null : [use.stop_reason],
    'gen_ai.usage.input_tokens': inputOf(use),
    'gen_ai.usage.output_tokens': use.output,
    'gen_ai.usage.cache_read.input_tokens': use.cache_read,
    'gen_ai.usage.cache_creation.input_tokens': use.cache_write,
    'error.type': errorOf(use, call),
    'tidyllm.cost_usd': usdOf(use.cost_micro_usd),
    ...(content && contentOf(content, use)),
  }),
};

function usdOf(micro: string): number {
  return Number(micro) / 1_000_000;
}

/** The conventions count cached tokens as input as well. */
function inputOf({ input, cache_read: cacheRead, cache_write: write }: ModelUse): number {
  return contextTokens({ input, cacheRead, cacheWrite5m: write, cacheWrite1h: 0, output: 0 });
}

function errorOf(use: ModelUse, { attempts }: TrackedCall): string | null {
  return attempts.find(({ model }) => model === use)?.error_code ?? null;
}

function contentOf(content: TrackedContent, use: ModelUse): Attributes {
  const { asked, answered } = shownMessages(content);
  const parts = (text: string): object[] => [{ type: 'text', content: text }];
  const output = {
    role: 'assistant',
    parts: parts(answered ?? ''),
    finish_reason: use.stop_reason ?? 'error',
  };
  return {
    'gen_ai.input.messages': JSON.stringify(
      asked.map(({ role, content: text }) => ({ role, parts: parts(text) })),
    ),
    'gen_ai.output.messages': answered === null || use.embedding ? null : JSON.stringify([output]),
  };
}

/** Bucket boundaries that the conventions name for the two metrics. */
const tokenBounds = Array.from({ length: 14 }, (_, power) => 4 ** power);
const secondBounds = Array.from({ length: 14 }, (_, power) => 0.01 * 2 ** power);

interface Measure {
  attributes: Attributes;
  value: number;
}

/** Tokens and durations of the calls to models, as histograms of this request alone; null if no model was called. */
function metricsBody(calls: readonly TrackedCall[]): object | null {
  const tokens: Measure[] = [];
  const seconds: Measure[] = [];
  const times: number[] = [];
  for (const call of calls) {
    for (const { model: use, error_code: error } of call.attempts) {
      if (!use) continue;
      const common = commonOf(use, call);
      const of = (type: string): Attributes => ({ ...common, 'gen_ai.token.type': type });
      tokens.push({ attributes: of('input'), value: inputOf(use) });
      if (!use.embedding) tokens.push({ attributes: of('output'), value: use.output });
      seconds.push({
        attributes: { ...common, 'error.type': error },
        value: (use.ended - use.started) / 1000,
      });
      times.push(use.started, use.ended);
    }
  }
  if (times.length === 0) return null;
  const [from, until] = [nanoseconds(Math.min(...times)), nanoseconds(Math.max(...times))];
  const histogram = (name: string, unit: string, bounds: readonly number[], measures: readonly Measure[]) => {
    const points = Map.groupBy(measures, (one) => JSON.stringify(one.attributes)).values();
    const dataPoints = [...points].map((same) => ({
      startTimeUnixNano: from,
      timeUnixNano: until,
      ...dataPoint(same, bounds),
    }));
    // 1 is AGGREGATION_TEMPORALITY_DELTA.
    return { name, unit, histogram: { aggregationTemporality: 1, dataPoints } };
  };
  const metrics = [
    histogram('gen_ai.client.token.usage', '{token}', tokenBounds, tokens),
    histogram('gen_ai.client.operation.duration', 's', secondBounds, seconds),
  ];
  return { resourceMetrics: [{ resource: otlpResource, scopeMetrics: [{ scope: otlpScope, metrics }] }] };
}

function dataPoint(same: readonly Measure[], explicitBounds: readonly number[]): object {
  const buckets = new Array<number>(explicitBounds.length + 1).fill(0);
  for (const { value } of same) {
    const above = explicitBounds.findIndex((bound) => value <= bound);
    const bucket = above === -1 ? explicitBounds.length : above;
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  return {
    attributes: attributesOf(same[0]?.attributes ?? {}),
    count: String(same.length),
    sum: same.reduce((sum, { value }) => sum + value, 0),
    bucketCounts: buckets.map(String),
    explicitBounds,
  };
}
