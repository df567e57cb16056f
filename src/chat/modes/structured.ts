import type * as z from 'zod';
import { blocksOf, type ChatMessage, type JsonObject } from '../../content/messages.ts';
import { GatewayError, messageOf } from '../../errors.ts';
import {
  requestDefaults,
  type CallOptions,
  type LlmRequest,
  type LlmResponse,
} from '../../gateways/modelCalls.ts';
import { unreachable } from '../../gateways/unreachable.ts';
import { readReason } from '../../ledger/reason.ts';
import { schemaWords } from '../../schemaWords.ts';
import { YamlDocument } from '../../yamlDocument.ts';
import type { ChatCalls, ChatContext, ChatMode, ChatResponse } from '../chatMode.ts';
import { withSystem } from '../withSystem.ts';
import { combinedResponse } from '../combinedResponse.ts';
import { jsonIn } from '../structured/answerJson.ts';
import { serviceSchema } from '../structured/serviceSchema.ts';
import type { Signature } from '../structured/signature.ts';

/** How a model is made to answer in a form: by the service, by a tool it must use, or by being asked. */
const tiers = ['schema', 'tool', 'prompt'] as const;
type Tier = (typeof tiers)[number];

/** A wrong answer is sent back so many times. */
const mostRepairs = 2;
/** Of a wrong answer and of its faults, in characters: it bounds the price of a repair. */
const mostAnswerSentBack = 8_000;
const mostFaultsSentBack = 2_000;

/** The best tier that a model took, by back-end, region and model, for as long as the process runs. */
const takenTiers = new Map<string, Tier>();

/** The answer has the fields of the signature, checked; a wrong one is sent back with what is wrong, at most twice. */
export function structured(signature: Signature): ChatMode {
  return {
    id: 'structured',
    over: (calls, context) => ({
      worstCase: (request) => worstCaseOf(calls, request, signature),
      execute: (request, options = {}) =>
        new StructuredAnswer(calls, context, signature).ask(request, options),
    }),
  };
}

/** Of the dearest tier, with every repair. Throws what the last tier is refused with. */
function worstCaseOf(calls: ChatCalls, request: LlmRequest, signature: Signature): bigint {
  const costs = tiers.map((tier) => {
    const first = inForm(request, signature, tier);
    if (tier !== 'prompt' && !isAllowed(calls, first)) return 0n;
    let cost = calls.worstCase(first);
    for (let repairs = 0, last = first; repairs < mostRepairs; repairs += 1) {
      last = withRepair(last, 'x'.repeat(mostAnswerSentBack), 'x'.repeat(mostFaultsSentBack));
      cost += calls.worstCase(last);
    }
    return cost;
  });
  return costs.reduce((most, cost) => (cost > most ? cost : most));
}

/** False if it is known before a call that the model doesn't take this form. */
function isAllowed(calls: ChatCalls, request: LlmRequest): boolean {
  try {
    calls.worstCase(request);
    return true;
  } catch (error) {
    // Any other refusal is the call's own, and recorded.
    return !(GatewayError.is(error) && error.code === 'invalid_request');
  }
}

/** One question, with its repairs. */
class StructuredAnswer {
  readonly #calls: ChatCalls;
  readonly #context: ChatContext;
  readonly #signature: Signature;
  readonly #responses: ChatResponse[] = [];

  constructor(calls: ChatCalls, context: ChatContext, signature: Signature) {
    this.#calls = calls;
    this.#context = context;
    this.#signature = signature;
  }

