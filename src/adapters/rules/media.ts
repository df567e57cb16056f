import type { ContentBlock, DocumentBlock, ImageBlock, ResultBlock } from '../../content/messages.ts';
import { imageFacts } from '../../content/media.ts';
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

/** An image within a service's limits, of bytes and of pixels a side, under the type that it is. */
export function checkedImage(
  block: ImageBlock,
  { mostBytes, mostPixels = Infinity }: { mostBytes: number; mostPixels?: number },
  adjust: (sentence: string) => void,
): ImageBlock {
  const { source } = block;
  const facts = imageFacts(source.data);
  if (!facts) throw refused('an image must be a whole PNG, JPEG, GIF or WebP');
  const { width, height, type } = facts;
  const bytes = Buffer.byteLength(source.data, 'base64');
  if (bytes > mostBytes)
    throw refused(`an image has at most ${mostBytes} bytes, and one has ${bytes}`, 'Scale it down.');
  if (Math.max(width, height) > mostPixels)
    throw refused(
      `an image has at most ${mostPixels} pixels a side, and one has ${width} × ${height}`,
      'Scale it down.',
    );
  if (type === source.media_type) return block;
  adjust('An image was sent under the type that its bytes have.');
  return { ...block, source: { ...source, media_type: type } };
}
