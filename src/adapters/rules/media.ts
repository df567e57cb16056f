import type { ContentBlock, DocumentBlock, ImageBlock, ResultBlock } from '../../content/messages.ts';
import { refused } from './refused.ts';
import type { Turn } from './turns.ts';

/** What a service makes of images, documents and texts, in turns and in the results of tools. */
export interface MediaRules {
  mostImages: number;
  image: (block: ImageBlock) => ImageBlock;
  document: (block: DocumentBlock) => DocumentBlock;
  text?: <Block extends ContentBlock | ResultBlock>(block: Block) => Block;
}

/** Turns with every image, document and text as the rules make it. */
export function mappedMedia(turns: readonly Turn[], rules: MediaRules): Turn[] {
  const images = turns
    .flatMap(({ content }) => content.flatMap(partsOf))
    .filter(({ type }) => type === 'image');
  if (images.length > 0 && rules.mostImages === 0) throw refused('this model takes no images');
  if (images.length > rules.mostImages)
    throw refused(`a call takes at most ${rules.mostImages} images, and this has ${images.length}`);
  const mapped = <Part extends ContentBlock | ResultBlock>(part: Part): Part => {
    if (part.type === 'image') return rules.image(part) as Part;
    if (part.type === 'document') return rules.document(part) as Part;
    return rules.text ? rules.text(part) : part;
  };
  return turns.map(({ role, content }) => ({
    role,
    content: content.map((block) =>
      block.type === 'tool_result' && typeof block.content === 'object'
        ? { ...block, content: block.content.map(mapped) }
        : mapped(block),
    ),
  }));
}

function partsOf(block: ContentBlock): (ContentBlock | ResultBlock)[] {
  return block.type === 'tool_result' && typeof block.content === 'object' ? block.content : [block];
}
