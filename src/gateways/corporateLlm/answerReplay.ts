import { blocksOf, type ContentBlock } from '../../content/messages.ts';
import type { ModelEvent } from '../ports.ts';
import type { CachedAnswer } from '../modelCalls.ts';

/** The events by which a model would give the answer: each block in one piece. */
export function eventsOfAnswer({ message, stopReason }: CachedAnswer): ModelEvent[] {
  const events = blocksOf(message.content).flatMap((block, index): ModelEvent[] => [
    ...deltasOf(block, index),
    { type: 'block_end', index },
  ]);
  return stopReason === null ? events : [...events, { type: 'stop', reason: stopReason }];
}

function deltasOf(block: ContentBlock, index: number): ModelEvent[] {
  switch (block.type) {
    case 'text':
      return [
        ...(block.citations ?? []).map((citation): ModelEvent => ({ type: 'citation', index, citation })),
        { type: 'text', index, text: block.text },
      ];
    case 'thinking':
      return [
        { type: 'thinking', index, text: block.thinking },
        ...(block.signature === undefined
          ? []
          : [{ type: 'signature' as const, index, signature: block.signature }]),
      ];
    case 'redacted_thinking':
      return [{ type: 'redacted_thinking', index, data: block.data }];
    case 'tool_use':
      return [
        { type: 'tool_use_start', index, id: block.id, name: block.name },
        { type: 'tool_use_input', index, json: JSON.stringify(block.input) },
      ];
    default:
      // An answer has no other blocks.
      return [];
  }
}
