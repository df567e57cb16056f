import type { ContentBlock, DocumentBlock, ResultBlock } from '../../content/messages.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import { checkedImage } from '../rules/media.ts';
import { refused } from '../rules/refused.ts';
import type { Turn } from '../rules/turns.ts';

const mostImages = 20;
const mostDocuments = 5;
/** In base64 an image may have 5 MB. */
const imageLimits = { mostBytes: 3_932_160, mostPixels: 8_000 };
const mostDocumentBytes = 4_500_000;
const mostTitleCharacters = 200;

/** Turns whose images and documents Converse takes. Throws `invalid_request`, naming the rule. */
export function turnsWithMedia(
  turns: readonly Turn[],
  model: Model,
  adjust: (sentence: string) => void,
): Turn[] {
  const parts = turns.flatMap(({ content }) => content.flatMap(partsOf));
  requireCounts(parts, model);
  for (const { content } of turns) requireTextBeside(content);
  const titles = new Set<string>();
  const media = <Part extends ContentBlock | ResultBlock>(block: Part): Part => {
    if (block.type === 'image') return checkedImage(block, imageLimits, adjust) as Part;
    if (block.type === 'document') return checkedDocument(block, titles, adjust) as Part;
    return block;
  };
  return turns.map(({ role, content }) => ({
    role,
    content: content.map((block) =>
      block.type === 'tool_result' && typeof block.content === 'object'
        ? { ...block, content: block.content.map(media) }
        : media(block),
    ),
  }));
}

function partsOf(block: ContentBlock): (ContentBlock | ResultBlock)[] {
  return block.type === 'tool_result' && typeof block.content === 'object' ? block.content : [block];
}

function requireCounts(parts: readonly (ContentBlock | ResultBlock)[], { supports }: Model): void {
  const count = (type: string): number => parts.filter((part) => part.type === type).length;
  const [images, documents] = [count('image'), count('document')];
  if (images > 0 && supports['vision'] === false) throw refused('this model takes no images');
  if (images > mostImages) throw refused(`a call takes at most ${mostImages} images, and this has ${images}`);
  if (documents > mostDocuments)
    throw refused(`a call takes at most ${mostDocuments} documents, and this has ${documents}`);
}

function requireTextBeside(content: readonly ContentBlock[]): void {
  const has = (type: string): boolean => content.some((block) => block.type === type);
  if (has('document') && !has('text'))
    throw refused('beside a document there must be a text', 'Say what is to be done with the document.');
}

/** A document that Converse takes, under a title that no other has. */
function checkedDocument(
  block: DocumentBlock,
  titles: Set<string>,
  adjust: (sentence: string) => void,
): DocumentBlock {
  const { source, title } = block;
  const bytes =
    source.type === 'text' ? Buffer.byteLength(source.data) : Buffer.byteLength(source.data, 'base64');
  if (bytes === 0) throw refused('a document must not be empty');
  if (bytes > mostDocumentBytes)
    throw refused(
      `a document has at most ${mostDocumentBytes} bytes, and one has ${bytes}`,
      'Send a part of it.',
    );
  const free = freeTitle(title ?? '', titles);
  titles.add(free);
  if (title && free !== title) adjust('Titles of documents were brought into the form that Bedrock takes.');
  return { ...block, title: free };
}

/** Letters and digits of ASCII, hyphens, brackets and single spaces; with a number where another has it. */
function freeTitle(title: string, taken: ReadonlySet<string>): string {
  const clean = title
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9\s()[\]-]/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const first = clean.slice(0, mostTitleCharacters).trim() || 'Document';
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? '' : ` (${number})`;
    const name = `${first.slice(0, mostTitleCharacters - suffix.length).trim()}${suffix}`;
    if (!taken.has(name)) return name;
  }
}
