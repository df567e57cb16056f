import { basename, extname } from 'node:path';
import type * as z from 'zod';
import {
  documentFormats,
  jsonObjectForm,
  messagesForm,
  reasoningEfforts,
  toolsForm,
  type ContentBlock,
  type DocumentType,
  type Reasoning,
  type ToolChoice,
} from '../content/messages.ts';
import { imageFacts } from '../content/media.ts';
import type { Core } from '../core/core.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { LlmRequest, RequestServiceTier } from '../gateways/modelCalls.ts';
import { faultIn, schemaWords } from '../schemaWords.ts';
import { readBytes, readStandardInput, readTextFile, textIn } from './readText.ts';
import { terminalOrigin } from './terminalOrigin.ts';

/** The options of a request, whatever models it is for. */
export interface RequestOptions {
  reason?: string;
  maxTokens?: string;
  temperature?: string;
  topP?: string;
  serviceTier?: RequestServiceTier;
  file: string[];
  system?: string;
  messages?: string;
  tools?: string;
  toolChoice?: string;
  reasoning?: string;
  schema?: string;
  stop: string[];
  guardrail?: string;
  fields?: string;
  cache: boolean;
  redact?: boolean;
  useClass?: string;
  fallback?: string;
}

/**
 * The request for the arguments of a command, without its model. Throws `invalid_request`, and `compliance_blocked` for a
 * file that policy keeps back.
 */
export async function requestFrom(
  prompt: string | undefined,
  options: RequestOptions,
  { chat }: Pick<Core, 'chat'>,
): Promise<LlmRequest> {
  const { maxTokens, temperature, topP, serviceTier, file, messages, tools, schema, fields } = options;
  for (const path of [...file, messages, tools, schema, fields])
    if (path !== undefined) await chat.requireAllowedPath(path);
  return {
    ...(await questionFrom(prompt, options)),
    ...(await toolsFrom(options)),
    auditReason: options.reason ?? '',
    // Policy decides, unless the cache is passed by.
    ...(!options.cache && { cache: false }),
    ...(options.redact && { redact: true }),
    ...(options.useClass !== undefined && { useClass: options.useClass }),
    ...(options.fallback !== undefined && { fallback: fallbackOf(options.fallback) }),
    origin: await terminalOrigin(process.cwd(), options.messages ?? options.file[0]),
    ...(options.system !== undefined && { system: options.system }),
    ...(maxTokens !== undefined && { maxTokens: numberOf(maxTokens, '--max-tokens', /^\d+$/) }),
    ...(serviceTier !== undefined && { serviceTier }),
    ...(temperature !== undefined && { temperature: temperatureOf(temperature) }),
    ...(topP !== undefined && { topP: numberOf(topP, '--top-p', /^\d*\.?\d+$/) }),
    ...(options.reasoning !== undefined && { reasoning: reasoningOf(options.reasoning) }),
    ...(options.schema !== undefined && {
      outputSchema: { schema: await jsonFile(options.schema, jsonObjectForm) },
    }),
    ...(options.stop.length > 0 && { stopSequences: options.stop }),
    ...(options.guardrail !== undefined && { guardrail: guardrailOf(options.guardrail) }),
    ...(options.fields !== undefined && { additionalFields: await jsonFile(options.fields, jsonObjectForm) }),
  };
}

/** Either a prompt with the files that go with it, or a whole conversation. */
async function questionFrom(
  prompt: string | undefined,
  { messages, file: paths }: RequestOptions,
): Promise<Pick<LlmRequest, 'prompt' | 'messages'>> {
  if ((prompt === undefined) === (messages === undefined))
    throw new GatewayError('invalid_request', 'Give either a prompt or --messages.', {
      hint: 'Nothing was sent. The prompt - reads standard input.',
    });
  if (messages !== undefined) {
    if (paths.length > 0)
      throw new GatewayError('invalid_request', '--file goes with a prompt, not with --messages.', {
        hint: 'Nothing was sent. Put an image or document block into the messages.',
      });
    return { messages: await jsonFile(messages, messagesForm) };
  }
  const question = prompt === '-' ? await readStandardInput() : (prompt ?? '');
  const files = await Promise.all(paths.map(attachment));
  const texts = files.filter((one) => typeof one === 'string');
  const media = files.filter((one) => typeof one !== 'string');
  const text = [...texts, question].join('\n\n');
  return media.length === 0
    ? { prompt: text }
    : { messages: [{ role: 'user', content: [...media, { type: 'text', text }] }] };
}

