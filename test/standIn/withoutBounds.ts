import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

type Frame = (type: string, payload: object) => Buffer;

const stream = { 'content-type': 'application/vnd.amazon.eventstream' };
const json = { 'content-type': 'application/json' };
const mebibyte = 1024 * 1024;

/** Answers that never end, or claim to be larger than any: what a server may send that means harm. */
const kinds: Readonly<Record<string, (response: ServerResponse, frame: Frame) => Promise<void>>> = {
  text: (response, frame) => {
    response.writeHead(200, stream).write(frame('messageStart', { role: 'assistant' }));
    const delta = { contentBlockIndex: 0, delta: { text: 'word '.repeat(10_000) } };
    return flood(response, frame('contentBlockDelta', delta));
  },
  whole: (response) => {
    response.writeHead(200, json).write('{"output":{"message":{"role":"assistant","content":[{"text":"');
    return flood(response, Buffer.alloc(mebibyte, 'a'));
  },
  error: (response) => {
    response.writeHead(500, { ...json, 'x-amzn-errortype': 'InternalServerException' });
    response.write('{"message":"');
    return flood(response, Buffer.alloc(mebibyte, 'a'));
  },
  refusal: (response) => {
    response.writeHead(400, { ...json, 'x-amzn-errortype': 'ValidationException' }).write('{"message":"');
    return flood(response, Buffer.alloc(mebibyte, 'a'));
  },
  // The first four bytes of an event are its length.
  'declared-event': (response) => {
    response.writeHead(200, stream).write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
    return flood(response, Buffer.alloc(mebibyte, 'a'));
  },
  'unknown-events': (response, frame) => {
    response.writeHead(200, stream).write(frame('messageStart', { role: 'assistant' }));
    return flood(response, frame('somethingNew', { p: 'a'.repeat(10_000) }));
  },
  header: async (response) => {
    const { socket } = response;
    socket?.write('HTTP/1.1 200 OK\r\nx-endless: ');
    while (socket && !socket.destroyed) {
      if (!socket.write(Buffer.alloc(mebibyte, 'a')))
        await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    }
  },
  'drip-reasoning': (response, frame) => {
    const delta = { contentBlockIndex: 0, delta: { reasoningContent: { text: 'x' } } };
    return drip(response, frame('contentBlockDelta', delta));
  },
  'drip-empty': (response, frame) =>
    drip(response, frame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: '' } })),
  'drip-unknown': (response, frame) => drip(response, frame('somethingNew', {})),
  'drip-headers': async ({ socket }) => {
    socket?.write('HTTP/1.1 200 OK\r\n');
    for (let count = 0; socket && !socket.destroyed; count += 1) {
      socket.write(`x-${count}: a\r\n`);
      await delay(dripMs);
    }
  },
};

const dripMs = 20;

/** Does harm of the kind that is named until the caller goes. */
export async function answerWithoutBounds(
  kind: string,
  response: ServerResponse,
  frame: Frame,
): Promise<void> {
  const answer = kinds[kind];
  if (!answer) throw new Error(`There is no hostile answer "${kind}".`);
  await answer(response, frame);
}

async function flood(response: ServerResponse, piece: Buffer): Promise<void> {
  const gone = once(response, 'close');
  while (!response.destroyed) {
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), gone]);
  }
}

async function drip(response: ServerResponse, piece: Buffer): Promise<void> {
  response.writeHead(200, stream).write(piece);
  while (!response.destroyed) {
    response.write(piece);
    await delay(dripMs);
  }
}
