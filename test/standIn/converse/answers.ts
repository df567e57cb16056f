import { createHmac } from 'node:crypto';
import type { ConverseRequest, WireBlock } from './request.ts';

/** The proof that a reasoning is the one that was given. */
export function signatureOf(text: string): string {
  return createHmac('sha256', 'stand-in').update(text).digest('base64');
}

export function isSignatureOf(signature: string, text: string): boolean {
  return signature === signatureOf(text);
}

/** The answer to a request that says `@stand-in:use-tool`: it thinks, asks for the first tool, and then tells the result. */
export function toolLoop({ messages = [], toolConfig }: ConverseRequest): WireBlock[] {
  const text = 'The user wants it looked up.';
  const results = (messages.at(-1)?.content ?? []).flatMap(({ toolResult }) => toolResult ?? []);
  const thought: WireBlock = { reasoningContent: { reasoningText: { text, signature: signatureOf(text) } } };
  if (results.length > 0) {
    const said = results.flatMap(({ content = [] }) =>
      content.map(
        (part) => part.text ?? (part.json === undefined ? '(a picture)' : JSON.stringify(part.json)),
      ),
    );
    return [thought, { text: `The tool said: ${said.join(' ')}` }];
  }
  const name = toolConfig?.tools?.[0]?.toolSpec?.name ?? 'none';
  return [
    thought,
    { text: 'Let me look.' },
    { toolUse: { toolUseId: 'tooluse_stand-in', name, input: { path: 'a b.txt' } } },
  ];
}

export function stopReasonOf(blocks: readonly WireBlock[]): string {
  return blocks.some(({ toolUse }) => toolUse) ? 'tool_use' : 'end_turn';
}

type Event = [type: string, payload: object];

/** A block as a stream has it: what starts and ends it, and its deltas in pieces. */
export function eventsOf(block: WireBlock, contentBlockIndex: number): Event[] {
  const delta = (one: object): Event => ['contentBlockDelta', { contentBlockIndex, delta: one }];
  const stop: Event = ['contentBlockStop', { contentBlockIndex }];
  if (block.toolUse) {
    const { toolUseId, name, input = {} } = block.toolUse;
    const start: Event = [
      'contentBlockStart',
      { contentBlockIndex, start: { toolUse: { toolUseId, name } } },
    ];
    // A tool without arguments gets no characters at all.
    const json = Object.keys(input as object).length === 0 ? '' : JSON.stringify(input);
    return [start, ...['', ...piecesOf(json)].map((piece) => delta({ toolUse: { input: piece } })), stop];
  }
  if (block.citationsContent) {
    const { citations = [], content = [] } = block.citationsContent;
    const text = content.map((one) => one.text ?? '').join('');
    return [
      ...citations.map((citation) => delta({ citation })),
      ...piecesOf(text).map((piece) => delta({ text: piece })),
      stop,
    ];
  }
  const { reasoningText, redactedContent } = block.reasoningContent ?? {};
  if (redactedContent !== undefined) return [delta({ reasoningContent: { redactedContent } }), stop];
  if (reasoningText) {
    const { text = '', signature } = reasoningText;
    return [
      ...piecesOf(text).map((piece) => delta({ reasoningContent: { text: piece } })),
      ...(signature === undefined ? [] : [delta({ reasoningContent: { signature } })]),
      stop,
    ];
  }
  return [...piecesOf(block.text ?? '').map((text) => delta({ text })), stop];
}

/** As a model would send it: not at ends of characters. */
function piecesOf(text: string): string[] {
  return text.match(/[\s\S]{1,7}/g) ?? [];
}
