import type { CacheControl, ContentBlock, TextBlock, Tool } from '../../content/messages.ts';
import type { FamilyRules } from './families.ts';
import type { Turn } from './turns.ts';

/** The most cache points of a call. */
const mostCachePoints = 4;

type Cacheable = Tool | ContentBlock;

interface CacheableParts {
  tools: readonly Tool[];
  system: readonly TextBlock[];
  turns: readonly Turn[];
}

/** The parts of a request with the cache points that the model takes; without the others a call only costs more. */
export function placeCachePoints(
  { tools, system, turns }: CacheableParts,
  { cachePoints }: FamilyRules,
  adjust: (sentence: string) => void,
): { tools: Tool[]; system: TextBlock[]; turns: Turn[] } {
  const places = [
    ...(cachePoints?.inTools ? tools : []),
    ...(cachePoints ? [...system, ...turns.flatMap(({ content }) => content)].filter(endsReadable) : []),
  ].filter(isCached);
  // The last points have the most before them.
  const kept = shorterLast(places.slice(-mostCachePoints), cachePoints?.ttl ?? false);

  function withPoint<Part extends Cacheable>(part: Part): Part {
    const before = isCached(part) ? part.cache_control : undefined;
    const point = kept.get(part);
    if (point === before) return part;
    adjust('Cache points that this model doesn’t take where they stood were left out or shortened.');
    const { cache_control: _before, ...rest } = part as Part & { cache_control?: CacheControl };
    return { ...rest, ...(point && { cache_control: point }) } as Part;
  }

  return {
    tools: tools.map(withPoint),
    system: system.map(withPoint),
    turns: turns.map(({ role, content }) => ({ role, content: content.map(withPoint).map(withoutInner) })),
  };
}

function isCached(part: Cacheable): part is Cacheable & { cache_control: CacheControl } {
  return 'cache_control' in part && part.cache_control !== undefined;
}

/** Behind a document other than a PDF no cache point may stand. */
function endsReadable(block: ContentBlock): boolean {
  return block.type !== 'document' || block.source.media_type === 'application/pdf';
}

/** The point of each part; what keeps for an hour stands before what keeps for five minutes. */
function shorterLast(
  places: readonly (Cacheable & { cache_control: CacheControl })[],
  takesTtl: boolean,
): Map<Cacheable, CacheControl> {
  let short = !takesTtl;
  return new Map(
    places.map((part) => {
      const { cache_control: point } = part;
      const fits = point.ttl === undefined || (takesTtl && (point.ttl === '5m' || !short));
      short ||= point.ttl !== '1h';
      return [part, fits ? point : { type: 'ephemeral' }];
    }),
  );
}

/** Within a tool's result there are none. */
function withoutInner(block: ContentBlock): ContentBlock {
  if (block.type !== 'tool_result' || typeof block.content !== 'object') return block;
  const content = block.content.map((part) => {
    if (part.type === 'json') return part;
    const { cache_control: _before, ...rest } = part;
    return rest;
  });
  return { ...block, content };
}
