import type { ModelCall } from '../ports.ts';

/** Roles, separators and other framing that a provider adds around each message. */
const framingPerMessage = 16;
const framingPerCall = 64;

/**
 * An upper bound of the tokens in a text. Byte-level tokenizers, which every model family here uses,
 * never make more tokens than there are UTF-8 bytes.
 */
export function textTokenBound(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** An upper bound of the input tokens of a call. */
export function inputTokenBound(call: Pick<ModelCall, 'system' | 'messages'>): number {
  const messages = call.messages.reduce(
    (sum, { content }) => sum + textTokenBound(content) + framingPerMessage,
    0,
  );
  return framingPerCall + textTokenBound(call.system ?? '') + messages;
}
