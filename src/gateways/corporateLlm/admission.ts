import { GatewayError } from '../../errors.ts';
import { recordedReason } from '../../ledger/reason.ts';
import type { CallDescription, CallOfRun, Caller } from '../../ledger/records.ts';
import { worstCaseCost } from '../../pricing/cost.ts';
import { priceUnknown, type Model, type ModelCatalogue } from '../../pricing/modelCatalogue.ts';
import { userNameFault, userNameOf } from '../../userName.ts';
import { recordedOrigin } from '../callOrigin.ts';
import type { BackendId, ChatMessage, ModelCall } from '../ports.ts';
import { requestDefaults, type FlowOrigin, type LlmRequest } from '../modelCalls.ts';
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
  inputTokensBound: number;
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
  { policy, catalogue }: { policy: AdmissionPolicy; catalogue: ModelCatalogue },
): CallDescription {
  const asked = modelOf(request);
  return {
    // A name that is refused stands in no record: `requireUser` says what is wrong with it.
    user_id:
      namesUser(request) && userNameFault(request.userId) === null
        ? userNameOf(request.userId)
        : policy.defaultUser,
    ...policy.caller,
    reason: recordedReason(request.auditReason ?? ''),
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
export function admit(callId: string, request: LlmRequest, catalogue: ModelCatalogue): AdmittedCall {
  const messages = messagesOf(request);
  const temperature = request.temperature === undefined ? requestDefaults.temperature : request.temperature;
  if (temperature !== null && !(temperature >= 0 && temperature <= 1)) {
    throw new GatewayError('invalid_request', `The temperature must be from 0 to 1, not ${temperature}.`);
  }
  const serviceTier = request.serviceTier ?? requestDefaults.serviceTier;
  const model = catalogue.resolve(modelOf(request), serviceTier);
  const call: ModelCall = {
    callId,
    modelId: model.modelId,
    system: request.system ?? null,
    messages,
    temperature: model.samplingParameters ? temperature : null,
    maxTokens: maxTokensOf(request, model),
    stream: request.stream ?? true,
    serviceTier,
    metadata: { tidyllm_call_id: callId },
  };
  const inputTokensBound = inputTokenBound(call);
  const worstCase = worstCaseCost(model.tiers, inputTokensBound, call.maxTokens);
  if (worstCase === null) throw priceUnknown(model.modelId, ' for input and output');
  return { model, call, inputTokensBound, worstCase };
}

function messagesOf(request: LlmRequest): ChatMessage[] {
  if ((request.prompt === undefined) === (request.messages === undefined)) {
    throw new GatewayError('invalid_request', 'A request has either a prompt or messages.');
  }
  const messages = request.messages ?? [{ role: 'user' as const, content: request.prompt ?? '' }];
  if (messages.at(-1)?.role !== 'user' || messages.some(({ content }) => content.trim() === '')) {
    throw new GatewayError('invalid_request', 'The prompt is empty.', {
      hint: 'Write what the model should answer.',
    });
  }
  return messages.map(({ role, content }) => ({ role, content: content.toWellFormed() }));
}

function maxTokensOf(request: LlmRequest, model: Model): number {
  const most = model.maxOutputTokens ?? Number.MAX_SAFE_INTEGER;
  if (request.maxTokens === undefined) return Math.min(requestDefaults.maxTokens, most);
  if (!Number.isSafeInteger(request.maxTokens) || request.maxTokens < 1 || request.maxTokens > most) {
    throw new GatewayError('invalid_request', `max_tokens must be from 1 to ${most} for ${model.name}.`);
  }
  return request.maxTokens;
}
