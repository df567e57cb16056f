import type * as z from 'zod';
import {
  isBlank,
  isJsonObject,
  mapTexts,
  requestContentForm,
  type JsonObject,
  type RequestContent,
} from '../../content/messages.ts';
import { GatewayError } from '../../errors.ts';
import { faultIn, schemaWords } from '../../schemaWords.ts';
import type { CallDescription, CallOfRun, Caller } from '../../ledger/records.ts';
import { worstCaseCost } from '../../pricing/cost.ts';
import { priceUnknown, type Model, type ModelCatalogue } from '../../pricing/modelCatalogue.ts';
import { userNameFault, userNameOf } from '../../userName.ts';
import { recordedOrigin } from '../callOrigin.ts';
import { noTemperature, noTemperatureBesideReasoning, type ModelBackend, type ModelCall } from '../ports.ts';
import { requestDefaults, type BackendId, type FlowOrigin, type LlmRequest } from '../modelCalls.ts';
import { guardrailCost, guardrailPriceOf, mostCharactersOfToken } from './guardrailCost.ts';
import { inputTokenBound } from './tokenBound.ts';

/** A name for the record; any other text may be a misplaced prompt, and is left out. */
export function modelName(name: string): string {
  return /^[\w.:/@-]{1,200}$/.test(name) ? name : '(not a model name)';
}

export interface AdmissionPolicy {
  minReasonLength: number;
  defaultUser: string;
  /** Who makes a call, whatever name it claims. */
  caller?: Caller;
  /** Whether a cap is set on an ARN, so that a call without a known ARN is refused. */
  callerNeeded?: boolean;
}

/** A call that may be made if its money can be reserved. */
export interface AdmittedCall {
  model: Model;
  call: ModelCall;
  /** Changes made because the service would have refused the request. */
  adjustments: readonly string[];
  inputTokensBound: number;
  /** The most output tokens that can be billed, reasoning included. */
  outputTokensBound: number;
  /** Price of the call's guardrail, USD per 1,000,000 characters; null without one. */
  guardrailPrice: string | null;
  /** Micro-USD. */
  worstCase: bigint;
}

/** The model that a request names in any form. */
export function modelOf(request: LlmRequest): string {
  return request.modelId ?? requestDefaults.modelId;
}

/** The part of the audit record that is known before the decision. */
export function describeRequest(
  request: LlmRequest,
  backend: BackendId,
  { reason, policy, catalogue }: { reason: string; policy: AdmissionPolicy; catalogue: ModelCatalogue },
): CallDescription {
  const asked = modelOf(request);
  return {
    // A refused name is not recorded; `requireUser` reports its fault.
    user_id:
      namesUser(request) && userNameFault(request.userId) === null
        ? userNameOf(request.userId)
        : policy.defaultUser,
    ...policy.caller,
    reason,
    model: modelName(asked),
    // Refusals are counted by model, whatever their cause.
    model_id: catalogue.idOf(asked),
    backend,
    priority: request.priority ?? requestDefaults.priority,
    ...recordedOrigin(request.origin),
    ...(request.flow && { flow: callOfRun(request.flow) }),
  };
}

function callOfRun({ runId, agreement, costLimit }: FlowOrigin): CallOfRun {
  return { run_id: runId, agreement, cost_limit_micro_usd: costLimit.toString() };
}

function namesUser(request: LlmRequest): request is LlmRequest & { userId: string } {
  return request.userId !== undefined && request.userId.trim() !== '';
}

/** Throws `invalid_request` for a user name that can be mistaken for another. */
export function requireUser(request: LlmRequest, policy: AdmissionPolicy): void {
  if (namesUser(request)) userNameOf(request.userId);
  requireCaller(policy);
}

/** Throws `credentials_missing` if a cap is set on an ARN and the caller's ARN is unknown. */
export function requireCaller({ caller, callerNeeded = false }: AdmissionPolicy): void {
  if (!callerNeeded || caller?.caller_arn !== undefined) return;
  throw new GatewayError(
    'credentials_missing',
    'A cap is set on an ARN, but AWS did not identify the caller.',
    {
      hint: 'Check the connection to AWS STS with "tidyllm health", or remove the ARN from budget.per_user_usd.',
    },
  );
}