  async ask(request: LlmRequest, options: CallOptions): Promise<ChatResponse> {
    const signal = options.signal ? { signal: options.signal } : {};
    const fault = this.#faultOf(request);
    if (fault) return { ...fault, structured: { output: null, repairs: 0, records: [] } };
    let response: LlmResponse;
    [request, response] = await this.#first(request, signal);
    for (let repairs = 0; ; repairs += 1) {
      // Nothing was found for it, so no model was asked.
      const unasked = response.attempts === 0 && !response.cacheHit;
      if (!response.success || unasked) return this.#ended(null, null);
      const { output, faults } = outputOf(response, this.#signature);
      if (output !== null) {
        options.onEvent?.({ type: 'text', index: 0, text: shown(output) });
        return this.#ended(output, null);
      }
      if (repairs === mostRepairs || isCutOff(response))
        return this.#ended(null, wrongAnswer(response, faults, this.#context));
      request = withRepair(
        request,
        answerText(response, this.#signature),
        faults.join('\n').slice(0, mostFaultsSentBack),
      );
      response = await this.#execute(request, signal);
    }
  }

  /** The response to a question without the inputs, which is not sent. A missing reason is refused by the gateway. */
  #faultOf(request: LlmRequest): LlmResponse | null {
    const { modelId = requestDefaults.modelId, auditReason = '' } = request;
    if (readReason(auditReason, { minReasonLength: 0 }).fault) return null;
    try {
      inForm(request, this.#signature, 'prompt');
      return null;
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      return unreachable(error, modelId, this.#context.backend);
    }
  }

  /** The first answer, on the best tier that the model takes: a refused one cost nothing. */
  async #first(request: LlmRequest, options: CallOptions): Promise<[LlmRequest, LlmResponse]> {
    const { modelId = requestDefaults.modelId } = request;
    const { id, region } = this.#context.backend;
    const key = JSON.stringify([id, region, modelId]);
    const known = takenTiers.get(key) ?? 'schema';
    if (readReason(request.auditReason ?? '', { minReasonLength: 0 }).fault)
      return [request, await this.#execute(request, options)];
    for (const tier of tiers.slice(tiers.indexOf(known))) {
      const formed = inForm(request, this.#signature, tier);
      if (tier !== 'prompt' && !isAllowed(this.#calls, formed)) continue;
      const response = await this.#execute(formed, options);
      if (tier !== 'prompt' && refusesForm(response)) continue;
      takenTiers.set(key, tier);
      return [formed, response];
    }
    throw new Error('A tier is missing.');
  }

  async #execute(request: LlmRequest, options: CallOptions): Promise<LlmResponse> {
    const response = await this.#calls.execute(request, options);
    this.#responses.push(response);
    return response;
  }

  /** The last response, with the money, time and tokens of all. */
  #ended(output: JsonObject | null, error: GatewayError | null): ChatResponse {
    const all = this.#responses;
    const last = combinedResponse(all);
    const asked = all.filter((one) => !refusesForm(one));
    return {
      ...last,
      content: output === null ? last.content || answerText(last, this.#signature) : shown(output),
      ...(error && { success: false, status: 'failed', error }),
      structured: {
        output,
        repairs: Math.max(asked.length - 1, 0),
        records: all.flatMap(({ auditTrail }) => auditTrail ?? []),
      },
    };
  }
}

/** A 4xx about the form itself, and not about the question. */
function refusesForm({ error }: LlmResponse): boolean {
  return (
    (error?.code === 'backend_rejected' || error?.code === 'invalid_request') &&
    /output_?config|output_?format|text_?format|response_?format|json_?schema|structured output|tool_?choice|toolConfig/i.test(
      `${error.message} ${error.detail ?? ''}`,
    )
  );
}

function isCutOff({ stopReason }: LlmResponse): boolean {
  return stopReason === 'max_tokens';
}

function shown(output: JsonObject): string {
  return JSON.stringify(output, null, 2);
}

/** The request with its inputs, and with the form of the answer on a tier. */
function inForm(request: LlmRequest, signature: Signature, tier: Tier): LlmRequest {
  const { prompt, ...rest } = request;
  const messages: readonly ChatMessage[] = request.messages ?? [{ role: 'user', content: prompt ?? '' }];
  const schema = serviceSchema(signature.outputs.schema);
  const { name } = signature;
  const description = signature.instructions || 'The answer';
  const told = [
    `Answer with the fields ${signature.outputs.names.join(', ')} for the given ${signature.inputs.names.join(', ')}.`,
    ...(signature.instructions ? [signature.instructions] : []),
    ...(tier === 'prompt'
      ? [
          `Answer with one JSON object and nothing else: no prose, no code fence. Its JSON schema:\n${JSON.stringify(signature.outputs.schema)}`,
        ]
      : []),
  ].join('\n');
  return {
    ...withSystem(rest, told),
    messages: withInputs(messages, signature),
    ...(tier === 'schema' && { outputSchema: { name, schema } }),
    ...(tier === 'tool' && {
      tools: [{ name, description, input_schema: schema }],
      toolChoice: { type: 'tool', name } as const,
    }),
  };
}

/** The last question, as the inputs of the signature. Throws `invalid_request` if they are not in it. */
function withInputs(messages: readonly ChatMessage[], { inputs }: Signature): ChatMessage[] {
  const last = messages.findLastIndex(({ role }) => role === 'user');
  return messages.map((message, index) => {
    if (index !== last) return message;
    const blocks = blocksOf(message.content);
    const place = blocks.findLastIndex(({ type }) => type === 'text');
    const question = blocks[place];
    const values = inputsIn(question?.type === 'text' ? question.text : '', inputs);
    const written = Object.entries(values).map(([name, value]) =>
      typeof value === 'string' ? `${name}:\n${value}` : `${name}: ${JSON.stringify(value)}`,
    );
    return {
      ...message,
      // Attachments come before the question.
      content: blocks.map((block, at) =>
        block.type === 'text' && at === place ? { ...block, text: written.join('\n\n') } : block,
      ),
    };
  });
}

/** The whole text for one input of text; otherwise a YAML mapping with a value for each. */
function inputsIn(text: string, { names, schema, check }: Signature['inputs']): JsonObject {
  const [only = ''] = names;
  const { properties } = schema as { properties: Record<string, JsonObject> };
  if (names.length === 1 && properties[only]?.['type'] === 'string' && !properties[only]['enum'])
    return { [only]: text };
  const document = new YamlDocument('', text);
  const parsed =
    document.faults.length > 0 ? null : check.safeParse(document.contents, { error: fieldWords });
  if (parsed?.success) return parsed.data;
  const [fault = 'it is no YAML mapping'] = parsed ? faultsIn(parsed.error) : [];
  throw new GatewayError(
    'invalid_request',
    `The question does not have the inputs of the signature: ${fault}.`,
    {
      hint: `Nothing was sent. Write a line for each: ${names.map((name) => `"${name}: …"`).join(', ')}.`,
    },
  );
}

/** The request after a wrong answer, with what is wrong about it. */
function withRepair({ messages = [], ...request }: LlmRequest, answer: string, faults: string): LlmRequest {
  const shortened =
    answer.length > mostAnswerSentBack ? `${answer.slice(0, mostAnswerSentBack)} …` : answer || '(nothing)';
  return {
    ...request,
    messages: [
      ...messages,
      { role: 'assistant', content: shortened },
      {
        role: 'user',
        content: `That answer can't be used:\n${faults}\nAnswer again, with every field as asked.`,
      },
    ],
  };
}

/** What the model wrote: the input of the tool it must answer by, or its text. */
function answerText({ message, content }: LlmResponse, { name }: Signature): string {
  const used = blocksOf(message?.content ?? '').find(
    (block) => block.type === 'tool_use' && block.name === name,
  );
  return used?.type === 'tool_use' ? JSON.stringify(used.input) : content;
}

/** The checked output of an answer; null with its faults, each in a line. */
function outputOf(
  response: LlmResponse,
  signature: Signature,
): { output: JsonObject; faults: [] } | { output: null; faults: string[] } {
  if (isCutOff(response)) return { output: null, faults: ['It was cut off.'] };
  const { outputs } = signature;
  const value = jsonIn(answerText(response, signature));
  if (value === undefined) return { output: null, faults: ['It has no JSON object.'] };
  try {
    const parsed = outputs.check.safeParse(withoutNulls(value, outputs.schema), { error: fieldWords });
    return parsed.success
      ? { output: parsed.data, faults: [] }
      : { output: null, faults: faultsIn(parsed.error) };
  } catch (error) {
    return { output: null, faults: [messageOf(error)] };
  }
}

function faultsIn({ issues }: z.ZodError): string[] {
  return issues.map(({ path, message }) => `${path.join('.') || 'it'} ${message}`);
}

/** Without the names that a question or an answer made up: an error quotes neither. */
function fieldWords(issue: z.core.$ZodRawIssue): string {
  return issue.code === 'unrecognized_keys'
    ? 'has fields that the signature does not have'
    : schemaWords(issue);
}

/** Models write null for a field that may be left out. */
function withoutNulls(value: unknown, { required }: JsonObject): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const needed = new Set(required as readonly string[]);
  return Object.fromEntries(Object.entries(value).filter(([name, one]) => one !== null || needed.has(name)));
}

function wrongAnswer(
  response: LlmResponse,
  faults: readonly string[],
  { keepsAnswers }: Pick<ChatContext, 'keepsAnswers'>,
): GatewayError {
  const cut = isCutOff(response);
  const [first = '', ...more] = faults;
  const rest = more.length > 0 ? ` (and ${more.length} more)` : '';
  return new GatewayError(
    'answer_invalid',
    cut
      ? 'The answer was cut off at its maximum length, so its fields are not complete.'
      : `The model’s answer does not fit the signature after ${mostRepairs} repairs: ${first}${rest}.`,
    {
      hint: cut
        ? 'Raise the maximum answer length, or ask for less.'
        : `Use another model, or make the signature simpler.${keepsAnswers ? ' The answers are in the audit history.' : ''}`,
    },
  );
}
