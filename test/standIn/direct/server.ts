import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

/** A call as it arrived. */
export interface SeenRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

/** An event of a stream; one without a name has only data. */
export interface SentEvent {
  event?: string;
  data: string;
}

/** How a call is answered. */
export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  /** The whole answer, as JSON or as it is. */
  body?: object | string;
  /** The answer piece by piece. */
  events?: SentEvent[];
  /** What becomes of the connection after the events. */
  then?: 'end' | 'stay open' | 'break';
}

/** How a stream is put on the wire. */
export interface Transport {
  lineEnd: '\n' | '\r\n' | '\r' | 'mixed';
  /** Bytes of each piece; zero sends all at once. */
  pieceBytes: number;
  gzip: boolean;
  /** Comments between the events, as servers send to keep a connection alive. */
  comments: boolean;
  /** Whether the last event has the blank line that ends it. */
  lastBlankLine: boolean;
}

const plain: Transport = { lineEnd: '\n', pieceBytes: 0, gzip: false, comments: false, lastBlankLine: true };

export interface DirectStandIn {
  url: string;
  calls: SeenRequest[];
  transport: Transport;
  /** Headers of every answer. */
  headers: Record<string, string>;
  /** What a call is answered with, in place of what its prompt asks for; null for that. */
  override: Reply | null | ((call: SeenRequest) => Reply | null);
  /** How many connections are open. */
  readonly open: number;
  /** How many connections there were. */
  readonly connections: number;
  /** Closes the connections that wait for a request, as a server does after a while. */
  closeIdle: () => void;
  close: () => Promise<void>;
}

/** A service over HTTP: null breaks the connection without a word, `hang` says nothing for ever. */
export async function startDirectStandIn(
  answer: (call: SeenRequest) => Reply | null | 'hang',
): Promise<DirectStandIn> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((request, response) => {
    void (async () => {
      const body = request.method === 'POST' ? ((await json(request)) as SeenRequest['body']) : {};
      const call = { path: request.url ?? '', headers: request.headers, body };
      if (request.method === 'POST') standIn.calls.push(call);
      const { override } = standIn;
      const reply = (typeof override === 'function' ? override(call) : override) ?? answer(call);
      if (reply === null) request.socket.resetAndDestroy();
      else if (reply !== 'hang') await send(response, reply, standIn);
    })().catch(() => request.socket.destroy());
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const standIn: DirectStandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    transport: plain,
    headers: {},
    override: null,
    get open() {
      return sockets.size;
    },
    get connections() {
      return connections;
    },
    closeIdle: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return standIn;
}

async function send(response: ServerResponse, reply: Reply, standIn: DirectStandIn): Promise<void> {
  const { status = 200, headers = {}, body, events } = reply;
  if (!events) {
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
    const type = typeof body === 'string' ? 'text/html' : 'application/json';
    response.writeHead(status, { 'content-type': type, ...standIn.headers, ...headers }).end(text);
    return;
  }
  const { gzip, pieceBytes } = standIn.transport;
  const bytes = bytesOf(events, standIn.transport);
  response.writeHead(status, {
    'content-type': 'text/event-stream; charset=utf-8',
    ...(gzip && { 'content-encoding': 'gzip' }),
    ...standIn.headers,
    ...headers,
  });
  const sent = gzip ? gzipSync(bytes) : bytes;
  const size = pieceBytes || sent.length || 1;
  for (let from = 0; from < sent.length; from += size) {
    response.write(sent.subarray(from, from + size));
    // Pieces that are written in one turn arrive as one.
    if (pieceBytes > 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (reply.then === 'stay open') return;
  if (reply.then === 'break') {
    // What was written has left by then.
    await delay(10);
    response.socket?.resetAndDestroy();
    return;
  }
  response.end();
}

function bytesOf(events: readonly SentEvent[], { lineEnd, comments, lastBlankLine }: Transport): Buffer {
  // Never a line feed after a carriage return: the two would be one end.
  const ends = ['\r\n', '\r', '\r\n', '\n'];
  let line = 0;
  const end = (): string => (lineEnd === 'mixed' ? (ends[(line += 1) % ends.length] ?? '\n') : lineEnd);
  const text = events.map(({ event, data }, index) => {
    const blank = lastBlankLine || index < events.length - 1;
    return [
      comments ? `: keep alive${end()}${end()}` : '',
      event === undefined ? '' : `event: ${event}${end()}`,
      `data: ${data}${end()}`,
      blank ? end() : '',
    ].join('');
  });
  return Buffer.from(text.join(''));
}

export interface Directive {
  name: string;
  value: string;
}

/** What the last `@stand-in:NAME=VALUE` of a prompt asks for. */
export function directiveIn(prompt: string): Directive {
  const match = /@stand-in:([a-z-]+)(?:=(.*))?/s.exec(prompt);
  return { name: match?.[1] ?? '', value: match?.[2] ?? '' };
}

/** A directive's value such as `429 rate_limit_error Too many`. */
export function failureIn(value: string): { status: number; type: string; message: string } {
  const [, status, type, message] = /^(\d+) (\S+) (.*)$/s.exec(value) ?? [];
  return { status: Number(status), type: type ?? '', message: message ?? '' };
}

/** The events of an answer as a directive has them cut; null if it says nothing of that. */
export function cutBy({ name }: Directive, events: readonly SentEvent[], failure: SentEvent): Reply | null {
  const half = events.slice(0, Math.ceil(events.length / 2));
  switch (name) {
    case 'stall':
      return { events: half, then: 'stay open' };
    case 'cut':
      return { events: half, then: 'break' };
    case 'early-end':
      return { events: half };
    case 'open-end':
      return { events: [...events], then: 'stay open' };
    case 'break':
      return { events: [...half, failure] };
    case 'fail':
      return { events: [failure] };
    default:
      return null;
  }
}

/** As a model would send it: not at ends of characters or words. */
export function piecesOf(text: string): string[] {
  return text.match(/[\s\S]{1,7}/g) ?? [];
}
