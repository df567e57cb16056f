import type * as z from 'zod';
import {
  blocksOf,
  isJsonObject,
  mapTexts,
  requestContentForm,
  type ChatMessage,
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

/** A name for the record; anything that can't be one may be a misplaced prompt, and is left out. */
function modelName(name: string): string {
  return /^[\w.:/@-]{1,200}$/.test(name) ? name : '(not a model name)';
}

export interface AdmissionPolicy {
  minReasonLength: number;
  defaultUser: string;
  /** Whose doing a call is, whatever name it claims. */
  caller?: Caller;
  /** Whether a cap is on an ARN, so that none may be unknown. */
  callerNeeded?: boolean;
}

/** A call that may be made if its money can be held. */
export interface AdmittedCall {
  model: Model;
  call: ModelCall;
  /** What was changed because the service would have refused it. */
  adjustments: readonly string[];
  inputTokensBound: number;
  /** The most that can be billed of the answer, reasoning included. */
  outputTokensBound: number;
  /** Of the guardrail that reads along, USD per 1,000,000 characters; null where none does. */
  guardrailPrice: string | null;
  /** Micro-USD. */
  worstCase: bigint;
}

/** The model that a request asks for, by whatever name. */
export function modelOf(request: LlmRequest): string {
  return request.modelId ?? requestDefaults.modelId;
}

/** The part of the audit record that is known before anything is decided. */
export function describeRequest(
  request: LlmRequest,
  backend: BackendId,
  { reason, policy, catalogue }: { reason: string; policy: AdmissionPolicy; catalogue: ModelCatalogue },
): CallDescription {
  const asked = modelOf(request);
  return {
    // A name that is refused stands in no record: `requireUser` says what is wrong with it.
    user_id:
      namesUser(request) && userNameFault(request.userId) === null
        ? userNameOf(request.userId)
        : policy.defaultUser,
    ...policy.caller,
    reason,
    model: modelName(asked),
    // Refused calls and others have to be told apart by model, whatever they are refused for.
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

/** Throws `invalid_request` where a request is in the name of a user that can pass for another. */
export function requireUser(request: LlmRequest, policy: AdmissionPolicy): void {
  if (namesUser(request)) userNameOf(request.userId);
  requireCaller(policy);
}

/** Throws `credentials_missing` where a cap is on an ARN and AWS doesn't say who calls. */
export function requireCaller({ caller, callerNeeded = false }: AdmissionPolicy): void {
  if (!callerNeeded || caller?.caller_arn !== undefined) return;
  throw new GatewayError('credentials_missing', 'A cap is on an ARN, and AWS did not say who calls.', {
    hint: 'Check the connection to AWS STS with "tidyllm health", or take the ARN out of budget.per_user_usd.',
  });
}

/** Checks a request and works out what it is and what it may cost. Throws `GatewayError`. */
export function admit(
  callId: string,
  request: LlmRequest,
  { catalogue, backend }: { catalogue: ModelCatalogue; backend: Pick<ModelBackend, 'conform'> },
): AdmittedCall {
  const content = contentOf(request);
  const serviceTier = request.serviceTier ?? requestDefaults.serviceTier;
  const model = catalogue.resolve(modelOf(request), serviceTier);
  const asked: ModelCall = {
    callId,
    modelId: model.modelId,
    content,
    toolNames: {},
    temperature: temperatureOf(request),
    maxTokens: maxTokensOf(request, model),
    stream: request.stream ?? true,
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

/** A character has at least one byte, and the bound of the input at least as many tokens as bytes. */
function guardrailBound(
  price: string | null,
  { content: { messages } }: ModelCall,
  { inputTokensBound, outputTokensBound }: { inputTokensBound: number; outputTokensBound: number },
): bigint {
  if (price === null) return 0n;
  const output = outputTokensBound * mostCharactersOfToken;
  return guardrailCost(price, { texts: messages.length, input: inputTokensBound, output });
}

/** What the model is asked, well-formed and with nothing in it that is no part of a request. */
function contentOf(request: LlmRequest): RequestContent {
  const { prompt, messages, system, tools, toolChoice, stopSequences, topP } = request;
  if ((prompt === undefined) === (messages === undefined)) {
    throw new GatewayError('invalid_request', 'A request has either a prompt or messages.');
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
  const { data, error } = requestContentForm.safeParse(asked, { error: schemaWords });
  if (error) throw malformed(error);
  if (data.messages.every(({ content }) => isBlank(content))) {
    throw new GatewayError('invalid_request', 'The prompt is empty.', {
      hint: 'Write what the model should answer.',
    });
  }
  if (topP !== undefined && !(topP > 0 && topP <= 1)) {
    throw new GatewayError('invalid_request', `top_p must be above 0 and at most 1, not ${topP}.`);
  }
  requirePriceKept(data.additional_fields ?? {});
  return mapTexts(data as unknown as JsonObject, (text) => text.toWellFormed()) as unknown as RequestContent;
}

function isBlank(content: ChatMessage['content']): boolean {
  return blocksOf(content).every((block) => block.type === 'text' && block.text.trim() === '');
}

/** Where a request has what none may have, by the names of its JSON; never what stands there. */
function malformed(error: z.ZodError): GatewayError {
  const { path, message } = faultIn(error);
  return new GatewayError('invalid_request', `The request can’t be sent: ${path.join('.')} ${message}.`, {
    hint: 'docs/messages.md says what messages, blocks and tools look like.',
  });
}

/** Limits of an answer, by the names of providers: wherever they stand they would replace the one that is held. */
const answerLimits: ReadonlySet<string> = new Set([
  ...['max_tokens', 'maxTokens', 'max_tokens_to_sample', 'max_completion_tokens', 'max_output_tokens'],
  ...['max_gen_len', 'max_new_tokens', 'maxTokenCount', 'maxOutputTokens'],
]);
/** Other fields by which a call would cost other than it is priced: more answers, faster service, other content. */
const pricedElsewhere: ReadonlySet<string> = new Set([
  ...['n', 'best_of', 'num_generations', 'num_results', 'num_return_sequences', 'candidateCount'],
  ...['service_tier', 'serviceTier', 'speed', 'performanceConfig', 'inference_geo'],
  ...['inferenceConfig', 'inference_config', 'messages', 'system', 'model', 'modelId'],
]);

/** Throws `invalid_request` for a field that would change what a call costs behind its reservation. */
function requirePriceKept(fields: JsonObject): void {
  const found = Object.keys(fields).find((name) => pricedElsewhere.has(name)) ?? limitIn(fields);
  if (found === undefined) return;
  throw new GatewayError(
    'invalid_request',
    `The additional field ${found} would change what the call costs, so it is not sent.`,
    { hint: 'Use the request’s own field for it (max_tokens, service_tier, …), or leave it out.' },
  );
}

/** A limit of the answer at any depth; not in lists, where tools describe their own inputs. */
function limitIn(fields: JsonObject): string | undefined {
  const own = Object.keys(fields).find((name) => answerLimits.has(name));
  return (
    own ??
    Object.values(fields)
      .map((value) => (isJsonObject(value) ? limitIn(value) : undefined))
      .find(Boolean)
  );
}

/** Null where topP takes its place, or the model is left to itself. */
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

/** Reasoning between tool calls may have a budget above `max_tokens`; all other output is within that. */
function outputTokenBound({ content, maxTokens }: ModelCall): number {
  const { reasoning, additional_fields: fields = {} } = content;
  const asked = reasoning && 'budget_tokens' in reasoning ? reasoning.budget_tokens : 0;
  const own = Object.values(fields).map((value) =>
    isJsonObject(value) ? Number(value['budget_tokens'] ?? 0) : 0,
  );
  return Math.max(maxTokens, asked, ...own.filter(Number.isSafeInteger));
}
