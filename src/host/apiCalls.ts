import * as vscode from 'vscode';
import * as z from 'zod/mini';
import {
  messagesForm,
  outputSchemaForm,
  reasoningForm,
  systemForm,
  toolChoiceForm,
  toolsForm,
} from '../content/messages.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { capabilitiesJson } from '../gateways/capabilities.ts';
import type { LlmResponse } from '../gateways/modelCalls.ts';
import { microToUsd } from '../pricing/cost.ts';
import { faultIn, schemaWords } from '../schemaWords.ts';
import type {
  ApiBudget,
  ApiCallOptions,
  ApiError,
  ApiGateway,
  ApiRequest,
  ApiResponse,
  ApiStatus,
} from './api.ts';
import type { CoreHolder } from './coreHolder.ts';
import type { GitContext } from './gitContext.ts';

const text = z.string();
const requestForm = z.strictObject({
  caller: text.check(z.regex(/^[\w-]{1,100}\.[\w-]{1,100}$/)),
  reason: text,
  use_class: z.optional(text),
  prompt: z.optional(text),
  messages: z.optional(messagesForm),
  system: z.optional(systemForm),
  tools: z.optional(toolsForm),
  tool_choice: z.optional(toolChoiceForm),
  reasoning: z.optional(reasoningForm),
  output_schema: z.optional(outputSchemaForm),
  stop_sequences: z.optional(z.array(text)),
  top_p: z.optional(z.number()),
  model: z.optional(text),
  max_tokens: z.optional(z.number()),
  temperature: z.optional(z.nullable(z.number())),
});
const optionsForm = z.strictObject({
  signal: z.optional(z.instanceof(AbortSignal)),
  onText: z.optional(z.custom<(text: string) => void>((value) => typeof value === 'function')),
});

export async function status(holder: CoreHolder): Promise<ApiStatus> {
  try {
    const { backend, ledger } = await holder.whenReady();
    await ledger.budget();
    return { state: 'ready', simulated: backend.simulated, error: null };
  } catch (error) {
    return { state: 'failed', simulated: null, error: errorOf(error) };
  }
}

export async function gateways(holder: CoreHolder): Promise<ApiGateway[]> {
  try {
    const { registry } = await holder.whenReady();
    return registry.listServices().map(({ id, state, capabilities }) => ({
      id,
      state,
      capabilities: capabilities && capabilitiesJson(capabilities),
    }));
  } catch (error) {
    throw toThrow(errorOf(error));
  }
}

export async function budget(holder: CoreHolder): Promise<ApiBudget> {
  try {
    const { day, timeZone, limit, spent, reserved, remaining, level } = await holder.use((core) =>
      core.budget(),
    );
    return {
      day,
      timezone: timeZone,
      status: level,
      limit_usd: microToUsd(limit),
      spent_usd: microToUsd(spent),
      reserved_usd: microToUsd(reserved),
      remaining_usd: microToUsd(remaining),
    };
  } catch (error) {
    throw toThrow(errorOf(error));
  }
}

export async function execute(
  holder: CoreHolder,
  git: GitContext,
  given: ApiRequest,
  givenOptions: ApiCallOptions = {},
): Promise<ApiResponse> {
  // Read once, so that later changes by the caller have no effect.
  const request = parsed(requestForm, given);
  const { signal, onText } = parsed(optionsForm, givenOptions);
  const caller = vscode.extensions.getExtension(request.caller)?.id;
  if (caller === undefined)
    throw toThrow(
      invalid(`No extension "${request.caller}" is installed; set \`caller\` to the id of yours.`),
    );
  const origin = await git.callOrigin(`extension ${caller} (unverified)`);
  try {
    const response = await holder.use((core) =>
      core.infrastructure.invokeBedrock(
        {
          ...(request.prompt !== undefined && { prompt: request.prompt }),
          ...(request.messages && { messages: request.messages }),
          ...(request.system !== undefined && { system: request.system }),
          ...(request.tools && { tools: request.tools }),
          ...(request.tool_choice && { toolChoice: request.tool_choice }),
          ...(request.reasoning && { reasoning: request.reasoning }),
          ...(request.output_schema && { outputSchema: request.output_schema }),
          ...(request.stop_sequences && { stopSequences: request.stop_sequences }),
          ...(request.top_p !== undefined && { topP: request.top_p }),
          modelId: request.model ?? core.loaded.settings.aws.bedrock.default_model,
          ...(request.max_tokens !== undefined && { maxTokens: request.max_tokens }),
          ...(request.temperature !== undefined && { temperature: request.temperature }),
          auditReason: request.reason,
          ...(request.use_class !== undefined && { useClass: request.use_class }),
          origin,
        },
        {
          ...(signal && { signal }),
          ...(onText && { onEvent: (event) => event.type === 'text' && onText(event.text) }),
        },
      ),
    );
    return responseOf(response);
  } catch (error) {
    throw toThrow(errorOf(error));
  }
}

function responseOf(response: LlmResponse): ApiResponse {
  const { auditTrail, error, tokenUsage } = response;
  return {
    content: response.content,
    message: response.message,
    success: response.success,
    status: response.status,
    model_used: response.modelUsed,
    simulated: response.simulated,
    stop_reason: response.stopReason,
    input_tokens: tokenUsage.input,
    output_tokens: tokenUsage.output,
    cost_usd: microToUsd(response.cost),
    cost_estimated: response.costEstimated,
    error: error && errorOf(error),
    audit_trail: auditTrail && {
      call_id: auditTrail.callId,
      sequence: auditTrail.sequence,
      hash: auditTrail.hash,
    },
    gateway_tracked: response.gatewayTracked,
  };
}

function parsed<T>(form: z.ZodMiniType<T>, given: unknown): T {
  const { data, error } = form.safeParse(given, { error: schemaWords });
  if (!error) return data;
  const { path, message } = faultIn(error);
  throw toThrow(invalid(`The request is invalid: ${path.join('.')} ${message}.`));
}

function invalid(message: string): ApiError {
  return { code: 'invalid_request', message, hint: 'See the API in the extension’s documentation.' };
}

/** Without its causes, which hold more than other extensions should see. */
function errorOf(error: unknown): ApiError {
  return GatewayError.is(error)
    ? { code: error.code, message: error.message, hint: error.hint }
    : { code: 'internal_error', message: messageOf(error), hint: '' };
}

function toThrow({ code, message, hint }: ApiError): Error & ApiError {
  return Object.assign(new Error(message), { code, hint });
}