/** An image or document as a block, anything else as text. */
async function attachment(path: string): Promise<string | ContentBlock> {
  const bytes = await readBytes(path);
  const data = bytes.toString('base64');
  const picture = imageFacts(data);
  if (picture) return { type: 'image', source: { type: 'base64', media_type: picture.type, data } };
  const type = documentType(path, bytes);
  if (type)
    return { type: 'document', title: basename(path), source: { type: 'base64', media_type: type, data } };
  const content = textIn(bytes, path);
  const fence = '`'.repeat(Math.max(3, ...[...content.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return `${basename(path)}:\n${fence}\n${content}\n${fence}`;
}

/** The document type of a binary file; null for text, which is sent as text. */
function documentType(path: string, bytes: Buffer): DocumentType | null {
  if (bytes.toString('latin1', 0, 5) === '%PDF-') return 'application/pdf';
  const format = extname(path).slice(1).toLowerCase();
  if (!['doc', 'docx', 'xls', 'xlsx'].includes(format)) return null;
  const types = Object.keys(documentFormats) as DocumentType[];
  return types.find((type) => documentFormats[type] === format) ?? null;
}

async function toolsFrom({
  tools,
  toolChoice,
}: RequestOptions): Promise<Pick<LlmRequest, 'tools' | 'toolChoice'>> {
  return {
    ...(tools !== undefined && { tools: await jsonFile(tools, toolsForm) }),
    ...(toolChoice !== undefined && { toolChoice: choiceOf(toolChoice) }),
  };
}

function choiceOf(text: string): ToolChoice {
  return text === 'auto' || text === 'any' || text === 'none' ? { type: text } : { type: 'tool', name: text };
}

function reasoningOf(text: string): Reasoning {
  const effort = reasoningEfforts.find((one) => one === text);
  if (effort) return { effort };
  if (/^[1-9]\d{0,8}$/.test(text)) return { budget_tokens: Number(text) };
  throw new GatewayError(
    'invalid_request',
    `--reasoning must be ${reasoningEfforts.join(', ')} or a number of tokens, not "${text}".`,
  );
}

function guardrailOf(text: string): { id: string; version: string } {
  const [, id, version] = /^(.+):(\d{1,8}|DRAFT)$/.exec(text) ?? [];
  if (id !== undefined && version !== undefined) return { id, version };
  throw new GatewayError('invalid_request', `--guardrail must be ID:VERSION, not "${text}".`);
}

function fallbackOf(text: string): false {
  if (text === 'none') return false;
  throw new GatewayError('invalid_request', `--fallback must be none, not "${text}".`, {
    hint: 'Fallback models are named in ai.fallback_models.',
  });
}

/** `none` leaves the temperature to the model. */
function temperatureOf(text: string): number | null {
  return text === 'none' ? null : numberOf(text, '--temperature', /^\d*\.?\d+$/);
}

function numberOf(text: string, option: string, form: RegExp): number {
  if (form.test(text)) return Number(text);
  throw new GatewayError('invalid_request', `${option} must be a number, not "${text}".`);
}

/** The content of a JSON file. Throws `invalid_request` with the place of the fault. */
async function jsonFile<T>(path: string, form: z.ZodType<T>): Promise<T> {
  const text = await readTextFile(path);
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw wrongFile(path, `is not JSON: ${messageOf(error)}`);
  }
  const { data, error } = form.safeParse(value, { error: schemaWords });
  if (data !== undefined) return data;
  const { path: place, message } = error ? faultIn(error) : { path: [], message: 'can’t be read' };
  throw wrongFile(path, place.length === 0 ? message : `can’t be used: ${place.join('.')} ${message}`);
}

function wrongFile(path: string, fault: string): GatewayError {
  return new GatewayError('invalid_request', `The file ${path} ${fault}.`, {
    hint: 'Nothing was sent. See docs/messages.md for the format, with examples.',
  });
}