/** Checks a request and calculates its worst-case cost. `content` is what may leave of it. Throws `GatewayError`. */
export function admit(
  callId: string,
  request: LlmRequest,
  { catalogue, backend }: { catalogue: ModelCatalogue; backend: Pick<ModelBackend, 'conform' | 'embeds'> },
  content: RequestContent = contentOf(request),
): AdmittedCall {
  const { embedding } = request;
  if (embedding && !backend.embeds) throw embedsNot();
  const serviceTier = request.serviceTier ?? requestDefaults.serviceTier;
  const model = catalogue.resolve(modelOf(request), serviceTier, embedding ? 'embedding' : 'answer');
  const asked: ModelCall = {
    callId,
    modelId: model.modelId,
    content,
    toolNames: {},
    temperature: embedding ? null : temperatureOf(request),
    // Vectors are no tokens.
    maxTokens: embedding ? 0 : maxTokensOf(request, model),
    stream: !embedding && (request.stream ?? true),
    serviceTier,
    metadata: { tidyllm_call_id: callId },
  };
  const { call, adjustments } = backend.conform(asked, model);
  const inputTokensBound = inputTokenBound(call.content, model);
  const outputTokensBound = outputTokenBound(call);
  const modelCost = worstCaseCost(model.tiers, inputTokensBound, outputTokensBound);
  if (modelCost === null) throw priceUnknown(model.modelId, ' for input and output');
  const guardrailPrice = guardrailPriceOf(call.content, catalogue.guardrailPrice);
  const worstCase = modelCost + guardrailBound(guardrailPrice, call, { inputTokensBound, outputTokensBound });
  const told =
    request.temperature === undefined
      ? adjustments.filter((one) => one !== noTemperature && one !== noTemperatureBesideReasoning)
      : adjustments;
  return { model, call, adjustments: told, inputTokensBound, outputTokensBound, guardrailPrice, worstCase };
}

/** A character has at least one byte, and the input bound counts at least one token per byte. */
function guardrailBound(
  price: string | null,
  { content: { messages } }: ModelCall,
  { inputTokensBound, outputTokensBound }: { inputTokensBound: number; outputTokensBound: number },
): bigint {
  if (price === null) return 0n;
  const output = outputTokensBound * mostCharactersOfToken;
  return guardrailCost(price, { texts: messages.length, input: inputTokensBound, output });
}

function embedsNot(): GatewayError {
  return new GatewayError('invalid_request', 'The back-end in use makes no embeddings.', {
    hint: 'Nothing was sent. Use Bedrock: --backend bedrock, and bedrock in ai.backends of settings.yaml.',
  });
}

/** What belongs to a conversation, and would be ignored. */
const ofConversations = [
  ...(['prompt', 'messages', 'system', 'tools', 'toolChoice', 'reasoning', 'outputSchema'] as const),
  ...(['stopSequences', 'topP', 'guardrail', 'additionalFields', 'temperature', 'maxTokens'] as const),
];

/** The texts to embed, validated. */
function embeddingContentOf(
  request: LlmRequest,
  { texts, ...options }: NonNullable<LlmRequest['embedding']>,
): RequestContent {
  const other = ofConversations.find((name) => request[name] !== undefined);
  if (other !== undefined)
    throw new GatewayError('invalid_request', `An embedding takes texts, and no ${other}.`, {
      hint: 'Nothing was sent. Leave it out.',
    });
  const messages = texts.map((text) => ({ role: 'user', content: text }));
  return validated({ system: null, messages, embedding: options });
}

/** What a request sends, validated and without unknown fields. Throws `invalid_request`. */
export function contentOf(request: LlmRequest): RequestContent {
  const { embedding } = request;
  return embedding ? embeddingContentOf(request, embedding) : conversationContentOf(request);
}

function conversationContentOf(request: LlmRequest): RequestContent {
  const { prompt, messages, system, tools, toolChoice, stopSequences, topP } = request;
  if ((prompt === undefined) === (messages === undefined)) {
    throw new GatewayError('invalid_request', 'A request needs either a prompt or messages, not both.');
  }
  const asked = {
    system: system === undefined ? null : system,
    messages: messages ?? [{ role: 'user', content: prompt }],
    ...(tools && { tools }),
    ...(toolChoice && { tool_choice: toolChoice }),
    ...(stopSequences && { stop_sequences: stopSequences }),
    ...(topP !== undefined && { top_p: topP }),
    ...(request.reasoning && { reasoning: request.reasoning }),
    ...(request.outputSchema && { output_schema: request.outputSchema }),
    ...(request.guardrail && { guardrail: request.guardrail }),
    ...(request.additionalFields && { additional_fields: request.additionalFields }),
  };
  const content = validated(asked);
  if (content.messages.every(({ content }) => isBlank(content))) {
    throw new GatewayError('invalid_request', 'The prompt is empty.', {
      hint: 'Enter a question for the model.',
    });
  }
  if (topP !== undefined && !(topP > 0 && topP <= 1)) {
    throw new GatewayError('invalid_request', `top_p must be above 0 and at most 1, not ${topP}.`);
  }
  requirePriceKept(content.additional_fields ?? {});
  return content;
}

