import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** More came than was allowed. */
export class OverlongStream extends Error {}

/**
 * The messages of a stream of server-sent events, however its bytes are cut and its lines end. Comments are passed over.
 * A last message without the blank line that ends it is read too. Throws `OverlongStream` beyond `mostCharacters`, and
 * what the body throws.
 */
export async function* serverSentEvents(
  body: AsyncIterable<Uint8Array>,
  mostCharacters: number,
): AsyncGenerator<EventSourceMessage> {
  let messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => void messages.push(message) });
  const decoder = new TextDecoder();
  let received = 0;
  for await (const chunk of body) {
    const text = decoder.decode(chunk, { stream: true });
    received += text.length;
    // What is unpacked may be far more than what came over the wire.
    if (received > mostCharacters) throw new OverlongStream();
    parser.feed(text);
    const whole = messages;
    messages = [];
    for (const message of whole) yield message;
  }
  // The first line end may belong to the one before it.
  parser.feed(`${decoder.decode()}\n\n\n`);
  for (const message of messages) yield message;
}
