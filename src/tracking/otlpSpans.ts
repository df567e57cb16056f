import { readableTurn } from '../content/readableContent.ts';
import { textOf } from '../content/messages.ts';
import type { TrackedContent } from './content.ts';
import type { CallToSend } from './receiver.ts';
import { spanIdOf, traceIdOf, type ModelUse, type TrackedAttempt, type TrackedCall } from './trackedCall.ts';

/** Maximum characters of an id or tag: MLflow's columns on PostgreSQL hold no more. */
const mostOfId = 250;
/** Maximum characters of a prompt or answer in a span. */
const mostOfContent = 50_000;

/** The attributes of a span; those that are null are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | null>>;

/** What a receiver calls the facts of a call. */
export interface SpanAttributes {
  call(call: TrackedCall): Attributes;
  attempt(attempt: TrackedAttempt): Attributes;
  model(use: ModelUse, call: TrackedCall, content: TrackedContent | undefined): Attributes;
}

type OtlpValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { arrayValue: { values: { stringValue: string }[] } };

export interface OtlpAttribute {
  key: string;
  value: OtlpValue;
}

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: OtlpAttribute[];
  status: { code: number; message?: string };
}

// Numbers of the OTLP specification: SpanKind and StatusCode.
const kinds = { internal: 1, client: 3 } as const;
const statuses = { ok: 1, error: 2 } as const;

/** The resource and scope that everything of this program has. */
export const otlpResource = { attributes: attributesOf({ 'service.name': 'tidyllm-gateway' }) };
export const otlpScope = { name: 'tidyllm-gateway' };

/** Calls as the body of an OTLP request for traces, in its JSON form. */
export function tracesBody(calls: readonly CallToSend[], attributes: SpanAttributes): object {
  const spans = calls.flatMap((call) => spansOf(call, attributes));
  return { resourceSpans: [{ resource: otlpResource, scopeSpans: [{ scope: otlpScope, spans }] }] };
}

/** The call at its highest level, below it its attempts, below each the model's part. */
function spansOf({ call, content }: CallToSend, attributes: SpanAttributes): OtlpSpan[] {
  const traceId = traceIdOf(call.id);
  const rootId = spanIdOf(call.id, 'call');
  const spans: OtlpSpan[] = [];
  const add = (
    [spanId, parent]: [string, string | null],
    [name, kind]: [string, number],
    { started, ended, error }: { started: number; ended: number; error: string | null },
    facts: Attributes,
  ): void => {
    spans.push({
      traceId,
      spanId,
      ...(parent !== null && { parentSpanId: parent }),
      name,
      kind,
      startTimeUnixNano: nanoseconds(started),
      endTimeUnixNano: nanoseconds(Math.max(started, ended)),
      attributes: attributesOf(facts),
      status: error === null ? { code: statuses.ok } : { code: statuses.error, message: error },
    });
  };
  add(
    [rootId, null],
    [call.level, kinds.internal],
    { ...call, error: call.error_code },
    attributes.call(call),
  );
  for (const attempt of call.attempts) {
    const { call_id: id, error_code: error, model } = attempt;
    const attemptId = spanIdOf(id, 'attempt');
    const below = attributes.attempt(attempt);
    add([attemptId, rootId], ['corporate_llm', kinds.internal], { ...attempt, error }, below);
    if (!model) continue;
    const operation = `${model.embedding ? 'embeddings' : 'chat'} ${model.model_id}`;
    const facts = attributes.model(model, call, content.get(id));
    add([spanIdOf(id, 'model'), attemptId], [operation, kinds.client], { ...model, error }, facts);
  }
  return spans;
}

export function attributesOf(facts: Attributes): OtlpAttribute[] {
  return Object.entries(facts).flatMap(([key, value]) =>
    value === null ? [] : [{ key, value: valueOf(value) }],
  );
}

function valueOf(value: NonNullable<Attributes[string]>): OtlpValue {
  if (typeof value === 'string') return { stringValue: storable(value) };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { arrayValue: { values: value.map((one) => ({ stringValue: storable(one) })) } };
}

/** PostgreSQL stores no NUL, and JSON no half of a surrogate pair. */
function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}

/** An id or tag that is short enough to be stored. */
export function shortened(text: string): string;
export function shortened(text: string | null): string | null;
export function shortened(text: string | null): string | null {
  return text && text.length > mostOfId ? `${text.slice(0, mostOfId - 1)}…` : text;
}

/** Milliseconds since the epoch as nanoseconds. */
export function nanoseconds(milliseconds: number): string {
  return (BigInt(Math.round(milliseconds * 1000)) * 1000n).toString();
}

/** Messages as receivers show them: texts; what isn't text is described. */
export function shownMessages({ request, answer }: TrackedContent): {
  asked: { role: string; content: string }[];
  answered: string | null;
} {
  const system = request.system === null ? [] : [{ role: 'system', content: cut(textOf(request.system)) }];
  const turns = request.messages.map(({ role, content }) => ({ role, content: cut(readableTurn(content)) }));
  return { asked: [...system, ...turns], answered: answer === null ? null : cut(readableTurn(answer)) };
}

function cut(whole: string): string {
  const text = storable(whole);
  return text.length <= mostOfContent
    ? text
    : `${text.slice(0, mostOfContent)}… (${text.length} characters in total)`;
}