/** Without unknown fields, and in whole characters. */
function validated(asked: object): RequestContent {
  const { data, error } = requestContentForm.safeParse(asked, { error: schemaWords });
  if (error) throw malformed(error);
  return mapTexts(data as unknown as JsonObject, (text) => text.toWellFormed()) as unknown as RequestContent;
}

/** Names the invalid part of a request by its JSON path, never its value. */
function malformed(error: z.ZodError): GatewayError {
  const { path, message } = faultIn(error);
  return new GatewayError('invalid_request', `The request can’t be sent: ${path.join('.')} ${message}.`, {
    hint: 'docs/messages.md describes messages, blocks and tools.',
  });
}

/** Providers' names for answer limits, which at any depth would replace the reserved limit. */
const answerLimits: ReadonlySet<string> = new Set([
  ...['max_tokens', 'maxTokens', 'max_tokens_to_sample', 'max_completion_tokens', 'max_output_tokens'],
  ...['max_gen_len', 'max_new_tokens', 'maxTokenCount', 'maxOutputTokens'],
]);
/** Other fields that change a call's cost: more answers, faster service, other content. */
const pricedElsewhere: ReadonlySet<string> = new Set([
  ...['n', 'best_of', 'num_generations', 'num_results', 'num_return_sequences', 'candidateCount'],
  ...['service_tier', 'serviceTier', 'speed', 'performanceConfig', 'inference_geo'],
  ...['inferenceConfig', 'inference_config', 'messages', 'system', 'model', 'modelId'],
]);

/** Throws `invalid_request` for a field that would raise a call's cost above its reservation. */
function requirePriceKept(fields: JsonObject): void {
  const found = Object.keys(fields).find((name) => pricedElsewhere.has(name)) ?? limitIn(fields);
  if (found === undefined) return;
  throw new GatewayError(
    'invalid_request',
    `The additional field ${found} would change the cost of the call, so it is not sent.`,
    { hint: 'Use the request’s own field instead (max_tokens, service_tier, …), or leave it out.' },
  );
}

/** An answer limit at any depth, except in lists, where tools describe their own inputs. */
function limitIn(fields: JsonObject): string | undefined {
  const own = Object.keys(fields).find((name) => answerLimits.has(name));
  return (
    own ??
    Object.values(fields)
      .map((value) => (isJsonObject(value) ? limitIn(value) : undefined))
      .find(Boolean)
  );
}

/** Null if topP is used instead, or the model's default applies. */
function temperatureOf({ temperature, topP }: LlmRequest): number | null {
  if (temperature === undefined) return topP === undefined ? requestDefaults.temperature : null;
  if (temperature !== null && !(temperature >= 0 && temperature <= 1)) {
    throw new GatewayError('invalid_request', `The temperature must be from 0 to 1, not ${temperature}.`);
  }
  return temperature;
}

function maxTokensOf(request: LlmRequest, model: Model): number {
  const most = model.maxOutputTokens ?? Number.MAX_SAFE_INTEGER;
  if (request.maxTokens === undefined) return Math.min(requestDefaults.maxTokens, most);
  if (!Number.isSafeInteger(request.maxTokens) || request.maxTokens < 1 || request.maxTokens > most) {
    throw new GatewayError('invalid_request', `max_tokens must be from 1 to ${most} for ${model.name}.`);
  }
  return request.maxTokens;
}

/** Reasoning between tool calls may have a budget above `max_tokens`, which limits all other output. */
function outputTokenBound({ content, maxTokens }: ModelCall): number {
  const { reasoning, additional_fields: fields = {} } = content;
  const asked = reasoning && 'budget_tokens' in reasoning ? reasoning.budget_tokens : 0;
  const own = Object.values(fields).map((value) =>
    isJsonObject(value) ? Number(value['budget_tokens'] ?? 0) : 0,
  );
  return Math.max(maxTokens, asked, ...own.filter(Number.isSafeInteger));
}
