import { textOf, type DocumentBlock, type ImageBlock, type RequestContent } from '../../content/messages.ts';
import type { ServiceTier } from '../../pricing/cost.ts';
import type { ModelEvent } from '../../gateways/ports.ts';
import { countIn, fieldsIn } from '../direct/wire.ts';
import { readableUsage } from '../readableUsage.ts';

/** The system prompt as one text; null without one. */
export function systemText(system: RequestContent['system']): string | null {
  if (system === null || typeof system === 'string') return system;
  return system.map((block) => textOf([block])).join('\n\n');
}

export function dataUrl({ source }: ImageBlock): string {
  return `data:${source.media_type};base64,${source.data}`;
}

/** A PDF as the file that it is. */
export function fileOf({ source, title }: DocumentBlock): { filename: string; file_data: string } {
  return { filename: title || 'document.pdf', file_data: `data:${source.media_type};base64,${source.data}` };
}

/** A document of text as a text; null for a PDF. */
export function textOfDocument({ source, title, context }: DocumentBlock): string | null {
  if (source.media_type === 'application/pdf') return null;
  const text = source.type === 'text' ? source.data : Buffer.from(source.data, 'base64').toString('utf8');
  return [title, context, text].filter(Boolean).join('\n\n');
}

/** How a call was served; undefined for tiers without a price of their own. */
export function tierOf(told: unknown): ServiceTier | undefined {
  switch (told) {
    case 'default':
    case 'scale':
      return 'standard';
    case 'flex':
      return 'flex';
    case 'priority':
    case 'fast':
      return 'priority';
    default:
      return undefined;
  }
}

/** The usage event; `input` includes what was read from and written to the cache. Throws `stream_incomplete`. */
export function usageEvent(
  { input, output, total, details }: { input: unknown; output: unknown; total: unknown; details: unknown },
  serviceTier: unknown,
): ModelEvent {
  const { cached_tokens, cache_write_tokens, cache_write_tokens_details } = fieldsIn(details);
  const read = countIn(cached_tokens);
  const written = countIn(cache_write_tokens);
  // What is kept longer costs more; without a price of its own it is charged at the dearest.
  const long = countIn(fieldsIn(cache_write_tokens_details)['ttl_12h_tokens']);
  return {
    type: 'usage',
    usage: readableUsage({
      input: countIn(input) - read - written,
      output: countIn(output),
      cacheRead: read,
      cacheWrite5m: written - long,
      cacheWrite1h: long,
    }),
    total: typeof total === 'number' ? total : undefined,
    serviceTier: tierOf(serviceTier),
  };
}

/** Numbers the blocks of an answer in the order in which they begin. */
export class BlockNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #open = new Set<number>();

  of(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(key, number);
    this.#open.add(number);
    return number;
  }

  has(key: string): boolean {
    return this.#numbers.has(key);
  }

  /** Ends the block with this key and those whose keys are below it, or all of them, if they are open. */
  end(above?: string): ModelEvent[] {
    return [...this.#numbers].flatMap(([key, index]) =>
      (above === undefined || key === above || key.startsWith(`${above}/`)) && this.#open.delete(index)
        ? [{ type: 'block_end' as const, index }]
        : [],
    );
  }
}
