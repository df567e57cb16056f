import { createServer as createHttp1Server, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createSocketServer, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { EventStreamCodec } from '@smithy/core/event-streams';
import { fromUtf8, toUtf8 } from '@smithy/core/serde';
import { eventsOf, stopReasonOf, toolLoop } from './converse/answers.ts';
import { countTokens } from './converse/count.ts';
import { refusalOf } from './converse/refusal.ts';
import type { ConverseRequest, WireBlock } from './converse/request.ts';
import { replyToEmbedding, textsIn, type EmbeddingBody, type EmbeddingReply } from './embeddings.ts';
import { answerWithoutBounds } from './withoutBounds.ts';

/** A call as it arrived. */
export interface SeenCall {
  operation: 'converse' | 'converse-stream' | 'invoke';
  modelId: string;
  httpVersion: string;
  authorization: string;
  /** Of the signature; empty for a bearer key. */
  accessKeyId: string;
  /** `requestMetadata` of the request. */
  metadata: Record<string, string>;
  body: ConverseRequest;
  /** The body of InvokeModel, which has another form. */
  invoked?: EmbeddingBody;
}

interface Usage {
  inputTokens?: number;
  outputTokens?: number;
  totalTokens?: number;
}

export interface BedrockStandIn {
  url: string;
  calls: SeenCall[];
  /** What the control plane has: profiles by id, and ARNs of models by the ARN of a profile; null where it refuses. */
  profiles: { listed: string[]; models: Record<string, string[]> } | null;
  /** Paths that the control plane was asked for. */
  asked: string[];
  /** Calls that a refused key made. */
  refused: number;
  /** How far its clock is ahead of this computer's, in milliseconds. */
  clockAheadMs: number;
  /** From now on this access key counts as expired. */
  refuseKey: (accessKeyId: string) => void;
  /** Opens the gate of calls whose prompt says `@stand-in:gate`, until it is closed. */
  openGate: () => void;
  closeGate: () => void;
  /** What calls without a directive get: the call, its place in `calls`, and how many are under way with it. */
  behave: ((call: SeenCall, index: number, underWay: number) => Behaviour) | null;
  /** So many calls are answered at the same time; others wait for their turn. */
  atOnce: number;
  /** Headers of every answer. */
  readonly headers: Record<string, string>;
  close: () => Promise<void>;
}

/** How the stand-in treats a call; waits in milliseconds. */
export interface Behaviour {
  /** Error that it answers with, named as in a directive. */
  refusal?: keyof typeof refusals;
  /** What a ValidationException says. */
  invalid?: string;
  /** What it answers, and why it stops. */
  blocks?: WireBlock[];
  stopReason?: string;
  /** Before the first piece of the answer. */
  firstTokenDelayMs?: number;
  /** From the first half of the answer to the rest. */
  delayMs?: number;
}

/** Errors that Bedrock answers with before a stream: directive, status, exception. */
const refusals = {
  throttled: [429, 'ThrottlingException', 'Too many requests, please wait before trying again.'],
  'not-ready': [429, 'ModelNotReadyException', 'The model is not ready.'],
  validation: [400, 'ValidationException', 'Malformed input request.'],
  'on-demand': [400, 'ValidationException', 'Invocation with on-demand throughput isn’t supported.'],
  quota: [400, 'ServiceQuotaExceededException', 'Quota exceeded.'],
  denied: [403, 'AccessDeniedException', 'You don’t have access to the model with the specified model ID.'],
  expired: [403, 'ExpiredTokenException', 'The security token included in the request is expired'],
  'not-found': [404, 'ResourceNotFoundException', 'This model version has reached the end of its life.'],
  timeout: [408, 'ModelTimeoutException', 'Model has timed out in processing the request.'],
  'model-error': [424, 'ModelErrorException', 'The model failed.'],
  internal: [500, 'InternalServerException', 'Internal error.'],
  unavailable: [503, 'ServiceUnavailableException', 'Service unavailable.'],
} satisfies Record<string, [status: number, exception: string, message: string]>;

const codec = new EventStreamCodec(toUtf8, fromUtf8);

function eventFrame(type: string, payload: object): Buffer {
  return frame({ ':message-type': 'event', ':event-type': type }, payload);
}

function exceptionFrame(type: string, message: string): Buffer {
  return frame({ ':message-type': 'exception', ':exception-type': type }, { message });
}

function frame(headers: Record<string, string>, payload: object): Buffer {
  const all = { ...headers, ':content-type': 'application/json' };
  return Buffer.from(
    codec.encode({
      headers: Object.fromEntries(
        Object.entries(all).map(([name, value]) => [name, { type: 'string' as const, value }]),
      ),
      body: fromUtf8(JSON.stringify(payload)),
    }),
  );
}

/**
 * Speaks Bedrock's Converse and ConverseStream, and InvokeModel for embeddings, over HTTP/1.1 and cleartext HTTP/2 on
 * one port, to the real AWS SDK. What it does is chosen by a directive in the prompt: `@stand-in:NAME` or `NAME=VALUE`,
 * where NAME is a refusal above, or one of: slow, stall, cut, early-end, no-metadata, exception, gate,
 * reasoning, open-end, hang, html, proxy-failure, reset, usage={…JSON…}, text=…, halves=…, served=TIER; stop=REASON, or
 * stop=REASON/silent without a word; blocks=[…JSON…], content blocks of Converse; use-tool, a tool loop; lie={…JSON…}, a usage that doesn't fit the answer; twice={…JSON…}, a second one;
 * refuse=STATUS EXCEPTION MESSAGE, break=EXCEPTION MESSAGE in the middle, fail=EXCEPTION MESSAGE as the first event; hostile=KIND, an answer without bounds;
 * of embeddings also uncounted, header=TOKENS and fewer-vectors.
 */
export async function startBedrockStandIn(port = 0): Promise<BedrockStandIn> {
  const seen: Seen = {
    ...{ calls: [], refused: 0, clockAheadMs: 0, expiredKeys: new Set(['EXPIRED']) },
    ...{ behave: null, underWay: 0, served: new Turns(), profiles: null, asked: [], headers: {} },
  };
  const sockets = new Set<Socket>();
  let gate = Promise.withResolvers<undefined>();
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response, seen, gate.promise).catch(() => {
      request.socket.destroy();
    });
  };
  const http1 = createHttp1Server(handle);
  const http2 = createHttp2Server((request, response) => {
    // HTTP/2's compatibility objects have the same members, but no common type.
    handle(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  });
  const server = createSocketServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.setNoDelay(true);
    socket.once('data', (first) => {
      socket.pause();
      socket.unshift(first);
      // A bare socket's HTTP/2 session reads from the kernel and would miss the bytes that were put back.
      if (first.toString('latin1').startsWith('PRI '))
        http2.emit('connection', Duplex.from({ readable: socket, writable: socket }));
      else http1.emit('connection', socket);
      socket.resume();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    asked: seen.asked,
    headers: seen.headers,
    get profiles() {
      return seen.profiles;
    },
    set profiles(profiles) {
      seen.profiles = profiles;
    },
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: seen.calls,
    get refused() {
      return seen.refused;
    },
    get clockAheadMs() {
      return seen.clockAheadMs;
    },
    set clockAheadMs(ms) {
      seen.clockAheadMs = ms;
    },
    refuseKey: (accessKeyId) => seen.expiredKeys.add(accessKeyId),
    openGate: () => gate.resolve(undefined),
    closeGate: () => {
      gate = Promise.withResolvers();
    },
    get behave() {
      return seen.behave;
    },
    set behave(behave) {
      seen.behave = behave;
    },
    get atOnce() {
      return seen.served.most;
    },
    set atOnce(most) {
      seen.served.most = most;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Seen {
  calls: SeenCall[];
  refused: number;
  clockAheadMs: number;
  expiredKeys: Set<string>;
  behave: BedrockStandIn['behave'];
  underWay: number;
  served: Turns;
  profiles: BedrockStandIn['profiles'];
  asked: string[];
  headers: Record<string, string>;
}

/** Lets so many pass at the same time, first come first. */
class Turns {
  most = Infinity;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  async take(): Promise<void> {
    if (this.#taken >= this.most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#taken += 1;
  }

  /** Hands the turn to whoever waits longest. */
  giveBack(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#taken -= 1;
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  seen: Seen,
  gate: Promise<unknown>,
): Promise<void> {
  const now = Date.now() + seen.clockAheadMs;
  response.setHeader('date', new Date(now).toUTCString());
  for (const [name, value] of Object.entries(seen.headers)) response.setHeader(name, value);
  if (request.url?.startsWith('/inference-profiles')) {
    controlPlane(request.url, response, seen);
    return;
  }
  const match = /^\/model\/([^/]+)\/(converse|converse-stream|invoke)$/.exec(request.url ?? '');
  if (!match || request.method !== 'POST') {
    response.writeHead(404).end();
    return;
  }
  const given = JSON.parse(await bodyOf(request)) as object;
  const authorization = request.headers.authorization ?? '';
  const [, accessKeyId = ''] = /^AWS4-HMAC-SHA256 Credential=([^/]+)/.exec(authorization) ?? [];
  if (accessKeyId === '' && !authorization.startsWith('Bearer ')) {
    refuse(response, refusals.denied);
    return;
  }
  const wrongTime = faultOfTime(String(request.headers['x-amz-date'] ?? ''), now);
  if (wrongTime !== null) {
    seen.refused += 1;
    refuse(response, [403, 'InvalidSignatureException', wrongTime]);
    return;
  }
  if (seen.expiredKeys.has(accessKeyId)) {
    seen.refused += 1;
    refuse(response, refusals.expired);
    return;
  }
  const operation = match[2] as SeenCall['operation'];
  const invoked: EmbeddingBody | null = operation === 'invoke' ? given : null;
  const body: ConverseRequest = invoked ? {} : given;
  const call: SeenCall = {
    operation,
    authorization,
    accessKeyId,
    modelId: decodeURIComponent(match[1] ?? ''),
    httpVersion: request.httpVersion,
    metadata: body.requestMetadata ?? {},
    body,
    ...(invoked && { invoked }),
  };
  seen.calls.push(call);
  seen.underWay += 1;
  response.once('close', () => (seen.underWay -= 1));
  const embedded = invoked && replyToEmbedding(call.modelId, invoked);
  const prompt = invoked ? textsIn(invoked).join('\n') : promptOf(body);
  const refusal = embedded ? refusalIn(embedded) : refusalOf(call.modelId, body);
  if (refusal !== null) {
    refuse(response, [400, 'ValidationException', refusal]);
    return;
  }
  const directive = directiveIn(prompt);
  if (isRefusal(directive.name)) {
    refuse(response, refusals[directive.name]);
    return;
  }
  const [, status, exception, message] = /^(\d+) (\S+) (.*)$/s.exec(directive.value) ?? [];
  if (directive.name === 'refuse') {
    refuse(response, [Number(status), exception ?? '', message ?? '']);
    return;
  }
  const behaviour = directive.name === '' ? seen.behave?.(call, seen.calls.length - 1, seen.underWay) : {};
  if (behaviour?.refusal) {
    refuse(response, refusals[behaviour.refusal]);
    return;
  }
  if (behaviour?.invalid !== undefined) {
    refuse(response, [400, 'ValidationException', behaviour.invalid]);
    return;
  }
  const turn = seen.served.take();
  response.once('close', () => void turn.then(() => seen.served.giveBack()));
  await turn;
  if (directive.name === 'reset') {
    request.socket.destroy();
    return;
  }
  if (directive.name === 'hang') return;
  if (directive.name === 'hostile') {
    await answerWithoutBounds(directive.value, response, eventFrame);
    return;
  }
  if (directive.name === 'html') {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>SECRET page of a proxy</html>');
    return;
  }
  if (directive.name === 'proxy-failure') {
    response.writeHead(504).end('gateway time-out');
    return;
  }
  if (embedded && 'reply' in embedded) {
    answerEmbedding(response, directive, embedded);
    return;
  }
  const { words, blocks, ...report } = replyTo(directive, call, prompt, behaviour ?? {});
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  // Whoever has gone is not waited for.
  const wait = (ms: number): Promise<unknown> =>
    delay(ms, undefined, { signal: closed.signal }).catch(() => undefined);
  if (behaviour?.firstTokenDelayMs) await wait(behaviour.firstTokenDelayMs);
  if (closed.signal.aborted) return;
  if (operation === 'converse') {
    const content = blocks ?? [{ text: words.join('') }];
    const output = { message: { role: 'assistant', content } };
    const { stopReason, usage, serviceTier } = report;
    const reply = { output, stopReason, usage, serviceTier, metrics: { latencyMs: 1 } };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
    return;
  }
  if (blocks) {
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
    response.end(Buffer.concat(framesOf(blocks, report)));
    return;
  }
  const mode = behaviour?.delayMs ? { name: 'pause', value: '' } : directive;
  const pause = (): Promise<unknown> => wait(behaviour?.delayMs ?? 0);
  await stream(response, request, mode, words, report, { gate, pause });
}

function refusalIn(reply: EmbeddingReply): string | null {
  return 'refusal' in reply ? reply.refusal : null;
}

/** Tokens are counted in a header, and by some models in the body too. */
function answerEmbedding(
  response: ServerResponse,
  { name, value }: Directive,
  { reply, tokens }: Extract<EmbeddingReply, { tokens: number }>,
): void {
  const { inputTextTokenCount, ...uncounted } = reply;
  const counted = name === 'header' ? value : String(tokens);
  const headers = {
    'content-type': 'application/json',
    ...(name !== 'uncounted' && { 'x-amzn-bedrock-input-token-count': counted }),
  };
  const inBody = name === 'uncounted' ? uncounted : reply;
  const answered = name === 'fewer-vectors' ? { embeddings: [], inputTextTokenCount } : inBody;
  response.writeHead(200, headers).end(JSON.stringify(answered));
}

interface Reply {
  words: string[];
  /** What it answers in place of words, as Converse has it. */
  blocks: WireBlock[] | null;
  usage: object;
  /** A usage that it reports after the first. */
  second: object | null;
  stopReason: string;
  serviceTier: object;
}

/** What a call is answered with. */
function replyTo(
  { name, value }: Directive,
  { body, modelId }: SeenCall,
  prompt: string,
  behaviour: Behaviour,
): Reply {
  const blocks = behaviour.blocks ?? blocksFor(name, value, body);
  const text = ['text', 'halves'].includes(name) ? value : answerText(prompt);
  // Models send what is beyond U+FFFF in two halves now and then.
  const pieces = name === 'halves' ? /[\s\S]/g : /\s*\S+/g;
  const said = (text.match(pieces) ?? []).slice(0, body.inferenceConfig?.maxTokens);
  const reported = ['usage', 'lie'].includes(name) ? (JSON.parse(value) as Usage) : null;
  const [stopReason = '', silent] =
    name === 'stop'
      ? value.split('/')
      : [behaviour.stopReason ?? (blocks ? stopReasonOf(blocks) : 'end_turn')];
  return {
    blocks,
    // Who reports no output has said nothing.
    words: silent || (name === 'usage' && reported?.outputTokens === 0) ? [] : said,
    usage: reported
      ? name === 'usage'
        ? withTotal(reported)
        : reported
      : usageFor(modelId, body, blocks ? richTokens(blocks) : said.length),
    second: name === 'twice' ? (JSON.parse(value) as Usage) : null,
    stopReason,
    // Like Bedrock, it says how it served the call.
    serviceTier: name === 'served' ? { type: value } : (body.serviceTier ?? { type: 'default' }),
  };
}

/** Bedrock gives the sum of all. */
function withTotal(usage: Usage): Usage {
  return { ...usage, totalTokens: usage.totalTokens || (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0) };
}

/** ListInferenceProfiles and GetInferenceProfile. */
function controlPlane(url: string, response: ServerResponse, { profiles, asked }: Seen): void {
  const path = url.split('?')[0] ?? '';
  asked.push(path);
  if (!profiles) {
    refuse(response, refusals.denied);
    return;
  }
  const identifier = decodeURIComponent(path.slice('/inference-profiles/'.length));
  const models = profiles.models[identifier];
  const answer =
    path === '/inference-profiles'
      ? { inferenceProfileSummaries: profiles.listed.map((id) => summaryOf(id, [])) }
      : models && summaryOf(identifier, models);
  if (answer) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  else refuse(response, refusals['not-found']);
}

function summaryOf(id: string, models: readonly string[]): object {
  return {
    ...{ inferenceProfileName: id, inferenceProfileId: id, inferenceProfileArn: id },
    ...{ status: 'ACTIVE', type: 'SYSTEM_DEFINED', models: models.map((modelArn) => ({ modelArn })) },
  };
}

async function stream(
  response: ServerResponse,
  request: IncomingMessage,
  { name: mode, value }: Directive,
  words: string[],
  report: Omit<Reply, 'words' | 'blocks'>,
  until: { gate: Promise<unknown>; pause: () => Promise<unknown> },
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
  const start = eventFrame('messageStart', { role: 'assistant' });
  const deltas = words.map((text) =>
    eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text } }),
  );
  const end = [
    eventFrame('contentBlockStop', { contentBlockIndex: 0 }),
    eventFrame('messageStop', { stopReason: report.stopReason }),
    ...[report.usage, report.second].flatMap((usage) =>
      usage === null ? [] : [eventFrame('metadata', { usage, serviceTier: report.serviceTier })],
    ),
  ];
  const half = Buffer.concat([start, ...deltas.slice(0, Math.ceil(deltas.length / 2))]);
  switch (mode) {
    case 'slow':
      response.write(start);
      for (const delta of deltas) {
        if (response.destroyed) return;
        response.write(delta);
        await delay(25);
      }
      response.end(Buffer.concat(end));
      return;
    case 'gate':
    case 'pause':
      response.write(half);
      await (mode === 'gate' ? until.gate : until.pause());
      response.end(Buffer.concat([...deltas.slice(Math.ceil(deltas.length / 2)), ...end]));
      return;
    case 'stall':
      response.write(half);
      return;
    case 'cut':
      response.write(half, () => {
        setImmediate(() => request.socket.destroy());
      });
      return;
    case 'early-end':
      response.end(half);
      return;
    case 'no-metadata':
      response.end(Buffer.concat([start, ...deltas, ...end.slice(0, 2)]));
      return;
    case 'reasoning':
      response.write(Buffer.concat([start, ...Array.from({ length: 40 }, () => reasoning)]));
      return;
    case 'open-end':
      response.write(Buffer.concat([start, ...deltas, ...end]));
      return;
    case 'fail':
    case 'break': {
      const [exception = '', ...words] = value.split(' ');
      const failure = exceptionFrame(exception, words.join(' '));
      response.end(mode === 'fail' ? failure : Buffer.concat([half, failure]));
      return;
    }
    case 'exception':
      response.end(Buffer.concat([half, exceptionFrame('throttlingException', 'Too many tokens')]));
      return;
    default:
      // One write: two small ones and delayed acknowledgements would cost 40 ms.
      response.end(Buffer.concat([start, ...deltas, ...end]));
  }
}

/** What AWS says of a signature whose time is more than five minutes off; null for one that is in time. */
export function faultOfTime(amzDate: string, now: number): string | null {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(amzDate) ?? [];
  if (year === undefined) return null;
  const signedAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const limit = 5 * 60_000;
  const stamp = (time: number): string => new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
  if (signedAt < now - limit)
    return `Signature expired: ${amzDate} is now earlier than ${stamp(now - limit)} (${stamp(now)} - 5 min.)`;
  if (signedAt > now + limit)
    return `Signature not yet current: ${amzDate} is still later than ${stamp(now + limit)} (${stamp(now)} + 5 min.)`;
  return null;
}

const reasoning = eventFrame('contentBlockDelta', {
  contentBlockIndex: 0,
  delta: { reasoningContent: { text: 'thinking about it, but not aloud ' } },
});

interface Directive {
  name: string;
  value: string;
}

function directiveIn(prompt: string): Directive {
  const match = /@stand-in:([a-z-]+)(?:=(.*))?/s.exec(prompt);
  return { name: match?.[1] ?? '', value: match?.[2] ?? '' };
}

function answerText(prompt: string): string {
  return `This answer comes from a stand-in for Amazon Bedrock, not from a model. It was asked ${prompt.length} characters, counted the words it says, and reports them as the tokens it used.\n\n\`\`\`typescript\nexport const standIn = true;\n\`\`\``;
}

/** Of text alone a fourth of its characters; of what is more, as providers count. */
function usageFor(modelId: string, body: ConverseRequest, outputTokens: number): object {
  const blocks = [...(body.system ?? []), ...(body.messages ?? []).flatMap(({ content }) => content ?? [])];
  const plain = !body.toolConfig && blocks.every((block) => block.text !== undefined);
  const characters = blocks.reduce((sum, { text }) => sum + (text ?? '').length, 0);
  const inputTokens = plain ? Math.ceil(characters / 4) : countTokens(modelId, body);
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

function richTokens(blocks: readonly WireBlock[]): number {
  return Math.ceil(JSON.stringify(blocks).length / 4);
}

/** What is asked: the last text of the last turn of the user that has one. */
function promptOf({ messages = [] }: ConverseRequest): string {
  const asked = messages.filter(({ role }) => role === 'user');
  const texts = asked.map(({ content = [] }) => content.flatMap(({ text }) => text ?? []));
  return texts.findLast((one) => one.length > 0)?.at(-1) ?? '';
}

function blocksFor(name: string, value: string, body: ConverseRequest): WireBlock[] | null {
  if (name === 'use-tool') return toolLoop(body);
  return name === 'blocks' ? (JSON.parse(value) as WireBlock[]) : null;
}

function framesOf(
  blocks: readonly WireBlock[],
  { usage, stopReason, serviceTier }: Omit<Reply, 'words' | 'blocks'>,
): Buffer[] {
  return [
    eventFrame('messageStart', { role: 'assistant' }),
    ...blocks
      .flatMap((block, index) => eventsOf(block, index))
      .map(([type, payload]) => eventFrame(type, payload)),
    eventFrame('messageStop', { stopReason }),
    eventFrame('metadata', { usage, serviceTier }),
  ];
}

function isRefusal(name: string): name is keyof typeof refusals {
  return Object.hasOwn(refusals, name);
}

function refuse(response: ServerResponse, [status, exception, message]: [number, string, string]): void {
  const headers = { 'content-type': 'application/json', 'x-amzn-errortype': exception };
  response.writeHead(status, headers).end(JSON.stringify({ message }));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
